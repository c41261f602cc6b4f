// Lines to paste, as stack outputs: how to reach what was built. No password is in any of them.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>Writes command lines for a deployment.</summary>
/// <param name="User">The machines' user.</param>
/// <param name="Bastion">The bastion's public address.</param>
public sealed record Instructions(string User, string Bastion)
{
    /// <summary>Opens a tunnel to Redis on this machine's port 6379.</summary>
    public string Tunnel(string endpoint) => $"ssh -N -L {Ports.Redis}:{endpoint} {User}@{Bastion}";

    /// <summary>Opens a tunnel to a proxy's stats page on this machine's port 1936.</summary>
    public string StatsTunnel(NodeAddress proxy) => $"ssh -N -L {Ports.Admin}:{proxy.Address}:{Ports.Admin} {User}@{Bastion}";

    /// <summary>A shell on a node.</summary>
    public string Shell(NodeAddress node) => $"ssh -J {User}@{Bastion} {User}@{node.Address}";

    /// <summary>ssh_config(5) by which every machine is reached by its name, through the bastion. Host keys: <see cref="KnownHosts"/>.</summary>
    /// <param name="machines">All machines but the bastion.</param>
    public string SshConfig(IReadOnlyCollection<NodeAddress> machines) => $"""
        Host bastion
          HostName {Bastion}

        {string.Join("\n\n", machines.Select(machine => $"Host {machine.Name}\n  HostName {machine.Address}\n  ProxyJump bastion"))}

        Host bastion {string.Join(' ', machines.Select(machine => machine.Name))}
          User {User}
          HostKeyAlgorithms {HostKey.Algorithm}
          StrictHostKeyChecking yes
          GlobalKnownHostsFile /dev/null
          ConnectTimeout 10
        """;

    /// <summary>Lines of known_hosts(5): the address of a machine, for the bastion both, and its host key.</summary>
    /// <param name="bastion">The bastion's public address.</param>
    /// <param name="keys">The machines' keys, the bastion's first.</param>
    public static string KnownHosts(string bastion, IEnumerable<(NodeAddress Node, string Key)> keys) =>
        string.Join('\n', keys.Select((machine, index) => $"{(index == 0 ? bastion + "," : "")}{machine.Node.Address} {machine.Key}"));

    /// <summary>redis-cli through the tunnel; the password goes from Pulumi to redis-cli without being shown.</summary>
    public static string RedisCli => $"REDISCLI_AUTH=\"$(pulumi stack output password --show-secrets)\" redis-cli -h 127.0.0.1 -p {Ports.Redis}";

    /// <summary>The stats page through its tunnel.</summary>
    public static string StatsPage => $"http://127.0.0.1:{Ports.Admin}/stats";
}
