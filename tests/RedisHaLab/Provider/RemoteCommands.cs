// Remote commands: a real ssh from the operator's network, through the bastion where the connection has a proxy, with
// the host keys that the command expects. Runs again when its triggers or inputs change, as the Command provider does.

using System.Diagnostics;
using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaProcesses;

namespace RedisHaLab.Provider;

/// <summary>Runs commands on machines.</summary>
internal sealed class RemoteCommands
{
    /// <summary>Pulumi's type of a remote command.</summary>
    public const string Type = "command:remote:Command";

    // The script's own `timeout` ends it before; this one only ends what hangs beyond it.
    private static readonly TimeSpan Limit = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // ssh(1) ends with 255 when the connection failed, and with the command's own code otherwise, which may also be 255.
    private static readonly string[] ConnectionErrors =
    [
        "Connection refused", "Connection timed out", "Connection closed", "Connection reset", "No route to host", "Permission denied",
        "kex_exchange_identification", "banner exchange", "stdio forwarding failed", "Operation timed out", "Network is unreachable",
    ];

    private readonly Lab _lab;

    public RemoteCommands(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers) => makers[Type] = CommandAsync;

    private async Task<Made> CommandAsync(Registration registration)
    {
        var known = registration.Known;
        var isReplaced = known is not null && known.ReplaceHash != registration.TriggersHash;
        if (known is not null && !isReplaced && known.InputsHash == registration.InputsHash)
        {
            return new Made(known.Id, new Dictionary<string, object>
            {
                ["stdout"] = known.Outputs["stdout"]?.GetValue<string>() ?? "",
                ["stderr"] = known.Outputs["stderr"]?.GetValue<string>() ?? "",
            });
        }

        var text = known is not null && !isReplaced ? registration.Inputs.OptionalText("update") ?? registration.Inputs.OptionalText("create")
            : registration.Inputs.OptionalText("create");
        var result = text is null ? new ShellResult(0, "", "") : await RunAsync(registration, text);
        return new Made(isReplaced || known is null ? Registration.NewId("command") : known.Id, new Dictionary<string, object>
        {
            ["stdout"] = result.Output.TrimEnd('\n'),
            ["stderr"] = result.Error.TrimEnd('\n'),
        });
    }

    private async Task<ShellResult> RunAsync(Registration registration, string text)
    {
        var connection = registration.Inputs.Object("connection") ?? throw new LabException("a remote command needs a connection.");
        using var way = new SshWay(_lab, registration.Name, connection);
        var clock = Stopwatch.StartNew();
        var attempts = connection.Number("dialErrorLimit") ?? 10;
        var pause = TimeSpan.FromMilliseconds(100);
        using var stillAtIt = new Timer(_ => _lab.Progress.Say($"{registration.Name}: waiting, {clock.Elapsed.TotalSeconds:0} s so far"), null,
            TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(15));
        for (var attempt = 1; ; attempt++)
        {
            var result = await HostCommand.RunAsync(way.Command(text), registration.Inputs.OptionalText("stdin"), Limit);
            if (result.ExitCode == 0)
            {
                _lab.Progress.Say(string.Create(CultureInfo.InvariantCulture,
                    $"{registration.Name}: {LastLine(result.Output) ?? "done"} ({clock.Elapsed.TotalSeconds:0.0} s)"));
                return result;
            }

            if (result.ExitCode == 255 && result.Error.Contains("Host key verification failed", StringComparison.Ordinal))
            {
                throw new LabException($"the command on {connection.Text("host")} was not sent: a machine answers by SSH with another host key than the "
                    + $"stack gave it:{Environment.NewLine}{HostCommand.Tail(result.Error, 20)}");
            }

            var isConnection = result.ExitCode == 255 && ConnectionErrors.Any(error => result.Error.Contains(error, StringComparison.Ordinal));
            if (!isConnection || attempt >= attempts)
            {
                var tries = isConnection ? $" in all {attempts} attempts" : "";
                // Both, as Pulumi shows them: a reason may be in either.
                var said = HostCommand.Tail($"{result.Output.TrimEnd()}\n{result.Error}".Trim('\n'), 20);
                throw new LabException($"the command on {connection.Text("host")} failed with exit code {result.ExitCode}{tries}:{Environment.NewLine}{said}");
            }

            await Task.Delay(pause);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static string? LastLine(string output) => output.Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault() is { Length: < 160 } line
        ? line : null;
}
