// One real redis-server or redis-sentinel process, with its files in a directory of its own.

using System.Net;

namespace RedisHaProcesses;

/// <summary>
/// A redis-server or redis-sentinel that can be killed, suspended, and started again on what it has on disk. Disposal kills it and removes
/// its files.
/// </summary>
public sealed class RedisProcess : IAsyncDisposable, IDisposable
{
    private readonly string _program;
    private readonly WorkDirectory _work;
    private readonly bool _ownsWork;
    private ChildProcess? _process;

    internal RedisProcess(string name, string program, IPEndPoint endPoint, string? user, string? password, NetworkNamespace? network,
        WorkDirectory? work = null)
    {
        Name = name;
        EndPoint = endPoint;
        User = user;
        Password = password;
        Network = network;
        _program = program;
        _work = work ?? new WorkDirectory();
        _ownsWork = work is null;
        Folder = _work.MakeDirectory(name);
    }

    /// <summary>Why these processes cannot run here, or null when redis-server and redis-sentinel are installed.</summary>
    public static string? Missing { get; } = Installed.Missing("redis-server", "redis-sentinel") is { } missing
        ? $"{missing} (Debian, Ubuntu: apt install redis-server redis-sentinel)"
        : null;

    /// <summary>Name for messages and files: redis1, sentinel1.</summary>
    public string Name { get; }

    /// <summary>Address and port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>The user as whom tests log in: the operator of a product's node; null for the default user.</summary>
    public string? User { get; }

    /// <summary>The password of <see cref="User"/>, or null.</summary>
    public string? Password { get; }

    /// <summary>Its network namespace; null is ours.</summary>
    public NetworkNamespace? Network { get; }

    /// <summary>The process's working directory: configuration, log, data.</summary>
    public string Folder { get; }

    /// <summary>Process id of the server itself while it runs; 0 otherwise.</summary>
    public int Pid => Runs ? _process!.Id : 0;

    /// <summary>Whether the process runs; a suspended one does.</summary>
    public bool Runs => _process is { HasExited: false };

    /// <summary>A port that nobody listens on now, and that no other test of this process was given.</summary>
    public static int FreePort() => FreePorts.Take();

    /// <summary>The version of the installed redis-server, such as 7.0.15.</summary>
    public static async Task<Version> InstalledVersionAsync()
    {
        var said = (await Shell.RunAsync("redis-server", ["--version"])).Output;
        var start = said.IndexOf("v=", StringComparison.Ordinal) + 2;
        return start >= 2 && Version.TryParse(said[start..].Split(' ')[0], out var version)
            ? version
            : throw new InvalidOperationException($"redis-server --version says: {said}");
    }

    /// <summary>Starts a redis-server of its own on loopback and waits until it answers.</summary>
    /// <param name="settings">Further redis.conf lines.</param>
    /// <param name="replicaOf">The master to follow; null starts a master.</param>
    /// <param name="password">requirepass and masterauth; null without.</param>
    /// <param name="port">A fixed port, as <see cref="FreePort"/> gives; null chooses one.</param>
    public static async Task<RedisProcess> StartServerAsync(IEnumerable<string>? settings = null, IPEndPoint? replicaOf = null, string? password = null,
        int? port = null)
    {
        var process = new RedisProcess("redis", "redis-server", new(IPAddress.Loopback, port ?? FreePort()), null, password, null);
        return await StartedAsync(process, RedisConfigurations.PlainServer(replicaOf, password, settings ?? []));
    }

    /// <summary>Starts a redis-sentinel of its own on loopback and waits until it answers.</summary>
    /// <param name="settings">sentinel.conf lines, "sentinel monitor ..." among them.</param>
    /// <param name="password">requirepass and sentinel-pass; null without.</param>
    /// <param name="port">A fixed port; null chooses one.</param>
    public static async Task<RedisProcess> StartSentinelAsync(IEnumerable<string> settings, string? password = null, int? port = null)
    {
        var process = new RedisProcess("sentinel", "redis-sentinel", new(IPAddress.Loopback, port ?? FreePort()), null, password, null);
        return await StartedAsync(process, RedisConfigurations.WithSentinelPassword(settings, password));
    }

