// One real redis-server or redis-sentinel process on a free loopback port, with its files in a directory of its own.
// A shell parent holds the process: when the test host ends, in whatever way, its standard input closes and it kills the process.

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace RedisHaProxy.Tests.Real;

/// <summary>A redis-server or redis-sentinel started by a test. Disposal kills it and removes its files.</summary>
public sealed partial class RedisProcess : IAsyncDisposable
{
    private const int SigKill = 9;
    private const int SigCont = 18;
    private const int SigStop = 19;

    private static readonly ConcurrentDictionary<int, byte> TakenPorts = new();

    private readonly string _executable;
    private readonly string _configuration;
    private Process? _holder;

    private RedisProcess(string executable, string directory, int port, string? password)
    {
        _executable = executable;
        Directory = directory;
        EndPoint = new IPEndPoint(IPAddress.Loopback, port);
        Password = password;
        _configuration = Path.Combine(directory, "redis.conf");
    }

    /// <summary>Why these tests cannot run here, or null when redis-server and redis-sentinel are installed.</summary>
    public static string? Missing { get; } =
        FindExecutable("redis-server") is null || FindExecutable("redis-sentinel") is null
            ? "redis-server and redis-sentinel are not installed (Debian, Ubuntu: apt install redis-server redis-sentinel)"
            : null;

    /// <summary>127.0.0.1 and the port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The default user's password, or null.</summary>
    public string? Password { get; }

    /// <summary>The process's working directory: configuration, log, data.</summary>
    public string Directory { get; }

    /// <summary>Process id of the server itself while it runs; 0 after <see cref="Kill"/>.</summary>
    public int Pid { get; private set; }

