// The network security groups: one for each kind of machine, with the rules of the table in SecurityRules.

using Pulumi;
using RedisHaInfra.Settings;
using CI = Pulumi.Oci.Core.Inputs;
using Core = Pulumi.Oci.Core;

namespace RedisHaInfra.Components;

/// <summary>The security groups and their rules.</summary>
public sealed class SecurityGroups : ComponentResource
{
    // IANA's number of TCP, as OCI wants it.
    private const string Tcp = "6";

    private readonly Dictionary<SecurityGroup, Core.NetworkSecurityGroup> _groups = [];

    /// <summary>OCID of a group.</summary>
    public Output<string> this[SecurityGroup group] => _groups[group].Id;

    /// <summary>Builds groups and rules.</summary>
    /// <param name="deployed">Where and under which names.</param>
    /// <param name="settings">The networks that rules name.</param>
    /// <param name="network">The network.</param>
    /// <param name="bastionService">OCI's Bastion service; null where there is none.</param>
    public SecurityGroups(Deployed deployed, NetworkSettings settings, Network network, BastionService? bastionService)
        : base("redis-ha:infra:SecurityGroups", "security-groups")
    {
        var child = new CustomResourceOptions { Parent = this };
        foreach ((SecurityGroup group, string resource) in new[]
        {
            (SecurityGroup.Bastion, "bastion-group"),
            (SecurityGroup.LoadBalancer, "load-balancer-group"),
            (SecurityGroup.Proxy, "proxy-group"),
            (SecurityGroup.Redis, "redis-group"),
        }.Where(pair => pair.Item1 != SecurityGroup.Bastion || settings.WayIn == WayIn.Machine))
        {
            _groups[group] = new Core.NetworkSecurityGroup(resource, new Core.NetworkSecurityGroupArgs
            {
                CompartmentId = deployed.CompartmentId,
                VcnId = network.VcnId,
                DisplayName = deployed.DisplayName(resource),
                FreeformTags = deployed.Tags,
                DefinedTags = deployed.DefinedTags,
            }, child);
        }

        foreach (SecurityRule rule in SecurityRules.For(settings))
        {
            (Input<string> peer, Input<string> peerType) = rule.Peer switch
            {
                { Group: { } group } => ((Input<string>)this[group], (Input<string>)"NETWORK_SECURITY_GROUP"),
                { Cidr: { } cidr } => (cidr, "CIDR_BLOCK"),
                { IsBastionService: true } => (bastionService!.PrivateAddress.Apply(address => $"{address}/32"), "CIDR_BLOCK"),
                _ => (network.ServicesCidr, "SERVICE_CIDR_BLOCK"),
            };
            bool inwards = rule.Direction == TrafficDirection.In;
            _ = new Core.NetworkSecurityGroupSecurityRule(rule.Name, new Core.NetworkSecurityGroupSecurityRuleArgs
            {
                NetworkSecurityGroupId = this[rule.Group],
                Description = rule.Description,
                Direction = inwards ? "INGRESS" : "EGRESS",
                Protocol = Tcp,
                Stateless = false,
                Source = inwards ? peer : null,
                SourceType = inwards ? peerType : null,
                Destination = inwards ? null : peer,
                DestinationType = inwards ? null : peerType,
                TcpOptions = new CI.NetworkSecurityGroupSecurityRuleTcpOptionsArgs
                {
                    DestinationPortRange = new CI.NetworkSecurityGroupSecurityRuleTcpOptionsDestinationPortRangeArgs { Min = rule.Port, Max = rule.Port },
                },
            }, child);
        }
        RegisterOutputs();
    }
}
