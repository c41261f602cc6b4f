// A real process under test: started in a network namespace of choice, output to a file, dead when we are dead.

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace RedisHaProcesses;

/// <summary>Signals by number, as in signal(7) on Linux.</summary>
public enum Signal
{
    /// <summary>Ask to end.</summary>
    Terminate = 15,

    /// <summary>End at once; what a power cut is to a process.</summary>
    Kill = 9,

    /// <summary>Stop running, keep everything else: a hung machine.</summary>
    Stop = 19,

    /// <summary>Run again after <see cref="Stop"/>.</summary>
    Continue = 18,
}

/// <summary>
/// A child that cannot outlive this process: setpriv(1) sets PR_SET_PDEATHSIG, so the kernel kills the child even when a test
/// host is killed. The death signal is bound to the thread that forked, so all children are forked by one thread that never ends.
/// </summary>
public sealed partial class ChildProcess : IDisposable
{
    private static readonly BlockingCollection<Action> Forks = StartForkThread();
    private readonly Process _process;

    private ChildProcess(string name, string logFile, Process process)
    {
        Name = name;
        LogFile = logFile;
        _process = process;
    }

    /// <summary>What the process is called in messages, such as redis1.</summary>
    public string Name { get; }

    /// <summary>File that takes standard output and standard error, appended over restarts.</summary>
    public string LogFile { get; }

    /// <summary>Process id: the id of the program itself, because every wrapper before it execs.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Exit code after the end: 128 + signal when a signal ended it.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>Processor time used so far, user and system.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="program">Program, looked up in PATH and in the sbin directories.</param>
    /// <param name="arguments">Its arguments. Never a secret: any user can read them.</param>
    /// <param name="logFile">Takes its output.</param>
    /// <param name="network">Network namespace to run in; null is our own.</param>
    /// <param name="environment">Variables beside those of this process.</param>
    /// <exception cref="InvalidOperationException">The program is not installed.</exception>
    public static ChildProcess Start(
        string name, string program, IEnumerable<string> arguments, string logFile, NetworkNamespace? network = null,
        IReadOnlyDictionary<string, string>? environment = null)
    {
        var path = Installed.Path(program)
            ?? throw new InvalidOperationException($"{program} is not installed (looked in PATH, /usr/sbin and /sbin)");
        var start = new ProcessStartInfo { FileName = "/bin/sh", UseShellExecute = false, RedirectStandardInput = true };
        string[] wrapper =
        [
            "-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", logFile,
            .. network is null ? [] : network.EnterCommand,
            "setpriv", "--pdeathsig", "KILL", "--", path,
        ];
        foreach (var argument in wrapper.Concat(arguments))
        {
            start.ArgumentList.Add(argument);
        }

        foreach (var (variable, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[variable] = value;
        }

        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Forks.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception e) when (e is InvalidOperationException or System.ComponentModel.Win32Exception)
            {
                started.SetException(e);
            }
        });
        var process = started.Task.GetAwaiter().GetResult();
        process.StandardInput.Close();
        return new ChildProcess(name, logFile, process);
    }

    /// <summary>Sends a signal; nothing happens when the process has ended.</summary>
    public void Send(Signal signal)
    {
        // The id cannot be another process's: .NET reaps the child only after HasExited can say so.
        if (!_process.HasExited)
        {
            _ = kill(_process.Id, (int)signal);
        }
    }

    /// <summary>Waits for the end; false after the timeout.</summary>
    public bool WaitForExit(TimeSpan timeout) => _process.WaitForExit(timeout);

    /// <summary>Kills it and waits until the kernel has taken it away.</summary>
    public void Kill()
    {
        Send(Signal.Kill);
        if (!_process.WaitForExit(TimeSpan.FromSeconds(10)))
        {
            throw new TimeoutException($"{Name} (process {Id.ToString(CultureInfo.InvariantCulture)}) is still there 10 s after SIGKILL");
        }
    }

    /// <summary>Kills it with all that it started, and waits until the kernel has taken it away.</summary>
    public void KillTree()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        Kill();
    }

    /// <summary>The last lines of its output, for messages.</summary>
    public string LogTail(int lines = 20)
    {
        if (!File.Exists(LogFile))
        {
            return $"({LogFile} does not exist)";
        }

        using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream);
        return string.Join('\n', reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(lines));
    }

    /// <summary>Kills it if it still runs.</summary>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            Kill();
        }

        _process.Dispose();
    }

    private static BlockingCollection<Action> StartForkThread()
    {
        var forks = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var fork in forks.GetConsumingEnumerable())
            {
                fork();
            }
        })
        { IsBackground = true, Name = "fork" }.Start();
        return forks;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
