// The proxy nodes: each routes every session to the one master; the load balancer spreads clients over them.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>The proxy nodes.</summary>
public sealed class ProxyNodes : ComponentResource
{
    /// <summary>The machines, proxy1 first.</summary>
    public ImmutableArray<ConfiguredMachine> Machines { get; }

    /// <summary>Builds the nodes.</summary>
    public ProxyNodes(Deployed deployed, StackSettings settings, Region region, MachinePlan plan, RollingUpdate? rolling, Network network,
        SecurityGroups groups, Credentials credentials, ProxyBundle bundle, Output<TlsFiles>? tls,
        Output<TlsFiles>? adminTls, Output<string>? redisAuthority)
        : base("redis-ha:infra:ProxyNodes", "proxy-nodes")
    {
        ImmutableArray<NodeAddress> nodes = settings.Network.Proxies;
        Machines = RollingUpdate.Order(nodes.Length).Select(index =>
        {
            NodeAddress node = nodes[index];
            Output<string?> authority = redisAuthority?.Apply(text => (string?)text) ?? Output.Create(Task.FromResult<string?>(null));
            var given = Output.Tuple(credentials.Passwords, bundle.Url, Known(tls), Known(adminTls), authority);
            Output<ProxyNodeInputs> inputs = given.Apply(known => new ProxyNodeInputs
            {
                Node = node,
                RedisNodes = settings.Network.Redis,
                Peers = [.. nodes.Where(other => other != node)],
                MinReplicasToWrite = settings.Redis.MinReplicasToWrite,
                Sentinel = settings.Sentinel,
                Login = new LoginAccess(settings.Compute.OperatingSystem.User, settings.Ssh.PublicKey),
                Passwords = known.Item1,
                BundleUrl = known.Item2,
                BundleSha256 = bundle.Sha256,
                Tls = known.Item3,
                AdminTls = known.Item4,
                RedisAuthority = known.Item5,
                Options = settings.ProxyOptions,
            });
            Output<NodePayload> payload = inputs.Apply(NodePayload.Of);
            Output<HostKey> hostKey = credentials.HostKeyOf(node.Name);
            var dependsOn = new InputList<Resource> { network, groups };
            foreach (Resource before in rolling?.BeforeProxy(node.Name, nodes) ?? [])
            {
                dependsOn.Add(before);
            }
            var machine = new Machine(deployed, settings.Compute, settings.Ssh, region, new MachineArgs
            {
                Plan = plan[node.Name],
                Role = "proxy",
                KmsKeyId = settings.KmsKeyId,
                SendsLogs = settings.Logs is not null,
                SubnetId = network.PrivateSubnetId,
                SecurityGroupId = groups[SecurityGroup.Proxy],
                HostKey = hostKey,
                UserData = Output.Tuple(payload, hostKey).Apply(known => UserData.Of(known.Item2, known.Item1.FirstBootScript)),
            }, this, dependsOn);
            rolling?.Next(machine);
            return new ConfiguredMachine(machine, payload);
        }).Reverse().ToImmutableArray();
        rolling?.AfterProxies(Machines);
        RegisterOutputs();
    }

    private static Output<TlsFiles?> Known(Output<TlsFiles>? files) =>
        files?.Apply(known => (TlsFiles?)known) ?? Output.Create(Task.FromResult<TlsFiles?>(null));
}
