// The virtual cloud network: gateways, routes, and a public and a private subnet, both across the whole region. Without a bastion machine there
// is nothing public: no such subnet, and no gateway to the Internet but the one that leads outwards only. Of a network that exists nothing is made.

using Pulumi;
using RedisHaInfra.Settings;
using CI = Pulumi.Oci.Core.Inputs;
using Core = Pulumi.Oci.Core;

namespace RedisHaInfra.Components;

/// <summary>The network.</summary>
public sealed class Network : ComponentResource
{
    /// <summary>OCID of the VCN.</summary>
    public Output<string> VcnId { get; }

    /// <summary>What OCI calls the addresses of its services in this region, which the service gateway leads to.</summary>
    public string ServicesCidr { get; }

    /// <summary>OCID of the bastion's subnet; null without a bastion.</summary>
    public Output<string>? PublicSubnetId { get; }

    /// <summary>OCID of everything else's subnet.</summary>
    public Output<string> PrivateSubnetId { get; }

    /// <summary>Builds the network.</summary>
    public Network(Deployed deployed, NetworkSettings settings, Region region)
        : base("redis-ha:infra:Network", "network")
    {
        ServicesCidr = region.Services.CidrBlock;
        if (settings.Existing is { } existing)
        {
            VcnId = Output.Create(existing.VcnId);
            PrivateSubnetId = Output.Create(existing.PrivateSubnetId);
            PublicSubnetId = existing.PublicSubnetId is { } subnet ? Output.Create(subnet) : null;
            RegisterOutputs();
            return;
        }
        var child = new CustomResourceOptions { Parent = this };

        var vcn = new Core.Vcn("vcn", new Core.VcnArgs
        {
            CompartmentId = deployed.CompartmentId,
            CidrBlocks = { settings.VcnCidr },
            DnsLabel = settings.DnsLabel,
            DisplayName = deployed.DisplayName("vcn"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);

        var nat = new Core.NatGateway("nat-gateway", new Core.NatGatewayArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("nat"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);

        // "All services in the region": Object Storage, from which the proxies fetch their bundle, without the Internet.
        var service = new Core.ServiceGateway("service-gateway", new Core.ServiceGatewayArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            Services = { new CI.ServiceGatewayServiceArgs { ServiceId = region.Services.Id } },
            DisplayName = deployed.DisplayName("services"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);

        var privateRoutes = new Core.RouteTable("private-routes", new Core.RouteTableArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("private"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
            RouteRules =
            {
                new CI.RouteTableRouteRuleArgs
                {
                    Description = "The Internet, outwards only",
                    Destination = "0.0.0.0/0",
                    DestinationType = "CIDR_BLOCK",
                    NetworkEntityId = nat.Id,
                },
                new CI.RouteTableRouteRuleArgs
                {
                    Description = "Oracle's services, without the Internet",
                    Destination = region.Services.CidrBlock,
                    DestinationType = "SERVICE_CIDR_BLOCK",
                    NetworkEntityId = service.Id,
                },
            },
        }, child);

        // A subnet without a list of its own gets the VCN's default one, which lets everybody in by SSH. Ours carries path MTU
        // discovery only (ICMP type 3, code 4); the security groups open the rest.
        var securityList = new Core.SecurityList("security-list", new Core.SecurityListArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("minimal"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
            IngressSecurityRules =
            {
                new CI.SecurityListIngressSecurityRuleArgs
                {
                    Description = "Path MTU discovery",
                    Protocol = "1",
                    Source = "0.0.0.0/0",
                    SourceType = "CIDR_BLOCK",
                    Stateless = false,
                    IcmpOptions = new CI.SecurityListIngressSecurityRuleIcmpOptionsArgs { Type = 3, Code = 4 },
                },
            },
        }, child);

        var lists = new InputList<string> { securityList.Id };
        if (settings.WayIn == WayIn.Service)
        {
            lists.Add(BastionServiceList(deployed, settings.PrivateSubnetCidr, vcn, child));
        }

        // Of the two prohibitions one is given: the other follows it (CreateSubnetDetails).
        var privateSubnet = new Core.Subnet("private-subnet", new Core.SubnetArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            CidrBlock = settings.PrivateSubnetCidr,
            DnsLabel = "private",
            DisplayName = deployed.DisplayName("private"),
            RouteTableId = privateRoutes.Id,
            SecurityListIds = lists,
            ProhibitPublicIpOnVnic = true,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);

        VcnId = vcn.Id;
        PrivateSubnetId = privateSubnet.Id;
        PublicSubnetId = settings.PublicSubnetCidr is { } cidr ? PublicSubnet(deployed, cidr, vcn, securityList, child) : null;
        RegisterOutputs();
    }

    // The service's private endpoint is in no security group: what lets it out to the machines must be a list.
    private static Output<string> BastionServiceList(Deployed deployed, string cidr, Core.Vcn vcn, CustomResourceOptions child) =>
        new Core.SecurityList("bastion-service-list", new Core.SecurityListArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("bastion-service"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
            EgressSecurityRules =
            {
                new CI.SecurityListEgressSecurityRuleArgs
                {
                    Description = "OCI's Bastion service to the machines by SSH",
                    Protocol = "6",
                    Destination = cidr,
                    DestinationType = "CIDR_BLOCK",
                    Stateless = false,
                    TcpOptions = new CI.SecurityListEgressSecurityRuleTcpOptionsArgs { Min = Ports.Ssh, Max = Ports.Ssh },
                },
            },
        }, child).Id;

    private static Output<string> PublicSubnet(Deployed deployed, string cidr, Core.Vcn vcn, Core.SecurityList securityList, CustomResourceOptions child)
    {
        var internet = new Core.InternetGateway("internet-gateway", new Core.InternetGatewayArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("internet"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        // The service route belongs to the private table only: in a table with an internet gateway it cuts off the service's answers.
        var publicRoutes = new Core.RouteTable("public-routes", new Core.RouteTableArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            DisplayName = deployed.DisplayName("public"),
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
            RouteRules =
            {
                new CI.RouteTableRouteRuleArgs
                {
                    Description = "The Internet",
                    Destination = "0.0.0.0/0",
                    DestinationType = "CIDR_BLOCK",
                    NetworkEntityId = internet.Id,
                },
            },
        }, child);
        return new Core.Subnet("public-subnet", new Core.SubnetArgs
        {
            CompartmentId = deployed.CompartmentId,
            VcnId = vcn.Id,
            CidrBlock = cidr,
            DnsLabel = "public",
            DisplayName = deployed.DisplayName("public"),
            RouteTableId = publicRoutes.Id,
            SecurityListIds = { securityList.Id },
            ProhibitPublicIpOnVnic = false,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child).Id;
    }
}
