// The bastion: the one machine with a public address, and the way of administrators and of this program to all others.

using System.Text;
using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>The bastion.</summary>
public sealed class Bastion : ComponentResource
{
    /// <summary>The machine.</summary>
    public Machine Machine { get; }

    /// <summary>Its public address.</summary>
    public Output<string> PublicAddress { get; }

    /// <summary>Builds the bastion.</summary>
    /// <param name="name">The component's name.</param>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">The stack's settings.</param>
    /// <param name="region">The region.</param>
    /// <param name="network">The network; the machine waits for its gateways and routes.</param>
    /// <param name="groups">The security groups; the machine waits for their rules.</param>
    /// <param name="options">Pulumi's options.</param>
    public Bastion(string name, Deployed deployed, StackSettings settings, Region region, Network network, SecurityGroups groups, ComponentResourceOptions? options = null)
        : base("redis-ha:infra:Bastion", name, options)
    {
        string userData = Scripts.Read("bastion.cloud-config").Replace("@USER@", settings.Compute.OperatingSystem.User, StringComparison.Ordinal);
        Machine = new Machine(deployed, settings.Compute, settings.Ssh, region, new MachineArgs
        {
            Node = settings.Network.Bastion,
            Index = 0,
            Role = "bastion",
            Size = settings.Compute.Bastion,
            KmsKeyId = settings.KmsKeyId,
            SubnetId = network.PublicSubnetId,
            SecurityGroupId = groups[SecurityGroup.Bastion],
            IsPublic = true,
            UserData = Convert.ToBase64String(Encoding.UTF8.GetBytes(userData)),
        }, this, new InputList<Resource> { network, groups });
        PublicAddress = Partial.Required(Machine.Instance.PublicIp);
        RegisterOutputs();
    }
}
