// The verb "failover": all scenarios with all contenders, in turns, and the tables.

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>Options of the verb.</summary>
internal sealed record FailoverOptions
{
    public required int Rounds { get; init; }

    public required IReadOnlyList<Scenario> Scenarios { get; init; }

    public required IReadOnlyList<Contender> Contenders { get; init; }

    public required RedisDeploymentOptions Deployment { get; init; }

    public required string Out { get; init; }

    /// <summary>A Markdown file that takes the tables as well; null for none.</summary>
    public string? Document { get; init; }
}

/// <summary>The verb "failover".</summary>
internal static class FailoverCommand
{
    public static Command Create()
    {
        var contenderNames = Contenders.All("").Select(c => c.Name).ToArray();
        var scenarioNames = Scenarios.All.Select(s => s.Name).ToArray();
        var quick = new Option<bool>("--quick") { Description = "One round of the three main scenarios." };
        var rounds = new Option<int?>("--rounds") { Description = "Rounds of each scenario with each contender: 1 to 100; 3 by default, 1 with --quick." };
        var scenario = new Option<string[]>("--scenario")
        {
            Description = $"Only these: {string.Join(", ", scenarioNames)}.",
            AllowMultipleArgumentsPerToken = true
        };
        var contender = new Option<string[]>("--contender")
        {
            Description = $"Only these: {string.Join(", ", contenderNames)}.",
            AllowMultipleArgumentsPerToken = true
        };
        var output = new Option<string>("--out")
        {
            Description = "Directory for failover.md and failover.json.",
            DefaultValueFactory = _ => "artifacts/failover-bench"
        };
        var downAfter = new Option<int>("--down-after")
        {
            Description = "The Sentinels' down-after-milliseconds, and the proxy's: 1500 to 60000. The "
            + "product's default is 5000; less makes a run short.",
            DefaultValueFactory = _ => 2000
        };
        var minReplicas = new Option<int>("--min-replicas")
        {
            Description = "min-replicas-to-write: 0 or 1. The product's default is 1; 0 shows what a proxy "
            + "does where Redis does not fence.",
            DefaultValueFactory = _ => 1
        };
        var namespaces = new Option<bool>("--namespaces")
        {
            Description = "Clients, proxy and nodes in network namespaces of their own in every scenario; with the contender redis-ha-proxy-hand-over. "
            + "Needs root.",
        };
        var proxy = new Option<string>("--proxy")
        {
            Description = "The redis-ha-proxy to measure; the one built with the bench by default.",
            DefaultValueFactory = _ => Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy")
        };
        var document = new Option<string?>("--document")
        {
            Description = "A Markdown file whose text between <!-- results --> and <!-- /results --> is "
            + "replaced by the tables; with --min-replicas 0 between <!-- results without fence --> and its end."
        };
        rounds.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 1 and <= 100), r, "--rounds must be from 1 to 100"));
        scenario.Validators.Add(r => OptionRules.CheckNames(r, r.GetValueOrDefault<string[]>(), scenarioNames));
        contender.Validators.Add(r => OptionRules.CheckNames(r, r.GetValueOrDefault<string[]>(), contenderNames));
        downAfter.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or (>= 1500 and <= 60_000), r,
            "--down-after must be from 1500 to 60000 milliseconds"));
        minReplicas.Validators.Add(r => OptionRules.Check(OptionRules.NumberOf(r) is null or 0 or 1, r, "--min-replicas must be 0 or 1"));
        proxy.Validators.Add(r => OptionRules.Check(File.Exists(r.GetValueOrDefault<string>()), r,
            $"--proxy: there is no file {r.GetValueOrDefault<string>()}"));

        var command = new Command("failover", "What clients see of each kind of failover through our proxy and through HAProxy, on real Redis and Sentinel "
            + "processes. Exits 1 when our proxy misses a bar.")
        {
            quick, rounds, scenario, contender, output, document, downAfter, minReplicas, namespaces, proxy,
        };
        command.SetAction(async (parse, cancellationToken) =>
        {
            var section = FailoverReport.SectionOf(parse.GetValue(minReplicas));
            if (parse.GetValue(document) is { } file && !MarkdownSection.IsIn(file, section))
            {
                Console.Error.WriteLine($"--document: {file} is not a file with the lines <!-- {section} --> and <!-- /{section} -->");
                return 2;
            }

            var isQuick = parse.GetValue(quick);
            var only = parse.GetValue(scenario) ?? [];
            var against = parse.GetValue(contender) ?? [];
            var apart = parse.GetValue(namespaces);
            if (apart && Installed.MissingForNamespaces() is { } missing)
            {
                Console.Error.WriteLine($"failover-bench: --namespaces: {missing}");
                return 1;
            }

            if (!apart && Contenders.All("").FirstOrDefault(c => c.HandsOver && against.Contains(c.Name)) is { } homeless)
            {
                Console.Error.WriteLine($"failover-bench: {homeless.Name} needs --namespaces");
                return 1;
            }

            return await RunAsync(
                new FailoverOptions
                {
                    Rounds = parse.GetValue(rounds) ?? (isQuick ? 1 : 3),
                    Scenarios = [.. Scenarios.All.Where(s => only.Length > 0 ? only.Contains(s.Name) : !isQuick || s.Quick)],
                    Contenders = [.. Contenders.All(Path.GetFullPath(parse.GetValue(proxy)!))
                        .Where(c => (against.Length == 0 || against.Contains(c.Name)) && (apart || !c.HandsOver))],
                    Deployment = new RedisDeploymentOptions
                    {
                        AsProduct = true,
                        DownAfterMilliseconds = parse.GetValue(downAfter),
                        FailoverTimeoutMilliseconds = 60_000,
                        MinReplicas = parse.GetValue(minReplicas),
                        Namespaces = apart,
                    },
                    Out = parse.GetValue(output)!,
                    Document = parse.GetValue(document),
                },
                cancellationToken);
        });
        return command;
    }

    /// <summary>Runs the benchmark.</summary>
    /// <returns>Exit code.</returns>
    internal static async Task<int> RunAsync(FailoverOptions options, CancellationToken cancellationToken)
    {
        string[] programs = ["redis-server", "redis-sentinel", .. options.Contenders.Any(c => !c.IsOurs) ? new[] { "haproxy" } : []];
        if (Installed.Missing(programs) is { } missing)
        {
            Console.Error.WriteLine($"failover-bench: {missing} (Debian, Ubuntu: apt-get install redis-server redis-sentinel haproxy util-linux)");
            return 1;
        }

        var scenarios = options.Scenarios;
        if (scenarios.Any(s => s.Namespaces) && Installed.MissingForNamespaces() is { } missingForNamespaces)
        {
            Console.Error.WriteLine($"failover-bench: without {string.Join(", ", scenarios.Where(s => s.Namespaces).Select(s => s.Name))}: "
                + $"{missingForNamespaces}");
            scenarios = [.. scenarios.Where(s => !s.Namespaces)];
        }

        GCSettings.LatencyMode = GCLatencyMode.SustainedLowLatency;
        var begun = DateTimeOffset.UtcNow;
        var environment = await DescribeEnvironmentAsync(options.Deployment, cancellationToken);
        var all = new Dictionary<(string, string), List<Measurements>>();
        var total = options.Rounds * scenarios.Count * options.Contenders.Count;
        var done = 0;
        var stageFailures = 0;
        var start = Stopwatch.GetTimestamp();

        // Rounds outside, contenders inside: whatever the machine does meanwhile meets all contenders alike.
        for (var round = 1; round <= options.Rounds; round++)
        {
            foreach (var scenario in scenarios)
            {
                foreach (var contender in options.Contenders)
                {
                    var elapsed = Stopwatch.GetElapsedTime(start);
                    var left = done == 0 ? ""
                        : string.Create(CultureInfo.InvariantCulture, $", about {elapsed.TotalMinutes / done * (total - done):0.0} min left");
                    Console.Error.Write(string.Create(CultureInfo.InvariantCulture,
                        $"[{++done}/{total}{left}] round {round}: {scenario.Name} with {contender.Name} ... "));
                    if (await TryMeasureAsync(scenario, contender, options.Deployment, cancellationToken) is not { } figures)
                    {
                        stageFailures++;
                        continue;
                    }

                    Console.Error.WriteLine(Brief(figures));
                    if (!all.TryGetValue((scenario.Name, contender.Name), out var list))
                    {
                        all.Add((scenario.Name, contender.Name), list = []);
                    }

                    list.Add(figures);
                }
            }
        }

        var result = new FailoverResult
        {
            Begun = begun,
            Environment = environment,
            Contenders = options.Contenders.ToDictionary(c => c.Name, c => c.Description),
            Scenarios = scenarios.ToDictionary(s => s.Name, s => s.Description),
            Cases = [.. all.Select(c => new CaseResult
            {
                Scenario = c.Key.Item1,
                Contender = c.Key.Item2,
                Rounds = c.Value,
                Bars = options.Contenders.Any(x => x.Name == c.Key.Item2 && x.IsOurs) ? Bars.Check(scenarios.First(s => s.Name == c.Key.Item1), c.Value) : [],
            })],
        };
        return Conclude(result, options, stageFailures);
    }

    /// <summary>One run, and one more try when the stage itself failed: a deployment that did not start, fail over or converge.</summary>
    private static async Task<Measurements?> TryMeasureAsync(Scenario scenario, Contender contender, RedisDeploymentOptions settings,
        CancellationToken cancellationToken)
    {
        for (var tries = 1; tries <= 2; tries++)
        {
            try
            {
                return Analysis.Measure(await FailoverRun.RunAsync(scenario, contender, settings, new LoadSettings(), cancellationToken), scenario.LastSwitch);
            }
            catch (Exception e) when (e is TimeoutException or InvalidOperationException)
            {
                Console.Error.WriteLine($"no result: {e.Message}");
            }
        }

        return null;
    }

    private static int Conclude(FailoverResult result, FailoverOptions options, int stageFailures)
    {
        var directory = options.Out;
        Directory.CreateDirectory(directory);
        var markdown = FailoverReport.ToMarkdown(result);
        File.WriteAllText(Path.Combine(directory, "failover.md"), markdown);
        File.WriteAllText(Path.Combine(directory, "failover.json"), FailoverReport.ToJson(result));
        if (options.Document is { } document)
        {
            MarkdownSection.Replace(document, FailoverReport.SectionOf(options.Deployment.MinReplicas), markdown);
        }

        Console.WriteLine(markdown);
        var failed = 0;
        foreach (var c in result.Cases.Where(c => c.Bars.Count > 0))
        {
            Console.WriteLine($"Bars of {c.Contender} in {c.Scenario}:");
            foreach (var bar in c.Bars)
            {
                Console.WriteLine($"  {bar}");
                failed += bar.Passes ? 0 : 1;
            }
        }

        Console.WriteLine($"Written: {Path.Combine(directory, "failover.md")} and failover.json");
        if (failed > 0)
        {
            Console.WriteLine($"{failed.ToString(CultureInfo.InvariantCulture)} bars missed");
        }

        if (stageFailures > 0)
        {
            Console.WriteLine($"{stageFailures.ToString(CultureInfo.InvariantCulture)} runs gave no result twice: see the messages above");
        }

        return failed == 0 && stageFailures == 0 ? 0 : 1;
    }

    private static string Brief(Measurements m) => string.Create(
        CultureInfo.InvariantCulture,
        $"outage {m.Persistent.Outage:0}{(m.Persistent.OutageLasts ? "+" : "")}/{m.New.Outage:0}{(m.New.OutageLasts ? "+" : "")} ms, answer "
            + $"{m.Persistent.PromotionToAnswer:0}/{m.New.PromotionToAnswer:0} ms, lost {m.Lost} of {m.Acknowledged}, READONLY {m.ReadOnly}, two targets "
            + $"{m.TwoTargets:0} ms");

    private static async Task<Dictionary<string, string>> DescribeEnvironmentAsync(RedisDeploymentOptions settings, CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string>
        {
            ["CPUs"] = Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture),
            ["load average before"] = (await File.ReadAllTextAsync("/proc/loadavg", cancellationToken)).Split(' ')[0],
            ["kernel"] = Environment.OSVersion.Version.ToString(),
            ["Redis"] = await InstalledVersion.OfAsync("redis-server", cancellationToken),
            ["down-after"] = string.Create(CultureInfo.InvariantCulture, $"{settings.DownAfterMilliseconds} ms"),
            ["min-replicas-to-write"] = settings.MinReplicas.ToString(CultureInfo.InvariantCulture),
        };
        if (Installed.Path("haproxy") is not null)
        {
            environment["HAProxy"] = await InstalledVersion.OfAsync("haproxy", cancellationToken);
        }

        return environment;
    }
}
