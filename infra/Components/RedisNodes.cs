// The data nodes: Redis and a Sentinel on each, spread so that no single failure takes two.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>A machine and the payload that configures it.</summary>
/// <param name="Machine">The machine.</param>
/// <param name="Payload">The payload, a secret: sent again whenever it changes.</param>
public sealed record ConfiguredMachine(Machine Machine, Output<Payload> Payload);

/// <summary>What a machine is to run.</summary>
/// <param name="Identifier">Names the content; no secret by itself.</param>
/// <param name="Script">The apply script with everything in it.</param>
public sealed record Payload(string Identifier, string Script)
{
    /// <summary>Hides the script.</summary>
    public override string ToString() => Identifier;
}

/// <summary>The Redis nodes.</summary>
public sealed class RedisNodes : ComponentResource
{
    /// <summary>The machines, redis1 first.</summary>
    public ImmutableArray<ConfiguredMachine> Machines { get; }

    /// <summary>Builds the nodes.</summary>
    public RedisNodes(string name, Deployed deployed, StackSettings settings, Region region, MachinePlan plan, RollingUpdate? rolling, Network network,
        SecurityGroups groups, Credentials credentials, ComponentResourceOptions? options = null)
        : base("redis-ha:infra:RedisNodes", name, options)
    {
        ImmutableArray<NodeAddress> nodes = settings.Network.Redis;
        Machines = RollingUpdate.Order(nodes.Length).Select(index =>
        {
            NodeAddress node = nodes[index];
            Output<RedisNodeInputs> inputs = credentials.Passwords.Apply(known => new RedisNodeInputs
            {
                Node = node,
                Nodes = nodes,
                Redis = settings.Redis,
                Sentinel = settings.Sentinel,
                Login = new LoginAccess(settings.Compute.OperatingSystem.User, settings.Ssh.PublicKey),
                Passwords = known,
            });
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
                SubnetId = network.PrivateSubnetId,
                SecurityGroupId = groups[SecurityGroup.Redis],
                HostKey = hostKey,
                UserData = Output.Tuple(inputs, hostKey).Apply(known => UserData.Of(known.Item2, NodePayload.FirstBootScript(known.Item1))),
            }, this, dependsOn);
            rolling?.Next(machine);
            return new ConfiguredMachine(machine, inputs.Apply(known => new Payload(NodePayload.Identifier(known), NodePayload.ApplyScript(known))));
        }).Reverse().ToImmutableArray();
        rolling?.AfterRedis(Machines);
        RegisterOutputs();
    }
}
