// A network that exists before the stack, as OCI describes it: one that fits the default addresses, to be spoilt one property at a time.

using System.Collections.Immutable;

namespace RedisHaInfra.Tests.Graph;

public sealed record ExistingVcn
{
    public const string VcnId = "ocid1.vcn.oc1.eu-frankfurt-1.aaaa";
    public const string PublicId = "ocid1.subnet.oc1.eu-frankfurt-1.aaaa";
    public const string PrivateId = "ocid1.subnet.oc1.eu-frankfurt-1.bbbb";

    private const string Services = "all-fra-services-in-oracle-services-network";

    /// <summary>What is different, by "subnet id or VCN's id property".</summary>
    public IReadOnlyDictionary<string, object> Different { get; init; } = new Dictionary<string, object>();

    /// <summary>Where the private subnet's route 0.0.0.0/0 leads; null for no such route.</summary>
    public string? Internet { get; init; } = "ocid1.natgateway.oc1.eu-frankfurt-1.aaaa";

    /// <summary>Whether the private subnet has a route to Oracle's services.</summary>
    public bool ReachesServices { get; init; } = true;

    /// <summary>Addresses that are taken, with their host names.</summary>
    public IReadOnlyList<(string Address, string HostName)> Taken { get; init; } = [("172.31.235.240", "stranger")];

    /// <summary>The answer; null for a look-up that is of no network.</summary>
    public object? Answer(string token, ImmutableDictionary<string, object> asked) => token switch
    {
        "oci:Core/getVcn:getVcn" => Item((string)asked["vcnId"],
            ("cidrBlocks", ImmutableArray.Create<object>("10.1.0.0/16", "172.31.235.0/24")), ("state", "AVAILABLE")),
        "oci:Core/getSubnet:getSubnet" => Subnet((string)asked["subnetId"]),
        "oci:Core/getRouteTables:getRouteTables" => ImmutableDictionary<string, object>.Empty.Add("routeTables", ImmutableArray.Create<object>(
            Table("other", []), Table($"routes-of-{PublicId}", [("0.0.0.0/0", "CIDR_BLOCK", "ocid1.internetgateway.oc1.eu-frankfurt-1.aaaa")]),
            Table($"routes-of-{PrivateId}", [
                .. Internet is null ? [] : new[] { ("0.0.0.0/0", "CIDR_BLOCK", Internet) },
                .. ReachesServices ? new[] { (Services, "SERVICE_CIDR_BLOCK", "ocid1.servicegateway.oc1.eu-frankfurt-1.aaaa") } : []]))),
        "oci:Core/getPrivateIps:getPrivateIps" => ImmutableDictionary<string, object>.Empty.Add("privateIps", Taken
            .Select(one => (object)ImmutableDictionary<string, object>.Empty.Add("ipAddress", one.Address).Add("hostnameLabel", one.HostName))
            .ToImmutableArray()),
        "oci:Core/getCnvDnsResolverAssociation:getCnvDnsResolverAssociation" => ImmutableDictionary<string, object>.Empty
            .Add("dnsResolverId", $"resolver-of-{asked["vcnId"]}").Add("vcnId", asked["vcnId"]),
        "oci:Dns/getResolver:getResolver" => ImmutableDictionary<string, object>.Empty.Add("defaultViewId", $"view-of-{asked["resolverId"]}")
            .Add("resolverId", asked["resolverId"]),
        _ => null,
    };

    private ImmutableDictionary<string, object> Subnet(string id) => Item(id, ("vcnId", VcnId), ("compartmentId", "ocid1.compartment.oc1..network"),
        ("cidrBlock", id == PrivateId ? "172.31.235.128/25" : "172.31.235.0/25"), ("prohibitPublicIpOnVnic", id == PrivateId), ("dnsLabel", "label"),
        ("routeTableId", $"routes-of-{id}"));

    private ImmutableDictionary<string, object> Item(string id, params (string Key, object Value)[] properties) =>
        properties.ToImmutableDictionary(property => property.Key, property => property.Value).SetItem("id", id)
            .SetItems(Different.Where(pair => pair.Key.StartsWith(id + " ", StringComparison.Ordinal))
                .Select(pair => KeyValuePair.Create(pair.Key[(id.Length + 1)..], pair.Value)));

    private static ImmutableDictionary<string, object> Table(string id, (string Destination, string Type, string Entity)[] rules) =>
        ImmutableDictionary<string, object>.Empty.Add("id", id).Add("routeRules", rules.Select(rule => (object)ImmutableDictionary<string, object>.Empty
            .Add("destination", rule.Destination).Add("destinationType", rule.Type).Add("networkEntityId", rule.Entity)).ToImmutableArray());
}
