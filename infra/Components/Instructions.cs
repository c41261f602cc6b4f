// Lines to paste, as stack outputs: how to reach what was built. No password is in any of them.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>Writes command lines for a deployment.</summary>
/// <param name="User">The machines' user.</param>
/// <param name="Bastion">The bastion's public address; null when the private addresses are reached directly.</param>
/// <param name="FirstNode">The first Redis node, through which ports are forwarded where there is no bastion.</param>
/// <param name="Service">OCID of OCI's Bastion service; null where there is none.</param>
public sealed record Instructions(string User, string? Bastion, NodeAddress FirstNode, string? Service)
{
    /// <summary>Whether the proxies' pages are HTTPS.</summary>
    public bool HasAdminTls { get; init; }

    private string Scheme => HasAdminTls ? "https" : "http";

    private string Gate => Bastion ?? FirstNode.Address;

    /// <summary>Opens a tunnel to Redis on this machine's port 6379.</summary>
    public string Tunnel(string endpoint) => $"ssh -N -L {Ports.Redis}:{endpoint} {User}@{Gate}";

    /// <summary>Opens a tunnel to a proxy's stats page on this machine's port 1936.</summary>
    public string StatsTunnel(NodeAddress proxy) => $"ssh -N -L {Ports.Admin}:{proxy.Address}:{Ports.Admin} {User}@{Gate}";

    /// <summary>A shell on a node.</summary>
    public string Shell(NodeAddress node) => $"ssh {(Bastion is null ? string.Empty : $"-J {User}@{Bastion} ")}{User}@{node.Address}";

    /// <summary>ssh_config(5) by which every machine is reached by its name, through the bastion if there is one. Host keys:
    /// <see cref="KnownHosts"/>.</summary>
    /// <param name="machines">All machines but the bastion.</param>
    public string SshConfig(IReadOnlyCollection<NodeAddress> machines) => $"""
        {(Bastion is null ? string.Empty : $"Host bastion\n  HostName {Bastion}\n\n")}{string.Join("\n\n", machines.Select(SshHost))}

        Host {(Bastion is null ? string.Empty : "bastion ")}{string.Join(' ', machines.Select(machine => machine.Name))}
          User {User}
          HostKeyAlgorithms {HostKey.Algorithm}
          StrictHostKeyChecking yes
          GlobalKnownHostsFile /dev/null
          ConnectTimeout 10
        """;

    /// <summary>Lines of known_hosts(5): the address of a machine, for the bastion both, and its host key.</summary>
    /// <param name="bastion">The bastion's public address; null without a bastion.</param>
    /// <param name="keys">The machines' keys, the bastion's first.</param>
    public static string KnownHosts(string? bastion, IEnumerable<(NodeAddress Node, string Key)> keys) =>
        string.Join('\n', keys.Select((machine, index) => $"{(index == 0 && bastion is not null ? bastion + "," : "")}{machine.Node.Address} {machine.Key}"));

    /// <summary>All of it on one page, in Markdown: where Redis is, how it is reached, and which command shows each password.</summary>
    /// <param name="stack">The stack's name.</param>
    /// <param name="endpoint">Where clients connect.</param>
    /// <param name="machines">The machines with their roles, the bastion among them.</param>
    /// <param name="proxies">The proxies.</param>
    /// <param name="ports">The ports for clients.</param>
    /// <param name="isMonitored">Whether there are networks that metrics are read from.</param>
    public string Readme(string stack, string endpoint, IReadOnlyList<(NodeAddress Node, string Role)> machines, IReadOnlyList<NodeAddress> proxies,
        IReadOnlyList<ClientPort> ports, bool isMonitored) => $"""
        # Redis of the stack {stack}

        {Clients(endpoint, ports)}

        | machine | role | address |
        |---|---|---|
        {string.Join('\n', machines.Select(machine => $"| {machine.Node.Name} | {machine.Role} | {machine.Node.Address} |"))}

        {Way}

        ## Passwords

        They are secrets of the stack; this page holds none.

            pulumi stack output password --stack {stack} --show-secrets         # clients
            pulumi stack output adminPassword --stack {stack} --show-secrets    # the stats page, user admin{(isMonitored ? MetricsPassword(stack) : string.Empty)}

        ## From your desk

            ./scripts/tunnel --stack {stack}               # 127.0.0.1:{Ports.Redis} is Redis, until Ctrl+C
            {RedisCli.Replace("output password", $"output password --stack {stack}", StringComparison.Ordinal)}    # in a second shell

        Without the scripts: `{Tunnel(endpoint)}`

        ## The stats page

            ./scripts/tunnel stats --stack {stack}         # {StatsPage}; the other proxies follow on the next ports

        Without the scripts: {string.Join(", ", proxies.Select(proxy => $"`{StatsTunnel(proxy)}`"))}

        {(isMonitored ? Scrapes(proxies, machines) : string.Empty)}## Operating it

            ./scripts/status --stack {stack}               # all machines, roles, replication, Sentinels, proxies
            ./scripts/doctor --stack {stack}               # what hurts now or will at the next fault
            ./scripts/switchover --dry-run --stack {stack} # who could be master
            pulumi stack output sshConfig --stack {stack} >redis-ha.ssh
            pulumi stack output knownHosts --stack {stack} >>~/.ssh/known_hosts
            ssh -F redis-ha.ssh {machines.First(machine => machine.Role == "redis").Node.Name}

        When something is wrong: docs/troubleshooting.md.
        """;

