// OCI's Bastion service: people reach the private addresses through sessions of it, which they make themselves and which end after three hours.
// The program's own commands do not go that way: a session has an OCID of its own, so another one in each run would be another connection
// of every command, and every command would run again.

using Pulumi;
using RedisHaInfra.Settings;
using Bst = Pulumi.Oci.Bastion;

namespace RedisHaInfra.Components;

/// <summary>The service's bastion in the private subnet.</summary>
public sealed class BastionService : ComponentResource
{
    // The longest that the service allows (Bastion, "Managing Sessions").
    private const int MaxSessionSeconds = 3 * 3600;

    /// <summary>Its OCID, which sessions are made with.</summary>
    public Output<string> Id { get; }

    /// <summary>Where its sessions come from, in the private subnet.</summary>
    public Output<string> PrivateAddress { get; }

    /// <summary>Builds it.</summary>
    public BastionService(Deployed deployed, NetworkSettings settings, Network network)
        : base("redis-ha:infra:BastionService", "bastion-service")
    {
        var bastion = new Bst.Bastion("bastion", new Bst.BastionArgs
        {
            BastionType = "standard",
            CompartmentId = deployed.CompartmentId,
            // Letters and digits only; it cannot change.
            Name = new string([.. deployed.DisplayName("bastion").Where(char.IsAsciiLetterOrDigit)]),
            TargetSubnetId = network.PrivateSubnetId,
            ClientCidrBlockAllowLists = settings.AdminCidrs.ToList(),
            MaxSessionTtlInSeconds = MaxSessionSeconds,
            // One session to all addresses (dynamic port forwarding) needs it.
            DnsProxyStatus = "ENABLED",
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions { Parent = this, DependsOn = { network } });
        Id = bastion.Id;
        PrivateAddress = Partial.Required(bastion.PrivateEndpointIpAddress);
        RegisterOutputs();
    }
}
