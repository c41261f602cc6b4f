// One running machine: systemd-nspawn with a network namespace and a control group of its own, the console in a log.

using System.Globalization;
using System.Text.Json;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Machines;

/// <summary>How far a machine has come.</summary>
internal enum MachinePhase
{
    /// <summary>No process of it runs.</summary>
    Off,

    /// <summary>It runs; cloud-init has not finished.</summary>
    Booting,

    /// <summary>cloud-init finished without an error.</summary>
    Ready,

    /// <summary>cloud-init finished with errors.</summary>
    Failed,
}

/// <summary>Starts, stops and enters one machine.</summary>
internal sealed class Machine
{
    // nspawn(1): RTMIN+4 asks systemd to power off; 34 is SIGRTMIN for programs built against glibc.
    private const int PowerOffSignal = 34 + 4;

    // A restart from inside ends nspawn with 133 and leaves it to whoever started it to do it again (--keep-unit; RestartForceExitStatus in
    // systemd-nspawn@.service). Everything else is a machine that is off.
    private const string Restarting = "while \"$@\"; [ $? = 133 ]; do :; done";

    private static readonly string[] InnerEnvironment =
        ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root", "LANG=C.UTF-8"];

    private readonly LabPaths _paths;

    public Machine(LabPaths paths, MachineSpec spec)
    {
        _paths = paths;
        Spec = spec;
    }

    /// <summary>What it is made of.</summary>
    public MachineSpec Spec { get; }

    /// <summary>The machine's first process, as the host sees it; null while it is off, and for a moment of its own restart.</summary>
    public ProcessIdentity? Leader
    {
        get
        {
            var leader = PidFile.Read(_paths, LeaderFile);
            if (leader is null or { IsAlive: true })
            {
                return leader;
            }

            // It has restarted by itself, so it has another first process.
            if (Supervisor is not { } supervisor || FindLeader(supervisor) is not { } next)
            {
                return null;
            }

            PidFile.Write(_paths, LeaderFile, next);
            return next;
        }
    }

    private ProcessIdentity? Supervisor => PidFile.Read(_paths, Spec.Name) is { IsAlive: true } supervisor ? supervisor : null;

    private string LeaderFile => Spec.Name + ".leader";

    private string ControlGroupPath => $"{_paths.ControlGroup}/{Spec.Name}";

    /// <summary>Boots it; returns when its first process runs.</summary>
    /// <exception cref="LabException">It ended at once; the message carries the end of the console.</exception>
    public async Task StartAsync()
    {
        if (Leader is not null)
        {
            return;
        }

        await StopSupervisorAsync();
        await Disk.EnsureMountedAsync(_paths, Spec);
        await DataDisk.EnsureAsync(_paths, Spec.Name);
        var console = _paths.LogFile(Spec.Name);
        var process = new ServiceProcess
        {
            Name = _paths.HostName(Spec.Name),
            LogFile = console,
            ControlGroup = ControlGroupPath,
            Command =
            [
                "sh", "-c", Restarting, "machine",
                "systemd-nspawn", "--quiet", "--directory=" + _paths.MachineRoot(Spec.Name), "--machine=" + _paths.HostName(Spec.Name),
                "--boot", "--register=no", "--keep-unit", "--network-namespace-path=/run/netns/" + _paths.Namespace(Spec.Name),
                "--capability=CAP_NET_ADMIN,CAP_BPF,CAP_PERFMON", "--system-call-filter=bpf", // for the proxies' hand-over
                "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                "--rlimit=RLIMIT_NOFILE=524288", "--console=read-only", $"--bind={_paths.MachineDevices(Spec.Name)}:/dev/oracleoci",
            ],
        };
        var supervisor = await process.StartAsync();
        PidFile.Write(_paths, Spec.Name, supervisor);
        ProcessIdentity? leader = null;
        await Eventually.HoldsWithinAsync(() => (leader = FindLeader(supervisor)) is not null || !supervisor.IsAlive, TimeSpan.FromSeconds(20),
            TimeSpan.FromMilliseconds(10));
        if (leader is null)
        {
            throw new LabException($"{Spec.Name} did not start. Its console ({console}) ends with:{Environment.NewLine}{ConsoleTail(20)}");
        }

        PidFile.Write(_paths, LeaderFile, leader);
    }

