// The network: the VCN, its two subnets, and a fixed address for everything in them.

using System.Collections.Immutable;
using System.Net;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>How administrators and the program come to the machines.</summary>
public enum WayIn
{
    /// <summary>Through the bastion, a machine of the stack in the public subnet.</summary>
    Machine,

    /// <summary>OCI's Bastion service for people; the program connects to the private addresses.</summary>
    Service,

    /// <summary>People and the program connect to the private addresses, by a network of theirs (VPN, FastConnect).</summary>
    Direct,
}

/// <summary>Networks and addresses. Every machine and the load balancer have a fixed address, so that none can take another's.</summary>
public sealed partial record NetworkSettings
{
    /// <summary>The way to the machines.</summary>
    public required WayIn WayIn { get; init; }

    /// <summary>The network that exists already; null when the stack makes its own.</summary>
    public required ExistingNetwork? Existing { get; init; }

    /// <summary>The VCN's network.</summary>
    public required string VcnCidr { get; init; }

    /// <summary>The subnet of the bastion, the only machine with a public address; null without that machine.</summary>
    public required string? PublicSubnetCidr { get; init; }

    /// <summary>The subnet of everything else.</summary>
    public required string PrivateSubnetCidr { get; init; }

    /// <summary>The VCN's label in the VCN's own DNS names.</summary>
    public required string DnsLabel { get; init; }

    /// <summary>Networks that may reach the bastion by SSH; without that machine, the nodes, and OCI's Bastion service.</summary>
    public required ImmutableArray<string> AdminCidrs { get; init; }

    /// <summary>Networks whose clients may reach Redis at the load balancer.</summary>
    public required ImmutableArray<string> ClientCidrs { get; init; }

    /// <summary>The bastion; null when it is no machine of the stack.</summary>
    public required NodeAddress? Bastion { get; init; }

    /// <summary>The Redis nodes, redis1 first.</summary>
    public required ImmutableArray<NodeAddress> Redis { get; init; }

    /// <summary>The proxy nodes, proxy1 first.</summary>
    public required ImmutableArray<NodeAddress> Proxies { get; init; }

    /// <summary>The load balancer's address: where clients connect.</summary>
    public required string LoadBalancerAddress { get; init; }

    /// <summary>Names of Redis nodes that are dead and that changes leave out.</summary>
    public ImmutableArray<string> AbsentNodes { get; init; } = [];

    /// <summary>Names of proxies that get no new sessions from the load balancer; those that they have go on.</summary>
    public required ImmutableArray<string> DrainedProxies { get; init; }

    /// <summary>Networks of package mirrors; the whole Internet when none is named.</summary>
    public required ImmutableArray<string> PackageCidrs { get; init; }

    /// <summary>The ports at which clients find Redis, the plain one first: the same at the load balancer and at the proxies.</summary>
    public ImmutableArray<ClientPort> ClientPorts { get; init; } = [new ClientPort(ClientPortKind.Plain, Ports.Redis)];

    /// <summary>Whether the load balancer tells the proxies each client's address (PROXY protocol, version 2).</summary>
    public bool HasProxyProtocol { get; init; }

    /// <summary>The clients' name for the load balancer in the VCN's private DNS; null for none.</summary>
    public required string? EndpointName { get; init; }

    /// <summary>Networks from which the proxies' metrics and an exporter may reach the machines; none by default.</summary>
    public ImmutableArray<string> MonitoringNetworks { get; init; } = [];

    // Fewer than three Sentinels cannot outvote a lost one; more than nine only lengthen the vote.
    private const int MinimumRedisNodes = 3;
    private const int MaximumRedisNodes = 9;
    private const int MinimumProxies = 2;
    private const int MaximumProxies = 8;

    // Places in a subnet when no address is given, those of the reference architecture: .131-.133, .141-.142 and .188 of a subnet .128/25.
    private const uint BastionOffset = 2;
    private const uint FirstRedisOffset = 3;
    private const uint FirstProxyOffset = 13;
    private const uint LoadBalancerOffset = 60;

