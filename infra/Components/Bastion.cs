// The bastion: the one machine with a public address, and the way of administrators and of this program to all others.

using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>The bastion.</summary>
public sealed class Bastion : ComponentResource
{
    /// <summary>The machine.</summary>
    public Machine Machine { get; }

    /// <summary>Its public address.</summary>
    public Output<string> PublicAddress { get; }

    /// <summary>What makes its SSH server hard, and the keys that open it: run as root on the bastion, at first and after each change.</summary>
    /// <param name="user">The machines' user.</param>
    /// <param name="keys">Public keys, one a line.</param>
    internal static string ReadyScript(string user, string keys) => Template.Render("bastion/ready.sh",
        ("sshd", Template.Read("common/sshd.sh").TrimEnd('\n')), ("settings", Settings(user)), ("keys", keys));

    /// <summary>Builds the bastion.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">The stack's settings.</param>
    /// <param name="credentials">Its host key.</param>
    /// <param name="region">The region.</param>
    /// <param name="plan">What becomes of each machine.</param>
    /// <param name="network">The network; the machine waits for its gateways and routes.</param>
    /// <param name="groups">The security groups; the machine waits for their rules.</param>
    public Bastion(Deployed deployed, StackSettings settings, Credentials credentials, Region region, MachinePlan plan, Network network,
        SecurityGroups groups)
        : base("redis-ha:infra:Bastion", "bastion")
    {
        NodeAddress node = settings.Network.Bastion ?? throw new ArgumentException("These settings have no bastion.", nameof(settings));
        Output<HostKey> hostKey = credentials.HostKeyOf(node.Name);
        Machine = new Machine(deployed, settings.Compute, settings.Ssh, region, new MachineArgs
        {
            Plan = plan[node.Name],
            Role = "bastion",
            KmsKeyId = settings.KmsKeyId,
            SubnetId = network.PublicSubnetId!,
            SecurityGroupId = groups[SecurityGroup.Bastion],
            IsPublic = true,
            HostKey = hostKey,
            UserData = hostKey.Apply(key => UserData.Compress(CloudConfig(key, settings.Compute.OperatingSystem.User))),
        }, this, new InputList<Resource> { network, groups });
        PublicAddress = Partial.Required(Machine.Instance.PublicIp);
        RegisterOutputs();
    }

    private static string Settings(string user) => Template.Render("bastion/sshd.conf", ("user", user)).TrimEnd('\n');

    // Until the rollout brings them, the keys are those that cloud-init installs in the user's own folder.
    private static string CloudConfig(HostKey hostKey, string user) => Template.Render("bastion/cloud-config",
        ("host-key", UserData.HostKeyConfiguration(hostKey)),
        ("settings", string.Join("\n      ", Settings(user).Split('\n').Where(line => !line.StartsWith("AuthorizedKeysFile ", StringComparison.Ordinal)))));
}
