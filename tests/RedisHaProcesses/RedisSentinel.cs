// One real redis-sentinel with the product's settings and accounts.

using System.Globalization;
using System.Net;

namespace RedisHaProcesses;

/// <summary>A redis-sentinel process.</summary>
public sealed class RedisSentinel : IDisposable
{
    private readonly WorkDirectory _directory;
    private readonly RedisClusterSettings _settings;
    private readonly RedisClusterPasswords _passwords;
    private ChildProcess? _process;

    internal RedisSentinel(string name, IPEndPoint endPoint, WorkDirectory directory, RedisClusterSettings settings, RedisClusterPasswords passwords, NetworkNamespace? network)
    {
        Name = name;
        EndPoint = endPoint;
        Network = network;
        _directory = directory;
        _settings = settings;
        _passwords = passwords;
    }

    /// <summary>sentinel1, sentinel2, ...</summary>
    public string Name { get; }

    /// <summary>Address and port.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Its network namespace; null is ours.</summary>
    public NetworkNamespace? Network { get; }

    /// <summary>The process.</summary>
    public ChildProcess Process => _process ?? throw new InvalidOperationException($"{Name} was never started");

    /// <summary>Starts it for the first time, monitoring a master.</summary>
    public void Start(RedisServer master)
    {
        var name = _settings.Master;
        var milliseconds = (TimeSpan t) => ((long)t.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
        var quorum = (_settings.Sentinels / 2) + 1;
        string[] lines =
        [
            $"port {EndPoint.Port.ToString(CultureInfo.InvariantCulture)}",
            $"bind {EndPoint.Address}{(Network is null ? "" : " 127.0.0.1")}",
            $"dir {_directory.MakeDirectory(Name)}",
            "protected-mode yes",
            "daemonize no",
            $"requirepass {_passwords.Sentinel}",
            $"sentinel sentinel-pass {_passwords.Sentinel}",
            $"user rp-sentinel on >{_passwords.SentinelWatch} resetkeys resetchannels &* -@all +ping +role +info +subscribe +psubscribe +sentinel|get-master-addr-by-name +sentinel|master +sentinel|replicas +sentinel|sentinels",
            "sentinel resolve-hostnames no",
            $"sentinel announce-ip {EndPoint.Address}",
            $"sentinel monitor {name} {master.EndPoint.Address} {master.EndPoint.Port.ToString(CultureInfo.InvariantCulture)} {quorum.ToString(CultureInfo.InvariantCulture)}",
            $"sentinel auth-user {name} sentinel",
            $"sentinel auth-pass {name} {_passwords.Sentinel}",
            $"sentinel down-after-milliseconds {name} {milliseconds(_settings.DownAfter)}",
            $"sentinel failover-timeout {name} {milliseconds(_settings.FailoverTimeout)}",
            $"sentinel parallel-syncs {name} 1",
            $"sentinel master-reboot-down-after-period {name} {milliseconds(_settings.DownAfter)}",
        ];
        var file = _directory.Write($"{Name}/sentinel.conf", string.Join('\n', lines) + "\n");
        _process = ChildProcess.Start(Name, "redis-sentinel", [file], Path.Combine(_directory.Path, $"{Name}.log"), Network);
    }

    /// <summary>Starts it again after a kill, with what it has written into its configuration.</summary>
    public void Restart()
    {
        _process?.Dispose();
        _process = ChildProcess.Start(
            Name, "redis-sentinel", [Path.Combine(_directory.Path, Name, "sentinel.conf")], Path.Combine(_directory.Path, $"{Name}.log"), Network);
    }

    /// <summary>One command on a connection of its own, from the Sentinel's own namespace.</summary>
    public RespReply Call(params ReadOnlySpan<string> words)
    {
        using var connection = RespConnection.Connect(EndPoint, TimeSpan.FromSeconds(2), null, _passwords.Sentinel, Network);
        return connection.Call(words);
    }

    /// <summary>SENTINEL MASTER as a dictionary.</summary>
    public Dictionary<string, string> Master() => Call("SENTINEL", "MASTER", _settings.Master).ToDictionary();

    /// <summary>Whether it is in TILT (INFO sentinel, sentinel_tilt).</summary>
    public bool InTilt => Call("INFO", "sentinel").ToInfo()["sentinel_tilt"] == "1";

    /// <summary>Kills it if it runs.</summary>
    public void Dispose() => _process?.Dispose();
}