    private static string MetricsPassword(string stack) =>
        $"\n    pulumi stack output metricsPassword --stack {stack} --show-secrets  # metrics, user metrics";

    private string Scrapes(IReadOnlyList<NodeAddress> proxies, IReadOnlyList<(NodeAddress Node, string Role)> machines) => $"""
        ## Metrics

        From the networks of monitoringNetworks, as user metrics: {string.Join(", ", proxies.Select(Metrics))};
        for redis_exporter {string.Join(", ", machines.Where(each => each.Role == "redis").Select(each => $"redis://{each.Node.Address}:{Ports.Redis}"))}
        (docs/monitoring.md).


        """;

    private string Metrics(NodeAddress proxy) => $"{Scheme}://{proxy.Address}:{Ports.Admin}/metrics";

    private static string Clients(string endpoint, IReadOnlyList<ClientPort> ports)
    {
        string first = ports.First(port => port.IsForClients) is { Kind: ClientPortKind.Tls } tls
            ? $"**{At(endpoint, tls)}** with a password and over TLS"
            : $"**{endpoint}** with a password and without TLS";
        return $"Clients inside the VCN connect to {first}. Any Redis client will do; it needs no Sentinel support."
            + string.Concat(ports.Select(port => More(endpoint, port)));
    }

    // A port besides the first that clients reach.
    private static string More(string endpoint, ClientPort port) => port.Kind switch
    {
        ClientPortKind.Tls => $"\n\nOver TLS: **{At(endpoint, port)}**. `pulumi stack output certificateAuthority` is what clients trust, unless the stack "
            + "was given a certificate.",
        ClientPortKind.ReadOnly => $"\n\nClients that only read may connect to **{At(endpoint, port)}**: their sessions go to replicas.",
        ClientPortKind.ReadOnlyTls => $"\n\nClients that only read may connect over TLS to **{At(endpoint, port)}**: their sessions go to replicas.",
        _ => string.Empty,
    };

    private static string At(string endpoint, ClientPort port) => $"{endpoint[..endpoint.LastIndexOf(':')]}:{port.Port}";

    private string Way => (Bastion, Service) switch
    {
        ({ } address, _) => $"The bastion's public address is {address}.",
        (_, { } service) => "The machines have private addresses alone. From a network of adminCidrs with a route to them everything below works as it stands. "
            + $"Through OCI's Bastion service ({service}) each script needs a session: docs/operations.md, \"Through OCI's Bastion service\".",
        _ => "The machines have private addresses alone: everything below works from a network of adminCidrs that has a route to them.",
    };

    private string SshHost(NodeAddress machine) =>
        $"Host {machine.Name}\n  HostName {machine.Address}{(Bastion is null ? string.Empty : "\n  ProxyJump bastion")}";

    /// <summary>redis-cli through the tunnel; the password goes from Pulumi to redis-cli without being shown.</summary>
    public static string RedisCli => $"REDISCLI_AUTH=\"$(pulumi stack output password --show-secrets)\" redis-cli -h 127.0.0.1 -p {Ports.Redis}";

    /// <summary>The stats page through its tunnel.</summary>
    public string StatsPage => $"{Scheme}://127.0.0.1:{Ports.Admin}/stats";
}
