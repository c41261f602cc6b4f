// The data nodes: Redis and a Sentinel on each, spread so that no single failure takes two.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>A machine and the payload that configures it.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Payload">The payload, a secret: sent again whenever it changes.</param>
public sealed record ConfiguredMachine(Machine Machine, Output<NodePayload> Payload)
{
    /// <summary>What the machine must have before the payload comes: its data volume, where it has one.</summary>
    public ImmutableArray<Resource> Attached { get; init; } = [];
}

/// <summary>The Redis nodes.</summary>
public sealed class RedisNodes : ComponentResource
{
    /// <summary>The machines, redis1 first.</summary>
    public ImmutableArray<ConfiguredMachine> Machines { get; }

    /// <summary>Builds the nodes.</summary>
    public RedisNodes(Deployed deployed, StackSettings settings, Region region, MachinePlan plan, RollingUpdate? rolling, Network network,
        SecurityGroups groups, Credentials credentials, BackupBucket? backups,
        Output<ImmutableDictionary<string, NodeTls>>? tls)
        : base("redis-ha:infra:RedisNodes", "redis-nodes")
    {
        ImmutableArray<NodeAddress> nodes = settings.Network.Redis;
        Machines = RollingUpdate.Order(nodes.Length).Select(index =>
        {
            NodeAddress node = nodes[index];
            Output<string?> address = backups?.WriteAddress.Apply(text => (string?)text) ?? Output.Create<string?>(Task.FromResult<string?>(null));
            Output<NodeTls?> files = tls?.Apply(known => (NodeTls?)known[node.Address]) ?? Output.Create(Task.FromResult<NodeTls?>(null));
            Output<RedisNodeInputs> inputs = Output.Tuple(credentials.Passwords, address, files).Apply(known => new RedisNodeInputs
            {
                Node = node,
                Nodes = nodes,
                Redis = settings.Redis,
                Sentinel = settings.Sentinel,
                Login = new LoginAccess(settings.Compute.OperatingSystem.User, settings.Ssh.PublicKey),
                Passwords = known.Item1,
                DataVolumeGb = settings.Compute.DataVolumeGb,
                Metrics = settings.Alarms.HasCustomMetrics ? new NodeMetrics(deployed.CompartmentId, deployed.Name) : null,
                Tls = known.Item3,
                Backup = known.Item2 is { } url ? new NodeBackup(url, settings.Backup.Calendar, settings.Backup.LongestPause) : null,
            });
            Output<NodePayload> payload = inputs.Apply(NodePayload.Of);
            Output<HostKey> hostKey = credentials.HostKeyOf(node.Name);
            var dependsOn = new InputList<Resource> { network, groups };
            foreach (Resource before in rolling?.BeforeRedis(node.Name, nodes) ?? [])
            {
                dependsOn.Add(before);
            }
            var machine = new Machine(deployed, settings.Compute, settings.Ssh, region, new MachineArgs
            {
                Plan = plan[node.Name],
                Role = "redis",
                KmsKeyId = settings.KmsKeyId,
                SendsLogs = settings.Logs is not null,
                SubnetId = network.PrivateSubnetId,
                SecurityGroupId = groups[SecurityGroup.Redis],
                HostKey = hostKey,
                UserData = Output.Tuple(payload, hostKey).Apply(known => UserData.Of(known.Item2, known.Item1.FirstBootScript)),
            }, this, dependsOn);
            rolling?.Next(machine);
            return new ConfiguredMachine(machine, payload)
            {
                Attached = DataVolume.Attach(deployed, settings, region, machine, plan[node.Name].Place, this),
            };
        }).Reverse().ToImmutableArray();
        rolling?.AfterRedis(Machines);
        RegisterOutputs();
    }
}