    internal static NetworkSettings Read(SettingsReader reader)
    {
        WayIn wayIn = reader.Choice(Setting.Bastion) switch { "vm" => WayIn.Machine, "service" => WayIn.Service, _ => WayIn.Direct };
        bool hasBastion = wayIn == WayIn.Machine;
        var existing = ExistingNetwork.Read(reader, hasBastion);
        // OCI: a VCN is /16 to /30 (Networking, "Allowed VCN Size and Address Ranges"); two subnets with our machines need at least a /25.
        IPNetwork vcn = Network(reader, Setting.VcnCidr, Setting.VcnCidr.Value, 16, 25);
        foreach (Setting setting in new[] { Setting.PublicSubnetCidr, Setting.BastionAddress })
        {
            reader.RequireOr(string.Empty, hasBastion || reader.Text(setting) is null, setting, "goes with bastion vm alone", Setting.Bastion);
        }
        IPNetwork publicSubnet = Network(reader, Setting.PublicSubnetCidr, vcn.Half(0).ToString(), 16, 30);
        IPNetwork privateSubnet = Network(reader, Setting.PrivateSubnetCidr, vcn.Half(1).ToString(), 16, 28);
        reader.RequireOr(vcn.Half(0).ToString(), !hasBastion || vcn.Contains(publicSubnet), Setting.PublicSubnetCidr,
            $"must lie within vcnCidr, {vcn}", Setting.VcnCidr);
        reader.RequireOr(vcn.Half(0).ToString(), !hasBastion || publicSubnet.PrefixLength > vcn.PrefixLength, Setting.PublicSubnetCidr,
            $"must leave room in vcnCidr, {vcn}, for the private subnet", Setting.VcnCidr);
        string free = vcn.Half(vcn.Half(1).Overlaps(publicSubnet) ? 0u : 1u).ToString();
        reader.RequireOr(free, vcn.Contains(privateSubnet), Setting.PrivateSubnetCidr, $"must lie within vcnCidr, {vcn}", Setting.VcnCidr);
        reader.RequireOr(free, !hasBastion || !publicSubnet.Overlaps(privateSubnet), Setting.PrivateSubnetCidr,
            $"must not overlap with the public subnet, {publicSubnet}",
            Setting.VcnCidr, Setting.PublicSubnetCidr);

        ImmutableArray<string> adminCidrs = reader.Networks(Setting.AdminCidrs);
        reader.Require(!adminCidrs.IsEmpty, Setting.AdminCidrs, "at least one IPv4 network from which the machines may be reached by SSH");
        reader.Require(!adminCidrs.Contains("0.0.0.0/0"), Setting.AdminCidrs, "not the whole Internet: name the networks that you administer from");
        ImmutableArray<string> clientCidrs = reader.Networks(Setting.ClientCidrs);
        ImmutableArray<string> packageCidrs = reader.Networks(Setting.PackageCidrs);

        var plan = new AddressPlan(reader);
        string? bastion = hasBastion ? plan.Take(Setting.BastionAddress, publicSubnet, Setting.PublicSubnetCidr, BastionOffset) : null;
        ImmutableArray<string> redis = plan.Take(
            Setting.RedisAddresses, privateSubnet, Setting.PrivateSubnetCidr, FirstRedisOffset, MinimumRedisNodes, MaximumRedisNodes);
        ImmutableArray<string> proxies = plan.Take(
            Setting.ProxyAddresses, privateSubnet, Setting.PrivateSubnetCidr, FirstProxyOffset, MinimumProxies, MaximumProxies);
        ImmutableArray<string> drained = reader.List(Setting.DrainedProxies);
        string[] proxyNames = [.. Enumerable.Range(1, proxies.Length).Select(number => $"proxy{number}")];
        string? unknown = drained.FirstOrDefault(name => !proxyNames.Contains(name));
        reader.Require(unknown is null, Setting.DrainedProxies, $"names of proxies ({string.Join(", ", proxyNames)}); '{unknown}' is not one of them",
            Setting.ProxyAddresses);
        reader.Require(proxyNames.Except(drained).Any(), Setting.DrainedProxies, "not all proxies: one must take the sessions", Setting.ProxyAddresses);
        string loadBalancer = plan.Take(Setting.LoadBalancerAddress, privateSubnet, Setting.PrivateSubnetCidr, LoadBalancerOffset);

        return new NetworkSettings
        {
            WayIn = wayIn,
            Existing = existing,
            VcnCidr = vcn.ToString(),
            PublicSubnetCidr = hasBastion ? publicSubnet.ToString() : null,
            PrivateSubnetCidr = privateSubnet.ToString(),
            DnsLabel = reader.Text(Setting.DnsLabel, DnsLabelForm(), "1 to 15 letters and digits, a letter first (changing it replaces the VCN)"),
            AdminCidrs = adminCidrs,
            ClientCidrs = clientCidrs.IsEmpty ? [vcn.ToString()] : clientCidrs,
            Bastion = bastion is null ? null : new NodeAddress("bastion", bastion),
            Redis = redis.Select((address, index) => new NodeAddress($"redis{index + 1}", address)).ToImmutableArray(),
            Proxies = proxies.Select((address, index) => new NodeAddress($"proxy{index + 1}", address)).ToImmutableArray(),
            LoadBalancerAddress = loadBalancer,
            AbsentNodes = Settings.AbsentNodes.Read(reader, redis.Length),
            DrainedProxies = drained,
            PackageCidrs = packageCidrs.IsEmpty ? ["0.0.0.0/0"] : packageCidrs,
            ClientPorts = ClientPort.Read(reader),
            HasProxyProtocol = reader.Choice(Setting.ProxyProtocol) == "yes",
            MonitoringNetworks = Monitoring(reader, loadBalancer),
            EndpointName = reader.OptionalText(Setting.EndpointName, HostNameForm(),
                "a host name of two labels or more in lower-case letters, digits and hyphens, at most 253 characters"),
        };
    }

    private static ImmutableArray<string> Monitoring(SettingsReader reader, string loadBalancer)
    {
        ImmutableArray<string> networks = reader.Networks(Setting.MonitoringNetworks);
        reader.Require(!networks.Contains("0.0.0.0/0"), Setting.MonitoringNetworks,
            "not the whole Internet: name the networks that Prometheus and exporters run in");
        reader.Require(!networks.Contains($"{loadBalancer}/32"), Setting.MonitoringNetworks,
            $"not the load balancer's own address, {loadBalancer}: nothing is scraped from there", Setting.LoadBalancerAddress);
        return networks;
    }

    private static IPNetwork Network(SettingsReader reader, Setting setting, string derived, int shortest, int longest)
    {
        string text = reader.Text(setting) ?? derived;
        IPNetwork? network = SettingsReader.ParseNetwork(text);
        if (network is null || network.Value.PrefixLength < shortest || network.Value.PrefixLength > longest)
        {
            reader.Reject(setting, $"an IPv4 network as ADDRESS/LENGTH, /{shortest} to /{longest}, with all bits after the length zero", derived);
            return IPNetwork.Parse(derived);
        }
        return network.Value;
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9]{0,14}$")]
    private static partial Regex DnsLabelForm();

    [GeneratedRegex(@"^(?=.{3,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")]
    private static partial Regex HostNameForm();
}
