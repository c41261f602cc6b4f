// The cloud network of one instance as plain data, in the cloud's own terms: what the resources of the program said.
// RuleSet renders it into nftables rules, VcnNetwork into namespaces, links and routes.

namespace RedisHaLab.State;

/// <summary>A virtual cloud network.</summary>
/// <param name="Id">OCID.</param>
/// <param name="Cidrs">Its address ranges.</param>
/// <param name="DnsLabel">The label of its domain; null without one.</param>
internal sealed record Vcn(string Id, IReadOnlyList<string> Cidrs, string? DnsLabel);

/// <summary>A subnet.</summary>
/// <param name="Id">OCID.</param>
/// <param name="Cidr">Its address range.</param>
/// <param name="VcnId">OCID of its network.</param>
/// <param name="RouteTableId">OCID of its route table.</param>
/// <param name="SecurityListIds">OCIDs of its security lists.</param>
/// <param name="DnsLabel">The label of its domain; null without one.</param>
/// <param name="ProhibitPublicAddress">Whether its interfaces may not have public addresses.</param>
internal sealed record Subnet(
    string Id,
    string Cidr,
    string VcnId,
    string? RouteTableId,
    IReadOnlyList<string> SecurityListIds,
    string? DnsLabel,
    bool ProhibitPublicAddress);

/// <summary>What an entry of a route table leads to.</summary>
internal enum GatewayKind
{
    /// <summary>To and from the internet, for interfaces with a public address.</summary>
    Internet,

    /// <summary>Out to the internet, for all interfaces.</summary>
    Nat,

    /// <summary>Out to the provider's services, such as Object Storage.</summary>
    Service,

    /// <summary>To and from the operators' own network.</summary>
    Vpn,
}

/// <summary>One entry of a route table.</summary>
/// <param name="RouteTableId">OCID of the table.</param>
/// <param name="Destination">The address range, or that of the provider's services.</param>
/// <param name="Gateway">Where it leads.</param>
internal sealed record Route(string RouteTableId, string Destination, GatewayKind Gateway);

/// <summary>A network interface: of a machine, the balancer or a client.</summary>
internal sealed record Vnic
{
    /// <summary>The owner's name, which names its namespace too.</summary>
    public required string Name { get; init; }

    /// <summary>Private address.</summary>
    public required string Address { get; init; }

    /// <summary>OCID of its subnet.</summary>
    public required string SubnetId { get; init; }

    /// <summary>OCIDs of its network security groups.</summary>
    public IReadOnlyList<string> GroupIds { get; init; } = [];

    /// <summary>Public address, translated by the internet gateway; null without one.</summary>
    public string? PublicAddress { get; init; }

    /// <summary>The host name in the subnet's domain; null without one.</summary>
    public string? HostName { get; init; }

    /// <summary>A partition: nothing reaches it and nothing leaves it.</summary>
    public bool IsCut { get; init; }

    /// <summary>Its machine has no power: nothing leaves it, not even the kernel's farewell to open connections.</summary>
    public bool IsDead { get; init; }
}

/// <summary>Which way a rule looks, from the interface.</summary>
internal enum Direction
{
    /// <summary>Towards the interface.</summary>
    Ingress,

    /// <summary>From the interface.</summary>
    Egress,
}

/// <summary>What the other side of a rule is.</summary>
internal enum PeerKind
{
    /// <summary>An address range.</summary>
    Cidr,

    /// <summary>A network security group.</summary>
    Group,

    /// <summary>The provider's services.</summary>
    Service,
}

/// <summary>A stateful rule of a security list or a network security group.</summary>
internal sealed record SecurityRule
{
    /// <summary>OCID of the list or group.</summary>
    public required string OwnerId { get; init; }

    /// <summary>Its name within a group; empty in a list, which is replaced as a whole.</summary>
    public string Name { get; init; } = "";

    /// <summary>Which way it looks.</summary>
    public required Direction Direction { get; init; }

    /// <summary>"all" or an IANA protocol number: 1 ICMP, 6 TCP, 17 UDP.</summary>
    public required string Protocol { get; init; }

    /// <summary>What <see cref="Peer"/> is.</summary>
    public required PeerKind PeerKind { get; init; }

    /// <summary>The other side: a range or an OCID.</summary>
    public required string Peer { get; init; }

    /// <summary>Destination ports; null for all.</summary>
    public PortRange? Ports { get; init; }

    /// <summary>Source ports; null for all.</summary>
    public PortRange? SourcePorts { get; init; }

    /// <summary>ICMP type; null for all.</summary>
    public int? IcmpType { get; init; }