    /// <summary>Writes the configuration again, the settings after what every plain process has, and starts the program; it must not run.</summary>
    public void Start(IEnumerable<string> settings) => StartWith(RedisConfigurations.Common(EndPoint, Network is not null, Folder).Concat(settings));

    /// <summary>Writes the whole configuration and starts the program; it must not run.</summary>
    internal void StartWith(IEnumerable<string> configuration)
    {
        Write("redis.conf", configuration);
        Run();
    }

    /// <summary>Writes a file into its directory.</summary>
    internal void Write(string file, IEnumerable<string> lines) => _work.Write($"{Name}/{file}", string.Join('\n', lines) + "\n");

    /// <summary>Opens a connection, logged in as <see cref="User"/>, from the node's own namespace: a cut does not matter.</summary>
    public RespConnection Connect(TimeSpan? timeout = null)
        => Password is null
            ? RespConnection.Connect(EndPoint, timeout ?? TimeSpan.FromSeconds(2), Network)
            : RespConnection.Connect(EndPoint, timeout ?? TimeSpan.FromSeconds(2), User, Password, Network);

    /// <summary>Runs one command on a connection of its own.</summary>
    /// <exception cref="RespErrorException">An error reply.</exception>
    public RespReply Call(params ReadOnlySpan<string> words)
    {
        using var connection = Connect();
        return connection.Call(words);
    }

    /// <summary>INFO of a section.</summary>
    public Dictionary<string, string> Info(string section) => Call("INFO", section).ToInfo();

    /// <summary>Opens a connection, logged in as <see cref="User"/>.</summary>
    public Task<RespConnection> ConnectAsync() => Task.Run(() => Connect(TimeSpan.FromSeconds(5)));

    /// <summary>Runs one command on a connection of its own.</summary>
    public async Task<object?> CommandAsync(params string[] command)
    {
        using var connection = await ConnectAsync();
        return await connection.CommandAsync(command);
    }

    /// <summary>kill -9: the kernel closes its connections at once. Nothing happens when it does not run.</summary>
    public void Kill() => _process?.Kill();

    /// <summary>SIGSTOP: connections stay open, nothing answers.</summary>
    public void Suspend() => Running().Send(Signal.Stop);

    /// <summary>SIGCONT.</summary>
    public void Resume() => Running().Send(Signal.Continue);

    /// <summary>Starts the server again, killing it first, with the configuration as it is on disk (Sentinel and CONFIG REWRITE change it).</summary>
    public Task RestartAsync()
    {
        Kill();
        Run();
        return AnswersAsync();
    }

    /// <summary>The same without waiting until it answers PING, which a loading server does late.</summary>
    public Task RestartWithoutWaitingAsync()
    {
        Kill();
        Run();
        return Task.CompletedTask;
    }

    /// <summary>Waits until it answers PING, be it with an error.</summary>
    /// <exception cref="InvalidOperationException">It ended; the message has its log.</exception>
    public Task AnswersAsync(CancellationToken cancellationToken = default)
        => Eventually.HoldsAsync(
            () =>
            {
                if (!Runs)
                {
                    throw new InvalidOperationException($"{Name} on {EndPoint} ended at once:\n{LogTail()}");
                }

                using var connection = Connect();
                connection.Send(RespConnection.Encode("PING"));
                return connection.Read().Text.Length > 0;
            },
            () => $"{Name} on {EndPoint} answers PING\n{LogTail()}",
            cancellationToken: cancellationToken);

    /// <summary>The end of the server's log, for messages of failed tests.</summary>
    public string LogTail(int lines = 15) => _process?.LogTail(lines) ?? "(never started)";

    /// <summary>Kills it if it runs, and removes its files when they are its own.</summary>
    public void Dispose()
    {
        _process?.Dispose();
        if (_ownsWork)
        {
            _work.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task<RedisProcess> StartedAsync(RedisProcess process, IEnumerable<string> settings)
    {
        try
        {
            process.Start(settings);
            await process.AnswersAsync();
            return process;
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }

    private void Run()
    {
        if (Runs)
        {
            throw new InvalidOperationException($"{Name} runs already");
        }

        _process?.Dispose();
        _process = ChildProcess.Start(Name, _program, [Path.Combine(Folder, "redis.conf")], Path.Combine(Folder, "log"), Network);
    }

    private ChildProcess Running() => Runs ? _process! : throw new InvalidOperationException($"{Name} does not run");
}
