// The verb "traffic": what the proxy costs, against HAProxy and against no proxy.

using System.CommandLine;
using System.Globalization;
using System.Runtime;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>The verb "traffic".</summary>
internal static class TrafficCommand
{
    // Connections of the greatest load and of the memory's measurement, twice in a proxy, and what else it opens.
    private const int FilesNeeded = (2 * Contenders.ConnectionLimit) + 1200;

    public static Command Create()
    {
        var loadNames = Loads.All.Select(l => l.Name).ToArray();
        var quick = new Option<bool>("--quick") { Description = "One short round within two minutes: shows that all works, proves nothing." };
        var rounds = new Option<int?>("--rounds") { Description = "Rounds of each load with each contender: 1 to 100; 5 by default, 1 with --quick." };
        var seconds = new Option<double?>("--seconds") { Description = "How long a load runs through HAProxy: 0.1 to 60; 2 by default, 0.5 with --quick." };
        var load = new Option<string[]>("--load")
        {
            Description = $"Only these: {string.Join(", ", loadNames)}; none measures memory only.",
            AllowMultipleArgumentsPerToken = true
        };
        var contender = new Option<string[]>("--contender")
        {
            Description = $"Only these: {string.Join(", ", Contenders.Names)}. One of HAProxy's stands for all its versions.",
            AllowMultipleArgumentsPerToken = true
        };
        var noIdle = new Option<bool>("--no-idle") { Description = "Without the memory of idle connections." };
        var namespaces = new Option<bool>("--namespaces")
        {
            Description = "Clients, each proxy and each node in network namespaces with wires between them, instead of the loopback; and what each proxy "
            + "adds to the whole machine's processor time. With the contender ours-hand-over and its bars, and the load c50-new; without fan-out. Needs root.",
        };
        var haProxy = new Option<string[]>("--haproxy")
        {
            Description = "An HAProxy of another version beside the installed one: its path. May be given more than once. The yardstick is the best of all.",
        };
        var profile = new Option<bool>("--profile") { Description = "Also count system calls and take profiles with perf. Needs root." };
        var proxy = new Option<string?>("--proxy") { Description = "The redis-ha-proxy to measure; by default the one that ships is published first." };
        var output = new Option<string>("--out")
        {
            Description = "Directory for performance.md, .json and .svg.",
            DefaultValueFactory = _ => "artifacts/bench"
        };
        var document = new Option<string?>("--document")
        {
            Description = "A Markdown file whose text between <!-- results --> and <!-- /results --> is "
            + "replaced by the tables; the plot goes beside it, under the same name."
        };
        rounds.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 1 and <= 100), r, "--rounds must be from 1 to 100"));
        seconds.Validators.Add(r => OptionRules.Check(
            r.Tokens.Count != 1 || !double.TryParse(r.Tokens[0].Value, CultureInfo.InvariantCulture, out var given) || given is >= 0.1 and <= 60, r,
                "--seconds must be from 0.1 to 60"));
        load.Validators.Add(r => OptionRules.CheckNames(r, r.GetValueOrDefault<string[]>(), [.. loadNames, "none"]));
        contender.Validators.Add(r => OptionRules.CheckNames(r, r.GetValueOrDefault<string[]>(), [.. Contenders.Names]));
        haProxy.Validators.Add(r => OptionRules.Check(r.GetValueOrDefault<string[]>().FirstOrDefault(file => !File.Exists(file)) is not { } missing, r,
            $"--haproxy: there is no file {r.GetValueOrDefault<string[]>().FirstOrDefault(file => !File.Exists(file))}"));
        proxy.Validators.Add(r => OptionRules.Check(r.GetValueOrDefault<string?>() is not { } file || File.Exists(file), r,
            $"--proxy: there is no file {r.GetValueOrDefault<string?>()}"));
        document.Validators.Add(r => OptionRules.Check(
            r.GetValueOrDefault<string?>() is not { } file || MarkdownSection.IsIn(file, TrafficReport.Section), r,
            $"--document: {r.GetValueOrDefault<string?>()} is not a file with the lines <!-- {TrafficReport.Section} --> and <!-- "
                + $"/{TrafficReport.Section} -->"));

        var command = new Command("traffic", "What the proxy that ships costs under load, against HAProxy as well tuned as it can be and against no proxy, "
            + "on a real Redis deployment on this machine. Exits 1 when the default engine misses a bar.")
        {
            quick, rounds, seconds, load, contender, noIdle, namespaces, haProxy, profile, proxy, output, document,
        };
        command.Add(FormsCommand.Create());
        command.SetAction((parse, cancellationToken) => Interruptible.RunAsync("bench", async () =>
        {
            var isQuick = parse.GetValue(quick);
            var only = parse.GetValue(load) ?? [];
            var against = parse.GetValue(contender) ?? [];
            if (Missing() is { } missing)
            {
                Console.Error.WriteLine($"bench: {missing}");
                return 1;
            }

            var apart = parse.GetValue(namespaces);
            if (apart && Installed.MissingForNamespaces() is { } missingForNamespaces)
            {
                Console.Error.WriteLine($"bench: --namespaces: {missingForNamespaces}");
                return 1;
            }

            if (!apart && Contenders.All("", []).FirstOrDefault(c => c.HandsOver && against.Contains(c.Name)) is { } homeless)
            {
                Console.Error.WriteLine($"bench: {homeless.Name} needs --namespaces");
                return 1;
            }

            var program = parse.GetValue(proxy) is { } given ? Path.GetFullPath(given) : await PublishShippedAsync(cancellationToken);
            var engines = await Contenders.EnginesOfAsync(program, cancellationToken);
            var (haProxies, twice) = await HaProxiesAsync(parse.GetValue(haProxy) ?? [], cancellationToken);
            if (twice is not null)
            {
                Console.Error.WriteLine($"bench: {twice}");
                return 1;
            }

            return await RunAsync(
                new TrafficOptions
                {
                    Rounds = parse.GetValue(rounds) ?? (isQuick ? 1 : 5),
                    Seconds = parse.GetValue(seconds) ?? (isQuick ? 0.5 : 2),
                    Loads = [.. Loads.All.Where(l => (only.Length == 0 || only.Contains(l.Name)) && (apart ? !l.FanOut : !l.NeedsNamespaces))],
                    Contenders =
                    [
                        .. Contenders.All(program, engines, haProxies)
                            .Where(c => (against.Length == 0 || against.Contains(c.Family)) && (apart || !c.HandsOver)),
                    ],
                    Namespaces = apart,
                    HaProxies = haProxies,
                    IdleRounds = parse.GetValue(noIdle) ? 0 : isQuick || apart ? 1 : 3,
                    Profile = parse.GetValue(profile),
                },
                program, parse.GetValue(output)!, parse.GetValue(document), cancellationToken);
        }));
        return command;
    }

    // The installed one first, whose contenders have no version in their names; two of one version would have the same names.
    private static async Task<(IReadOnlyList<HaProxyVersion> More, string? Twice)> HaProxiesAsync(
        IReadOnlyList<string> programs, CancellationToken cancellationToken)
    {
        var more = new List<HaProxyVersion>();
        foreach (var program in programs.Select(Path.GetFullPath))
        {
            var one = new HaProxyVersion(program, await InstalledVersion.OfAsync(program, cancellationToken));
            if (more.FirstOrDefault(other => other.Short == one.Short) is { } same)
            {
                return ([], $"--haproxy: {same.Program} and {program} are both {one.Short}");
            }

            more.Add(one);
        }

        return (more, null);
    }

    /// <summary>Why nothing can be measured here; null when it can.</summary>
    internal static string? Missing()
    {
        if (Installed.Missing("redis-server", "redis-sentinel", "redis-benchmark", "haproxy") is { } programs)
        {
            return $"{programs} (Debian, Ubuntu: apt-get install redis-server redis-sentinel redis-tools haproxy util-linux)";
        }

        var limit = File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];
        return long.TryParse(limit, CultureInfo.InvariantCulture, out var files) && files < FilesNeeded
            ? string.Create(CultureInfo.InvariantCulture, $"a process may open {files} files here, {FilesNeeded} are needed (ulimit -Hn)")
            : null;
    }

    /// <summary>Publishes what ships, and says so.</summary>
    internal static async Task<string> PublishShippedAsync(CancellationToken cancellationToken)
    {
        Say("Publishing the proxy as it ships");
        return await PublishedProxy.PublishAsync("shipped", [], cancellationToken);
    }

    internal static async Task<int> RunAsync(TrafficOptions options, string program, string output, string? document, CancellationToken cancellationToken)
    {
        var begun = DateTimeOffset.UtcNow;
        var environment = await DescribeAsync(options, program, cancellationToken);
        Say("Starting three Redis nodes and three Sentinels");
        GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
        await using var deployment = await Stage.StartDeploymentAsync(options.Namespaces, cancellationToken);
        var run = new TrafficRun(options, deployment, Say, cancellationToken);
        var (cases, idle, profiles) = await run.RunAsync();
        var contenders = options.Contenders.Select(c => new ContenderResult(c.Name, c.Description, c.Kind, c.IsDefault, c.IsVariant)).ToArray();
        var result = new TrafficResult
        {
            Begun = begun,
            Environment = environment,
            Contenders = contenders,
            Loads = options.Loads.ToDictionary(l => l.Name, l => l.Description),
            Cases = cases,
            Idle = idle,
            Comparisons = Comparison.Of(contenders, cases),
            Added = AddedCost.Of(contenders, cases),
            Profiles = profiles,
        };
        result = result with { Bars = options.Namespaces ? HandOverBars.Check(result, options.Contenders) : TrafficBars.Check(result) };
        return Conclude(options, result, run.Failures, output, document);
    }

    private static int Conclude(TrafficOptions options, TrafficResult result, int failures, string output, string? document)
    {
        Directory.CreateDirectory(output);
        var plot = RatioPlot.Draw(result, options.Namespaces ? HandOverBars.LimitOf : TrafficBars.LimitOf);
        File.WriteAllText(Path.Combine(output, "performance.svg"), plot);
        File.WriteAllText(Path.Combine(output, "performance.json"), TrafficReport.ToJson(result));
        var markdown = TrafficReport.ToMarkdown(result, "performance.svg");
        File.WriteAllText(Path.Combine(output, "performance.md"), markdown);
        if (document is not null)
        {
            var beside = Path.ChangeExtension(document, ".svg");
            File.WriteAllText(beside, plot);
            MarkdownSection.Replace(document, TrafficReport.Section, TrafficReport.ToMarkdown(result, Path.GetFileName(beside)));
        }

        Console.WriteLine(markdown);
        foreach (var ours in result.Bars.GroupBy(b => b.Contender))
        {
            Console.WriteLine($"Bars of {ours.Key}:");
            foreach (var bar in ours)
            {
                Console.WriteLine($"  {bar}");
            }
        }

        Console.WriteLine($"Written: {Path.Combine(output, "performance.md")}, performance.json and performance.svg");
        var missed = result.Bars.Count(b => !b.Passes && (options.Namespaces || result.Contenders.First(c => c.Name == b.Contender).IsDefault));
        if (missed > 0)
        {
            Console.WriteLine($"{missed.ToString(CultureInfo.InvariantCulture)} bars missed");
        }

        if (failures > 0)
        {
            Console.WriteLine($"{failures.ToString(CultureInfo.InvariantCulture)} runs gave no result twice: see the messages above");
        }

        return missed == 0 && failures == 0 ? 0 : 1;
    }

    private static async Task<Dictionary<string, string>> DescribeAsync(TrafficOptions options, string program, CancellationToken cancellationToken) => new()
    {
        ["CPUs"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
        ["load average before"] = (await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0],
        ["kernel"] = Environment.OSVersion.Version.ToString(),
        ["congestion control"] = (await File.ReadAllTextAsync("/proc/sys/net/ipv4/tcp_congestion_control", cancellationToken)).Trim(),
        ["Redis"] = await InstalledVersion.OfAsync("redis-server", cancellationToken),
        ["HAProxy"] = string.Join(" and ", options.HaProxies.Select(one => one.Version).Prepend(await InstalledVersion.OfAsync("haproxy", cancellationToken))),
        ["the proxy's file"] = string.Create(CultureInfo.InvariantCulture, $"{new FileInfo(program).Length / 1e6:0.0} MB"),
        ["rounds"] = options.Rounds.ToString(CultureInfo.InvariantCulture),
    };

    private static void Say(string line) => Console.Error.WriteLine(line);
}
