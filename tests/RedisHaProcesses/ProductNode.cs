// A node of the product for tests and benches: its files come from the program's own renderer, and only what is listed here differs.

using System.Globalization;
using System.Net;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaProcesses;

/// <summary>The accounts of the product's nodes, with their passwords: not secret here, but different, so that a mix-up shows.</summary>
public sealed record RedisAccounts
{
    /// <summary>Redis' default user: clients.</summary>
    public string Client { get; init; } = "client-password";

    /// <summary>User replication.</summary>
    public string Replication { get; init; } = "replication-password";

    /// <summary>User sentinel on the nodes, and the Sentinels' password among themselves.</summary>
    public string Sentinel { get; init; } = "sentinel-password";

    /// <summary>User rp-health on the nodes: role checks of proxies.</summary>
    public string Health { get; init; } = "health-password";

    /// <summary>User rp-sentinel on the Sentinels: the proxies' view of the votes.</summary>
    public string SentinelWatch { get; init; } = "sentinel-watch-password";

    /// <summary>User operator on nodes and Sentinels: what tests and benches do beside the clients, they do as this user.</summary>
    public string Operator { get; init; } = "operator-password";

    /// <summary>User watch on nodes and Sentinels.</summary>
    public string Watch { get; init; } = "node-watch-password";
}

/// <summary>A directive that a deployment on one machine sets otherwise than the product.</summary>
/// <param name="Directive">The directive, of redis.conf or sentinel.conf.</param>
/// <param name="Reason">Why it must differ.</param>
public sealed record ProductOverride(string Directive, string Reason);

/// <summary>The files of one node, for processes that share a machine.</summary>
internal sealed class ProductNode
{
    private const string OwnFolder = "each process has a folder of its own instead of /var/lib/redis and /etc/redis-ha";

    private readonly IReadOnlyList<PayloadFile> _files;
    private readonly Version _version;

    /// <param name="options">The deployment.</param>
    /// <param name="accounts">Its passwords.</param>
    /// <param name="nodes">Names and addresses of all nodes.</param>
    /// <param name="index">This node.</param>
    /// <param name="version">The version of redis-server, which chooses among the rendered lines as the apply script does on a node.</param>
    public ProductNode(RedisDeploymentOptions options, RedisAccounts accounts, IReadOnlyList<(string Name, IPAddress Address)> nodes, int index,
        Version version)
    {
        _files = RedisNodeFiles.Render(Inputs(options, accounts, nodes, index));
        _version = version;
    }

    /// <summary>All that differs from the product's redis.conf and sentinel.conf.</summary>
    public static IReadOnlyList<ProductOverride> Overrides { get; } =
    [
        new("port", "clients and tests tell nodes by their ports, and several deployments run side by side"),
        new("dir", OwnFolder),
        new("aclfile", OwnFolder),
        new("repl-diskless-sync-delay", "0 instead of 1: nobody waits for a second replica, and each start of a test is a second shorter"),
        new("sentinel monitor", "the master's port, see port; its address is filled in by the apply script on a node"),
    ];

    /// <summary>The inputs that a node's payload is rendered from.</summary>
    public static RedisNodeInputs Inputs(RedisDeploymentOptions options, RedisAccounts accounts,
        IReadOnlyList<(string Name, IPAddress Address)> nodes, int index)
    {
        NodeAddress[] all = [.. nodes.Select(node => new NodeAddress(node.Name, node.Address.ToString()))];
        return new RedisNodeInputs
        {
            Node = all[index],
            Nodes = all,
            Redis = new RedisSettings
            {
                MinReplicasToWrite = options.MinReplicas,
                MinReplicasMaxLagSeconds = options.MinReplicasMaxLag,
                // Three quarters of the 8 GB of the default shape, which the boot rule adds on a node.
                MaxMemory = "6gb",
            },
            Sentinel = new SentinelSettings
            {
                MasterName = RedisDeployment.MasterName,
                Quorum = options.Quorum,
                DownAfterMilliseconds = options.DownAfterMilliseconds,
                FailoverTimeoutMilliseconds = options.FailoverTimeoutMilliseconds,
                ParallelSyncs = Math.Max(1, nodes.Count - 1),
            },
            Login = new LoginAccess("nobody", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl nobody"),
            Passwords = new NodePasswords
            {
                Client = accounts.Client,
                Replication = accounts.Replication,
                Sentinel = accounts.Sentinel,
                Health = accounts.Health,
                SentinelWatch = accounts.SentinelWatch,
                Operator = accounts.Operator,
                Watch = accounts.Watch,
                Admin = "admin-password",
            },
        };
    }

    /// <summary>Lines of redis.conf; writes the users' file beside it.</summary>
    /// <param name="process">The process that gets them.</param>
    /// <param name="replicaOf">The master to follow; null starts a master.</param>
    /// <param name="more">Further lines, which a test has its own reasons for.</param>
    public IEnumerable<string> Server(RedisProcess process, IPEndPoint? replicaOf, IEnumerable<string> more)
    {
        process.Write("users.acl", Lines("users.acl"));
        return [.. Lines("settings.conf").Select(line => Overridden(line, process, null)), .. RedisConfigurations.ReplicaOf(replicaOf), .. more];
    }

    /// <summary>Lines of sentinel.conf; writes the users' file beside it.</summary>
    public IEnumerable<string> Sentinel(RedisProcess process, IPEndPoint master)
    {
        process.Write("users.acl", Lines("sentinel-users.acl"));
        return [.. Lines("sentinel-settings.conf").Select(line => Overridden(line, process, master))];
    }

    // Those of the installed version, as for_this_redis in apply.sh chooses them.
    private IEnumerable<string> Lines(string file) => _files.Single(f => f.Name == file).Content.TrimEnd('\n').Split('\n')
        .Where(line => !line.StartsWith(_version.Major >= 7 ? "@6.2 " : "@7.0 ", StringComparison.Ordinal))
        .Select(line => line.StartsWith('@') ? line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..] : line);

    private static string Overridden(string line, RedisProcess process, IPEndPoint? master)
    {
        var words = line.Split(' ');
        return words[0] switch
        {
            "port" => string.Create(CultureInfo.InvariantCulture, $"port {process.EndPoint.Port}"),
            "dir" => $"dir {process.Folder}",
            "aclfile" => $"aclfile {Path.Combine(process.Folder, "users.acl")}",
            "repl-diskless-sync-delay" => "repl-diskless-sync-delay 0",
            "sentinel" when words[1] == "monitor" =>
                string.Create(CultureInfo.InvariantCulture, $"sentinel monitor {words[2]} {master!.Address} {master.Port} {words[5]}"),
            _ => line,
        };
    }
}
