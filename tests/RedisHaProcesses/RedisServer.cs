// One real redis-server with the product's settings and accounts.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>A redis-server process that can be killed, stopped, continued and started again on its data.</summary>
public sealed class RedisServer : IDisposable
{
    private readonly WorkDirectory _directory;
    private readonly RedisClusterSettings _settings;
    private readonly RedisClusterPasswords _passwords;
    private ChildProcess? _process;

    internal RedisServer(string name, IPEndPoint endPoint, WorkDirectory directory, RedisClusterSettings settings, RedisClusterPasswords passwords, NetworkNamespace? network)
    {
        Name = name;
        EndPoint = endPoint;
        Network = network;
        _directory = directory;
        _settings = settings;
        _passwords = passwords;
    }

    /// <summary>redis1, redis2, ...</summary>
    public string Name { get; }

    /// <summary>Address and port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Its network namespace; null is ours.</summary>
    public NetworkNamespace? Network { get; }

    /// <summary>The process; it is another one after a restart.</summary>
    public ChildProcess Process => _process ?? throw new InvalidOperationException($"{Name} was never started");

    /// <summary>Whether the process runs (a stopped one does).</summary>
    public bool Runs => _process is { HasExited: false };

    /// <summary>Starts it on whatever data it has.</summary>
    /// <param name="replicaOf">Its master; null starts it as a master, as an unguarded boot would.</param>
    /// <param name="moreSettings">Further lines for redis.conf.</param>
    /// <exception cref="InvalidOperationException">It ended at once; the message has its log.</exception>
    public void Start(RedisServer? replicaOf, params IEnumerable<string> moreSettings)
    {
        if (Runs)
        {
            throw new InvalidOperationException($"{Name} runs already");
        }

        _process?.Dispose();
        var data = _directory.MakeDirectory($"{Name}/data");
        var port = EndPoint.Port.ToString(CultureInfo.InvariantCulture);
        string[] lines =
        [
            $"port {port}",
            $"bind {EndPoint.Address}{(Network is null ? "" : " 127.0.0.1")}",
            "protected-mode yes",
            $"dir {data}",
            "daemonize no",
            "tcp-backlog 511",
            "tcp-keepalive 60",
            "timeout 0",
            "save \"\"",
            "appendonly yes",
            "appendfsync everysec",
            "repl-backlog-size 64mb",
            "repl-diskless-sync yes",
            "repl-diskless-sync-delay 0",
            "replica-priority 100",
            $"min-replicas-to-write {_settings.MinReplicas.ToString(CultureInfo.InvariantCulture)}",
            $"min-replicas-max-lag {_settings.MinReplicasMaxLag.ToString(CultureInfo.InvariantCulture)}",
            "masteruser replication",
            $"masterauth {_passwords.Replication}",
            $"user default on >{_passwords.Client} ~* &* +@all",
            $"user replication on >{_passwords.Replication} resetkeys resetchannels -@all +psync +replconf +ping",
            $"user rp-health on >{_passwords.Health} resetkeys resetchannels -@all +ping +role +info",
            $"user sentinel on >{_passwords.Sentinel} resetkeys allchannels -@all +multi +slaveof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill",
            .. replicaOf is null ? [] : new[] { $"replicaof {replicaOf.EndPoint.Address} {replicaOf.EndPoint.Port.ToString(CultureInfo.InvariantCulture)}" },
            .. moreSettings,
        ];
        var file = _directory.Write($"{Name}/redis.conf", string.Join('\n', lines) + "\n");
        _process = ChildProcess.Start(Name, "redis-server", [file], Path.Combine(_directory.Path, $"{Name}.log"), Network);
    }

    /// <summary>Waits until it answers PING, a loading error included.</summary>
    public Task AnswersAsync(CancellationToken cancellationToken = default)
        => Until.TrueAsync($"{Name} to answer", TimeSpan.FromSeconds(15), () =>
        {
            if (Process.HasExited)
            {
                throw new InvalidOperationException($"{Name} ended:\n{Process.LogTail()}");
            }

            using var connection = Connect();
            return true;
        }, cancellationToken: cancellationToken);

    /// <summary>Connects as the default user, directly, from the node's own namespace (a cut does not matter).</summary>
    public RespConnection Connect(TimeSpan? timeout = null)
        => RespConnection.Connect(EndPoint, timeout ?? TimeSpan.FromSeconds(2), null, _passwords.Client, Network);

    /// <summary>One command on a connection of its own.</summary>
    public RespReply Call(params ReadOnlySpan<string> words)
    {
        using var connection = Connect();
        return connection.Call(words);
    }

    /// <summary>INFO of a section.</summary>
    public Dictionary<string, string> Info(string section) => Call("INFO", section).ToInfo();

    /// <summary>Kills it.</summary>
    public void Kill() => Process.Kill();

    /// <summary>Kills it if it runs.</summary>
    public void Dispose() => _process?.Dispose();
}
