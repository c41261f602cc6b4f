// A network that is there before the stack and belongs to somebody else: made by the lab itself, with identifiers that no resource of the
// program has. The program only asks for it.

using System.Collections.Immutable;
using RedisHaInfra.Settings;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>The network of another owner.</summary>
internal static class ExistingNetwork
{
    private const string Mark = ".lab.another-owners-";
    private const string VcnId = "ocid1.vcn.oc1" + Mark + "vcn", List = "ocid1.securitylist.oc1" + Mark + "list";
    private const string PublicId = "ocid1.subnet.oc1" + Mark + "public", PrivateId = "ocid1.subnet.oc1" + Mark + "private";
    private const string PublicRoutes = "ocid1.routetable.oc1" + Mark + "public", PrivateRoutes = "ocid1.routetable.oc1" + Mark + "private";

    // It was there for other purposes, too.
    private const string OtherCidr = "10.1.0.0/16";

    /// <summary>Whether an OCID is of it: the program did not make it, so it does not go with what the program made.</summary>
    public static bool Owns(string id) => id.Contains(Mark, StringComparison.Ordinal);

    /// <summary>Whether a lab has it.</summary>
    public static bool Exists(LabState state) => state.Network.Vcns.Any(vcn => vcn.Id == VcnId);

    /// <summary>Names it in the settings.</summary>
    public static void AddTo(Dictionary<string, string> settings)
    {
        settings.TryAdd("vcnId", VcnId);
        settings.TryAdd("privateSubnetId", PrivateId);
        if (settings.GetValueOrDefault("bastion", "vm") == "vm")
        {
            settings.TryAdd("publicSubnetId", PublicId);
        }
    }

    /// <summary>Makes it where it is missing.</summary>
    /// <exception cref="LabException">The lab has a network of the stack's own.</exception>
    public static async Task EnsureAsync(Lab lab, IReadOnlyDictionary<string, string> settings)
    {
        if (Exists(lab.State))
        {
            return;
        }

        if (lab.State.Network.Vcns.Count > 0)
        {
            throw new LabException("--existing-network is for a new lab: this one has a network of the stack's own. Use another name (--name NAME), or "
                + "`scripts/lab down` first.", LabException.Unusable);
        }

        var network = StackSettings.Read(new SettingsSource(settings)).Network;
        // Path MTU discovery only, as the stack's own list: it is the stack's groups that open ports.
        var icmp = new State.SecurityRule
        {
            OwnerId = List,
            Direction = Direction.Ingress,
            Protocol = "1",
            PeerKind = PeerKind.Cidr,
            Peer = "0.0.0.0/0",
            IcmpType = 3,
            IcmpCode = 4,
        };
        await lab.ChangeNetworkAsync(model => model with
        {
            Vcns = [new Vcn(VcnId, [OtherCidr, network.VcnCidr], "another")],
            Rules = [.. model.Rules, icmp],
            Routes =
            [
                .. model.Routes,
                new Route(PublicRoutes, "0.0.0.0/0", GatewayKind.Internet), new Route(PrivateRoutes, "0.0.0.0/0", GatewayKind.Nat),
                new Route(PrivateRoutes, Addresses.ServicesCidrBlock, GatewayKind.Service), new Route(PrivateRoutes, Addresses.OfficeCidr, GatewayKind.Vpn),
            ],
        });
        await lab.AddSubnetAsync(new Subnet(PrivateId, network.PrivateSubnetCidr, VcnId, PrivateRoutes, [List], "inside", ProhibitPublicAddress: true));
        if (network.PublicSubnetCidr is { } cidr)
        {
            await lab.AddSubnetAsync(new Subnet(PublicId, cidr, VcnId, PublicRoutes, [List], "outside", ProhibitPublicAddress: false));
        }

        lab.Progress.Say($"another owner's network: {VcnId} with the subnet {PrivateId}");
    }

    /// <summary>What OCI says of it; null for another question.</summary>
    public static object? Answer(LabState state, string token, ImmutableDictionary<string, object> asked) => token switch
    {
        "oci:Core/getVcn:getVcn" when state.Network.Vcns.FirstOrDefault(vcn => vcn.Id == (string)asked["vcnId"]) is { } vcn => Item(
            ("id", vcn.Id), ("cidrBlocks", vcn.Cidrs.Cast<object>().ToImmutableArray()), ("state", "AVAILABLE")),
        "oci:Core/getSubnet:getSubnet" when state.Network.Subnets.FirstOrDefault(subnet => subnet.Id == (string)asked["subnetId"]) is { } subnet => Item(
            ("id", subnet.Id), ("vcnId", subnet.VcnId), ("compartmentId", "ocid1.compartment.oc1..another"), ("cidrBlock", subnet.Cidr),
            ("prohibitPublicIpOnVnic", subnet.ProhibitPublicAddress), ("dnsLabel", subnet.DnsLabel ?? ""), ("routeTableId", subnet.RouteTableId ?? "")),
        "oci:Core/getRouteTables:getRouteTables" => Item(("routeTables", state.Network.Routes.GroupBy(route => route.RouteTableId)
            .Select(table => (object)Item(("id", table.Key), ("routeRules", table.Select(Rule).ToImmutableArray()))).ToImmutableArray())),
        "oci:Core/getPrivateIps:getPrivateIps" => Item(("privateIps", state.Network.Vnics.Where(vnic => vnic.SubnetId == (string)asked["subnetId"])
            .Select(vnic => (object)Item(("ipAddress", vnic.Address), ("hostnameLabel", vnic.HostName ?? ""))).ToImmutableArray())),
        _ => null,
    };

    private static object Rule(Route route) => Item(
        ("destination", route.Destination),
        ("destinationType", route.Gateway == GatewayKind.Service ? "SERVICE_CIDR_BLOCK" : "CIDR_BLOCK"),
        ("networkEntityId", $"ocid1.{Kind(route.Gateway)}.oc1{Mark}gateway"));

    private static string Kind(GatewayKind gateway) => gateway switch
    {
        GatewayKind.Internet => "internetgateway",
        GatewayKind.Nat => "natgateway",
        GatewayKind.Service => "servicegateway",
        _ => "drg",
    };

    private static ImmutableDictionary<string, object> Item(params (string Name, object Value)[] values) =>
        values.ToImmutableDictionary(pair => pair.Name, pair => pair.Value);
}