    /// <summary>A port that nobody listens on now, and that no other test of this process was given.</summary>
    public static int FreePort()
    {
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            // Below the ephemeral range, so that no outgoing connection takes it in the meantime.
            int port = Random.Shared.Next(10_000, 32_000);
            if (!TakenPorts.TryAdd(port, 0))
            {
                continue;
            }

            using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                probe.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                // In use by somebody else; try the next.
            }
        }

        throw new InvalidOperationException("no free port between 10000 and 32000");
    }

    /// <summary>Starts redis-server and waits until it answers.</summary>
    /// <param name="settings">Further redis.conf lines.</param>
    /// <param name="replicaOf">The master to follow; null starts a master.</param>
    /// <param name="password">requirepass and masterauth; null without.</param>
    /// <param name="port">A fixed port, as <see cref="FreePort"/> gives; null chooses one.</param>
    public static Task<RedisProcess> StartServerAsync(IEnumerable<string>? settings = null, IPEndPoint? replicaOf = null, string? password = null, int? port = null)
    {
        var lines = new List<string>
        {
            "save \"\"",
            "appendonly no",
            "repl-diskless-sync yes",
            "repl-diskless-sync-delay 0",
            "enable-debug-command yes",
        };
        if (replicaOf is not null)
        {
            lines.Add($"replicaof {replicaOf.Address} {replicaOf.Port}");
        }

        if (password is not null)
        {
            lines.Add($"requirepass {password}");
            lines.Add($"masterauth {password}");
        }

        lines.AddRange(settings ?? []);
        return StartAsync("redis-server", lines, password, port);
    }

    /// <summary>Starts redis-sentinel and waits until it answers.</summary>
    /// <param name="settings">sentinel.conf lines, "sentinel monitor ..." among them.</param>
    /// <param name="password">requirepass and sentinel-pass; null without.</param>
    /// <param name="port">A fixed port; null chooses one.</param>
    public static Task<RedisProcess> StartSentinelAsync(IEnumerable<string> settings, string? password = null, int? port = null)
    {
        var lines = new List<string>(settings);
        if (password is not null)
        {
            lines.Add($"requirepass {password}");
            lines.Add($"sentinel sentinel-pass {password}");
        }

        return StartAsync("redis-sentinel", lines, password, port);
    }

    /// <summary>Opens a connection, authenticated with <see cref="Password"/>.</summary>
    public Task<RespConnection> ConnectAsync() => RespConnection.ConnectAsync(EndPoint, Password);

    /// <summary>Runs one command on a connection of its own.</summary>
    public async Task<object?> CommandAsync(params string[] command)
    {
        using RespConnection connection = await ConnectAsync();
        return await connection.CommandAsync(command);
    }

    /// <summary>kill -9: the kernel closes its connections at once.</summary>
    public void Kill()
    {
        if (Pid != 0)
        {
            Signal(SigKill);
            Pid = 0;
            _holder!.StandardInput.Close();
            _holder.WaitForExit();
            _holder.Dispose();
            _holder = null;
        }
    }

    /// <summary>SIGSTOP: connections stay open, nothing answers.</summary>
    public void Suspend() => Signal(SigStop);

    /// <summary>SIGCONT.</summary>
    public void Resume() => Signal(SigCont);

    /// <summary>Starts the killed server again with the configuration as it is on disk (Sentinel and CONFIG REWRITE change it).</summary>
    public async Task RestartAsync()
    {
        Kill();
        await RunAsync(waitForAnswer: true);
    }

    /// <summary>The same without waiting until it answers PING, which a loading server does late.</summary>
    public Task RestartWithoutWaitingAsync()
    {
        Kill();
        return RunAsync(waitForAnswer: false);
    }

    /// <summary>The end of the server's log, for messages of failed tests.</summary>
    public string LogTail(int lines = 15)
    {
        string log = Path.Combine(Directory, "log");
        return File.Exists(log) ? string.Join('\n', File.ReadLines(log).TakeLast(lines)) : "(no log)";
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Kill();
        try
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
        catch (IOException)
        {
            // A dying server may still write; the files are in the temporary directory.
        }

        return ValueTask.CompletedTask;
    }

    private static async Task<RedisProcess> StartAsync(string name, List<string> settings, string? password, int? port)
    {
        string executable = FindExecutable(name) ?? throw new InvalidOperationException(Missing);
        for (int attempt = 1; ; attempt++)
        {
            string directory = System.IO.Directory.CreateTempSubdirectory("redis-ha-test-").FullName;
            int chosen = port ?? FreePort();
            var process = new RedisProcess(executable, directory, chosen, password);
            string[] fixedLines =
            [
                $"port {chosen}", "bind 127.0.0.1", "protected-mode no", "daemonize no", $"dir {directory}",
                "logfile log", "loglevel notice",
            ];
            await File.WriteAllLinesAsync(process._configuration, [.. fixedLines, .. settings]);
            try
            {
                await process.RunAsync(waitForAnswer: true);
                return process;
            }
            catch (InvalidOperationException e) when (port is null && attempt < 5 && e.Message.Contains("Address already in use", StringComparison.Ordinal))
            {
                await process.DisposeAsync();
            }
            catch
            {
                await process.DisposeAsync();
                throw;
            }
        }
    }

    private async Task RunAsync(bool waitForAnswer)
    {
        var start = new ProcessStartInfo("/bin/sh")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Directory,
        };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("\"$0\" \"$1\" </dev/null >out 2>&1 & echo $!; cat >/dev/null; kill -9 $! 2>/dev/null; wait");
        start.ArgumentList.Add(_executable);
        start.ArgumentList.Add(_configuration);
        _holder = Process.Start(start)!;
        Pid = int.Parse((await _holder.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        if (!waitForAnswer)
        {
            return;
        }

        try
        {
            await Eventually.HoldsAsync(AnswersAsync, () => $"{Path.GetFileName(_executable)} on {EndPoint} answers PING");
        }
        catch (TimeoutException e)
        {
            throw new InvalidOperationException($"{e.Message}\n{LogTail()}\n{await File.ReadAllTextAsync(Path.Combine(Directory, "out"))}", e);
        }
    }

    private async Task<bool> AnswersAsync()
    {
        if (!File.Exists($"/proc/{Pid}/exe"))
        {
            throw new InvalidOperationException(
                $"{Path.GetFileName(_executable)} on {EndPoint} ended at once:\n{LogTail()}\n{await File.ReadAllTextAsync(Path.Combine(Directory, "out"))}");
        }

        return (string?)await CommandAsync("PING") == "PONG";
    }

    private void Signal(int signal)
    {
        if (Pid == 0)
        {
            throw new InvalidOperationException("the process is not running");
        }

        if (NativeKill(Pid, signal) != 0 && signal != SigKill)
        {
            throw new InvalidOperationException($"kill({Pid}, {signal}): {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    private static string? FindExecutable(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin").Split(':').Append("/usr/bin").Append("/usr/local/bin")
            .Select(directory => Path.Combine(directory, name)).FirstOrDefault(File.Exists);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int NativeKill(int pid, int signal);
}
