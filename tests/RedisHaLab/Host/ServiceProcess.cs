// Starts the lab's long-lived processes (machines, name service, cloud services) so that they outlive the command:
// in a session and control group of their own, or, where systemd runs the host, as transient units.

using System.Diagnostics;
using System.Globalization;
using RedisHaProcesses;

namespace RedisHaLab.Host;

/// <summary>How a long-lived process is started.</summary>
internal sealed record ServiceProcess
{
    /// <summary>A name that is unique on the host: the unit's name where systemd runs the host.</summary>
    public required string Name { get; init; }

    /// <summary>Program and arguments.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Where its output goes; appended.</summary>
    public required string LogFile { get; init; }

    /// <summary>The control group to enter, relative to each hierarchy's root; unused where systemd runs the host.</summary>
    public required string ControlGroup { get; init; }

    /// <summary>Whether systemd is the host's first process.</summary>
    public static bool HostHasSystemd => Directory.Exists("/run/systemd/system");

    private string Unit => Name + ".service";

    /// <summary>Starts it and returns its identity.</summary>
    /// <exception cref="LabException">It ended at once; the message carries the end of its log.</exception>
    public async Task<ProcessIdentity> StartAsync()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(LogFile)!);
        var identity = HostHasSystemd ? await StartUnitAsync() : StartSession();
        return identity is { IsAlive: true } ? identity : throw new LabException(
            $"{Name} ended at once. Its log {LogFile} ends with:{Environment.NewLine}{HostCommand.Tail(ReadLog(), 15)}");
    }

    private ProcessIdentity? StartSession()
    {
        // The shell enters the group, then becomes the program: setsid does not fork, because a fresh child leads no group.
        const string script = """
            log=$1; groups=$2; shift 2
            for group in $groups; do echo 0 > "$group/cgroup.procs" || exit 1; done
            exec setsid "$@" </dev/null >>"$log" 2>&1
            """;
        var groups = string.Join(' ', Host.ControlGroup.Create(ControlGroup));
        var start = new ProcessStartInfo("/bin/sh", ["-c", script, "sh", LogFile, groups, .. Command]) { UseShellExecute = false };
        var process = Process.Start(start) ?? throw new LabException($"{Name} could not be started.");
        return ProcessIdentity.Of(process.Id);
    }

    private async Task<ProcessIdentity?> StartUnitAsync()
    {
        // A unit of the name whose process has just ended may still be going; `stop` waits for it, and fails where there is none.
        await HostCommand.RunAsync(["systemctl", "stop", Unit]);
        await HostCommand.RunAsync(["systemctl", "reset-failed", Unit]);
        await HostCommand.RequireAsync(["systemd-run", "--quiet", "--collect", "--unit=" + Unit, "--description=Redis HA lab: " + Name,
            "-p", "Delegate=yes", "-p", "KillMode=mixed", "-p", "LimitNOFILE=524288",
            "-p", "StandardOutput=append:" + LogFile, "-p", "StandardError=append:" + LogFile, "--", Installed.Path(Command[0]) ?? Command[0],
                .. Command.Skip(1)]);
        var pid = await HostCommand.RequireAsync(["systemctl", "show", "--property=MainPID", "--value", Unit]);
        return ProcessIdentity.Of(int.Parse(pid.Trim(), CultureInfo.InvariantCulture));
    }

    private string ReadLog() => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";
}