    /// <summary>ICMP code; null for all.</summary>
    public int? IcmpCode { get; init; }
}

/// <summary>A range of ports, both ends included.</summary>
internal sealed record PortRange(int Min, int Max);

/// <summary>A load balancer with one listener.</summary>
internal sealed record Balancer
{
    /// <summary>OCID.</summary>
    public required string Id { get; init; }

    /// <summary>Its interface's name.</summary>
    public required string VnicName { get; init; }

    /// <summary>Its address.</summary>
    public required string Address { get; init; }

    /// <summary>Listeners: port and the name of the backend set.</summary>
    public IReadOnlyList<Listener> Listeners { get; init; } = [];

    /// <summary>Backend sets.</summary>
    public IReadOnlyList<BackendSet> BackendSets { get; init; } = [];
}

/// <summary>A listener of a balancer.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="BackendSet">The name of the set that its connections go to.</param>
/// <param name="HasHeader">Whether a connection begins with a PROXY protocol header.</param>
internal sealed record Listener(string Name, int Port, string BackendSet, bool HasHeader = false);

/// <summary>A set of backends with its health check.</summary>
internal sealed record BackendSet
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its backends, in order.</summary>
    public required IReadOnlyList<Backend> Backends { get; init; }

    /// <summary>Its health check.</summary>
    public required HealthCheck HealthCheck { get; init; }

    /// <summary>Whether all backends serve when none is healthy.</summary>
    public bool FailOpen { get; init; }

    /// <summary>Whether a dead backend's connections end at once.</summary>
    public bool InstantFailover { get; init; }

    /// <summary>Whether they end by a reset to the client, and not in silence.</summary>
    public bool InstantFailoverReset { get; init; }
}

/// <summary>A backend.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address.</param>
/// <param name="Port">Its port.</param>
/// <param name="IsDrain">Takes no new connections.</param>
/// <param name="IsBackup">Serves only while no other is healthy.</param>
internal sealed record Backend(string Name, string Address, int Port, bool IsDrain, bool IsBackup);

/// <summary>A health check.</summary>
/// <param name="Protocol">HTTP or TCP.</param>
/// <param name="Port">The port; 0 for the backend's own.</param>
/// <param name="Path">Path of the HTTP request.</param>
/// <param name="ReturnCode">The status that means healthy.</param>
/// <param name="Interval">Time between two checks.</param>
/// <param name="Timeout">Time after which a check has failed.</param>
/// <param name="Retries">Checks in a row that change the verdict.</param>
internal sealed record HealthCheck(string Protocol, int Port, string Path, int ReturnCode, TimeSpan Interval, TimeSpan Timeout, int Retries);

/// <summary>The whole network.</summary>
internal sealed record NetworkModel
{
    /// <summary>The group of the lab's own clients, which no resource makes.</summary>
    public const string ClientGroup = "lab.group.client";

    /// <summary>The networks; the lab has one.</summary>
    public IReadOnlyList<Vcn> Vcns { get; init; } = [];

    /// <summary>Subnets.</summary>
    public IReadOnlyList<Subnet> Subnets { get; init; } = [];

    /// <summary>Routes out of the network.</summary>
    public IReadOnlyList<Route> Routes { get; init; } = [];

    /// <summary>Rules of security lists and groups.</summary>
    public IReadOnlyList<SecurityRule> Rules { get; init; } = [];

    /// <summary>Interfaces.</summary>
    public IReadOnlyList<Vnic> Vnics { get; init; } = [];

    /// <summary>Load balancers.</summary>
    public IReadOnlyList<Balancer> Balancers { get; init; } = [];

    /// <summary>Further names: fully qualified, with their address.</summary>
    public IReadOnlyList<HostRecord> HostRecords { get; init; } = [];

    /// <summary>The network without the parts whose resource is not among those known by <paramref name="isKnown"/>.</summary>
    public NetworkModel Only(Func<string, bool> isKnown) => this with
    {
        Vcns = Vcns.Where(vcn => isKnown(vcn.Id)).ToList(),
        Subnets = Subnets.Where(subnet => isKnown(subnet.Id)).ToList(),
        Routes = Routes.Where(route => isKnown(route.RouteTableId)).ToList(),
        Rules = Rules.Where(rule => isKnown(rule.OwnerId) || rule.OwnerId == ClientGroup).ToList(),
        Vnics = Vnics.Where(vnic => isKnown(vnic.SubnetId)).ToList(),
        Balancers = Balancers.Where(balancer => isKnown(balancer.Id)).ToList(),
    };
}

/// <summary>A name and its address.</summary>
internal sealed record HostRecord(string Name, string Address);
