// The verb "traffic forms": in which form the proxy should ship. Size, start and memory of each way to publish it.

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>A way to publish.</summary>
/// <param name="Name">In the table.</param>
/// <param name="Description">What it is.</param>
/// <param name="Properties">MSBuild properties that differ from what ships.</param>
internal sealed record Form(string Name, string Description, IReadOnlyList<string> Properties);

/// <summary>What was measured of a form.</summary>
/// <param name="Form">The form.</param>
/// <param name="Failure">Why it cannot be published here; null when it can.</param>
/// <param name="Bytes">Size of all its files.</param>
/// <param name="Start">Median time from exec to the first good answer of /healthz, milliseconds.</param>
/// <param name="Idle">Resident memory.</param>
internal sealed record FormResult(Form Form, string? Failure, long Bytes, double Start, IdleMemory? Idle);

/// <summary>The verb "traffic forms".</summary>
internal static class FormsCommand
{
    private const string Section = "forms";
    private const int Starts = 7;

    /// <summary>All forms.</summary>
    public static IReadOnlyList<Form> All { get; } =
    [
        new("shipped", "self-contained single file, partly trimmed, what the verbs run compiled ahead of time: what proxy/RedisHaProxy.csproj says", []),
        new("at-run-time", "the same, all of it compiled at run time", ["PublishReadyToRun=false"]),
        new("compressed", "the same, compressed", ["PublishReadyToRun=false", "EnableCompressionInSingleFile=true"]),
        new("ready-to-run", "the same, all of it compiled ahead of time (ReadyToRun)", ["PublishReadyToRunComposite=true"]),
        new("untrimmed", "self-contained single file with the whole framework", ["PublishTrimmed=false", "PublishReadyToRun=false"]),
        new("untrimmed-ready-to-run", "the same, compiled ahead of time as well", ["PublishTrimmed=false", "PublishReadyToRunComposite=true"]),
        new("native-aot", "native code without a runtime (NativeAOT): needs the C tool-chain of the machine it is for",
            ["PublishAot=true", "PublishSingleFile=false", "PublishTrimmed=true", "PublishReadyToRun=false"]),
    ];

    public static Command Create()
    {
        var names = All.Select(f => f.Name).ToArray();
        var form = new Option<string[]>("--form") { Description = $"Only these: {string.Join(", ", names)}.", AllowMultipleArgumentsPerToken = true };
        var document = new Option<string?>("--document")
        {
            Description = $"A Markdown file whose text between <!-- {Section} --> and <!-- /{Section} --> is "
            + $"replaced by the table."
        };
        form.Validators.Add(r => OptionRules.CheckNames(r, r.GetValueOrDefault<string[]>(), names));
        document.Validators.Add(r => OptionRules.Check(
            r.GetValueOrDefault<string?>() is not { } file || MarkdownSection.IsIn(file, Section), r,
            $"--document: {r.GetValueOrDefault<string?>()} is not a file with the lines <!-- {Section} --> and <!-- /{Section} -->"));
        var command = new Command("forms", "Publishes the proxy in each form that .NET knows, and compares size, start and memory.") { form, document };
        command.SetAction((parse, cancellationToken) => Interruptible.RunAsync("bench forms", async () =>
        {
            if (TrafficCommand.Missing() is { } missing)
            {
                Console.Error.WriteLine($"bench forms: {missing}");
                return 1;
            }

            var only = parse.GetValue(form) ?? [];
            var results = await MeasureAsync([.. All.Where(f => only.Length == 0 || only.Contains(f.Name))], cancellationToken);
            var table = ToMarkdown(results);
            Console.WriteLine(table);
            if (parse.GetValue(document) is { } file)
            {
                MarkdownSection.Replace(file, Section, table);
            }

            return 0;
        }));
        return command;
    }

    /// <summary>The table.</summary>
    internal static string ToMarkdown(IReadOnlyList<FormResult> results)
    {
        var text = new StringBuilder();
        text.Append("| | size, MB | exec to /healthz, ms | resident, MB | with 9,000 idle connections, MB | |\n|---|---:|---:|---:|---:|---|\n");
        foreach (var result in results)
        {
            text.Append(result.Failure is { } failure
                ? $"| {result.Form.Name} | - | - | - | - | {result.Form.Description}. Cannot be published here: {failure.Replace('|', '/')} |\n"
                : string.Create(CultureInfo.InvariantCulture, $"| {result.Form.Name} | {result.Bytes / 1e6:0.0} | {result.Start:0} | {Resident(result, 0)} | "
                    + $"{Resident(result, IdleMemory.Steps[^1])} | {result.Form.Description} |\n"));
        }

        return text.ToString();
    }

    private static string Resident(FormResult result, int connections)
        => result.Idle is { } idle ? (idle.Resident[connections] / 1e6).ToString("0.0", CultureInfo.InvariantCulture) : "-";

    private static async Task<IReadOnlyList<FormResult>> MeasureAsync(IReadOnlyList<Form> forms, CancellationToken cancellationToken)
    {
        var published = new List<(Form Form, string? Program, string? Failure)>();
        foreach (var form in forms)
        {
            Console.Error.WriteLine($"Publishing {form.Name}");
            try
            {
                published.Add((form, await PublishedProxy.PublishAsync(form.Name, form.Properties, cancellationToken), null));
            }
            catch (InvalidOperationException e)
            {
                published.Add((form, null, e.Message));
            }
        }

        await using var deployment = await Stage.StartDeploymentAsync(namespaces: false, cancellationToken);
        var results = new List<FormResult>();
        foreach (var (form, program, failure) in published)
        {
            if (program is null)
            {
                results.Add(new(form, failure, 0, 0, null));
                continue;
            }

            var starts = new List<double>();
            for (var i = 0; i < Starts; i++)
            {
                starts.Add(await StartAsync(program, deployment, cancellationToken));
            }

            var engines = await Contenders.EnginesOfAsync(program, cancellationToken);
            var idle = await IdleMemory.MeasureAsync(Contenders.All(program, engines).First(c => c.IsDefault), deployment, cancellationToken);
            results.Add(new(form, null, Directory.EnumerateFiles(Path.GetDirectoryName(program)!).Sum(f => new FileInfo(f).Length),
                Statistics.Median(starts), idle));
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{form.Name}: starts in {Statistics.Median(starts):0} ms, "
                + $"{string.Join(", ", idle.Resident.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Value / 1e6:0.0} MB with {r.Key}")))}"));
        }

        return results;
    }

    /// <summary>Milliseconds from the exec to the first good answer of /healthz.</summary>
    private static async Task<double> StartAsync(string program, RedisDeployment deployment, CancellationToken cancellationToken)
    {
        var admin = new IPEndPoint(IPAddress.Loopback, FreePorts.Take());
        var begin = Stopwatch.GetTimestamp();
        using var process = Contenders.StartOurs(program, null, deployment, new(IPAddress.Loopback, FreePorts.Take()), admin);
        await Eventually.HoldsAsync(
            () => process.HasExited ? throw new InvalidOperationException($"it ended: {process.LogTail(5)}") : IsHealthy(admin),
            () => $"/healthz answers: {process.LogTail(5)}", every: TimeSpan.FromMilliseconds(1), cancellationToken: cancellationToken);
        return Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
    }

    private static bool IsHealthy(IPEndPoint admin)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 5000 };
        socket.Connect(admin);
        socket.Send("GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"u8);
        var reply = new byte[12];
        var read = socket.Receive(reply);
        return Encoding.ASCII.GetString(reply, 0, read) == "HTTP/1.1 200";
    }
}