    /// <summary>Shuts it down as its own power button would; after <paramref name="patience"/> the power is cut.</summary>
    public async Task ShutDownAsync(TimeSpan patience)
    {
        if (Leader is { } leader)
        {
            leader.Signal(PowerOffSignal);
            await leader.WaitForEndAsync(patience);
        }

        await CutPowerAsync();
    }

    /// <summary>Ends all its processes at once. Its interface must have been silenced before, or the kernel says goodbye for it.</summary>
    public async Task CutPowerAsync()
    {
        if (Leader is { } leader)
        {
            await leader.KillAsync(TimeSpan.FromSeconds(10));
        }

        await StopSupervisorAsync();
        PidFile.Remove(_paths, Spec.Name);
        PidFile.Remove(_paths, LeaderFile);
    }

    /// <summary>How far it has come, from what cloud-init left in /run.</summary>
    public MachinePhase Phase() => Leader is null ? MachinePhase.Off
        : ReadResult() is not { } errors ? MachinePhase.Booting
        : errors.Count == 0 ? MachinePhase.Ready : MachinePhase.Failed;

    /// <summary>The command line that runs a program inside.</summary>
    /// <exception cref="LabException">It is off.</exception>
    public IReadOnlyList<string> Inside(IEnumerable<string> command, bool terminal = false)
    {
        var leader = Leader ?? throw new LabException($"{Spec.Name} is off; start it with `scripts/lab start {Spec.Name}`.");
        string[] term = terminal && Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } value ? ["TERM=" + value] : [];
        return ["nsenter", "-t", leader.Pid.ToString(CultureInfo.InvariantCulture), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", .. InnerEnvironment,
            .. term, .. command];
    }

    /// <summary>The last lines of the console.</summary>
    public string ConsoleTail(int lines) => Tail(_paths.LogFile(Spec.Name), lines);

    /// <summary>The last lines of what cloud-init and the payload said.</summary>
    public string CloudInitTail(int lines) => Tail(Path.Combine(_paths.MachineRoot(Spec.Name), "var/log/cloud-init-output.log"), lines);

    /// <summary>The errors that cloud-init reported; null while it has not finished.</summary>
    public IReadOnlyList<string>? ReadResult()
    {
        if (Leader is not { } leader)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllText($"/proc/{leader.Pid}/root/run/cloud-init/result.json"));
            return document.RootElement.GetProperty("v1").GetProperty("errors").EnumerateArray().Select(error => error.ToString()).ToList();
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static ProcessIdentity? FindLeader(ProcessIdentity supervisor) => supervisor.Children()
        .SelectMany(pid => ProcessIdentity.Of(pid)?.Children() ?? [])
        .Where(pid => NamespacePids(pid) is { Length: > 1 } pids && pids[^1] == "1")
        .Select(ProcessIdentity.Of)
        .FirstOrDefault(identity => identity is not null);

    private static string[] NamespacePids(int pid)
    {
        try
        {
            return File.ReadLines($"/proc/{pid}/status").FirstOrDefault(line => line.StartsWith("NSpid:", StringComparison.Ordinal))?
                .Split('\t', StringSplitOptions.RemoveEmptyEntries)[1..] ?? [];
        }
        catch (IOException)
        {
            return [];
        }
    }

    private static string Tail(string file, int lines) => File.Exists(file) ? HostCommand.Tail(File.ReadAllText(file), lines) : "(nothing yet)";

    private async Task StopSupervisorAsync()
    {
        if (Supervisor is { } supervisor && !await supervisor.WaitForEndAsync(TimeSpan.FromSeconds(2)))
        {
            await supervisor.EndAsync(TimeSpan.FromSeconds(2));
        }

        foreach (var pid in ControlGroup.Processes(ControlGroupPath))
        {
            if (ProcessIdentity.Of(pid) is { } left)
            {
                await left.KillAsync(TimeSpan.FromSeconds(10));
            }
        }
    }
}
