// The network family: VCN, gateways, route tables, security lists and groups, subnets.

using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Makes the network's resources.</summary>
internal sealed class NetworkResources
{
    private readonly Lab _lab;

    public NetworkResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers, Dictionary<string, Func<string, string, Task>> removers)
    {
        makers["oci:Core/vcn:Vcn"] = VcnAsync;
        makers["oci:Core/internetGateway:InternetGateway"] = registration => GatewayAsync(registration, "internetgateway");
        makers["oci:Core/natGateway:NatGateway"] = registration => GatewayAsync(registration, "natgateway");
        makers["oci:Core/serviceGateway:ServiceGateway"] = registration => GatewayAsync(registration, "servicegateway");
        makers["oci:Core/routeTable:RouteTable"] = RouteTableAsync;
        makers["oci:Core/securityList:SecurityList"] = SecurityListAsync;
        makers["oci:Core/subnet:Subnet"] = SubnetAsync;
        makers["oci:Core/networkSecurityGroup:NetworkSecurityGroup"] = registration => Task.FromResult(new Made(registration.Id("networksecuritygroup")));
        makers["oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule"] = SecurityRuleAsync;
        foreach (var type in new[] { "oci:Core/vcn:Vcn", "oci:Core/routeTable:RouteTable", "oci:Core/securityList:SecurityList", "oci:Core/subnet:Subnet",
            "oci:Core/networkSecurityGroup:NetworkSecurityGroup" })
        {
            removers[type] = (_, id) => _lab.ChangeNetworkAsync(network => network.Only(known => known != id));
        }

        removers["oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule"] = (name, _) =>
            _lab.ChangeNetworkAsync(network => network with { Rules = network.Rules.Without(rule => rule.Name == name) });
    }

    private async Task<Made> VcnAsync(Registration registration)
    {
        var id = registration.Id("vcn");
        if (_lab.State.Network.Vcns.Any(other => other.Id != id))
        {
            throw new LabException("the lab has one network, and it exists already.");
        }

        var cidrs = registration.Inputs.Texts("cidrBlocks");
        var label = registration.Inputs.OptionalText("dnsLabel");
        await _lab.ChangeNetworkAsync(network => network with { Vcns = network.Vcns.With(new Vcn(id, cidrs, label), vcn => vcn.Id) });
        return new Made(id, new Dictionary<string, object> { ["state"] = "AVAILABLE", ["vcnDomainName"] = label is null ? "" : label + ".oraclevcn.com" });
    }

    // The kind is in the id, as in real OCIDs: a route table knows by it where a route leads.
    private static Task<Made> GatewayAsync(Registration registration, string kind) =>
        Task.FromResult(new Made(registration.Id(kind), new Dictionary<string, object> { ["state"] = "AVAILABLE", ["natIp"] = Addresses.NatGateway }));

    private async Task<Made> RouteTableAsync(Registration registration)
    {
        var id = registration.Id("routetable");
        var routes = registration.Inputs.Objects("routeRules").Select(rule => new Route(id, rule.Text("destination"),
            GatewayOf(rule.Text("networkEntityId")))).ToList();
        // The VPN and the way back to it are no part of the stack (docs/operations.md): somebody has added them to the private subnet's table.
        if (routes.Any(route => route.Gateway == GatewayKind.Nat))
        {
            routes.Add(new Route(id, Addresses.OfficeCidr, GatewayKind.Vpn));
        }

        await _lab.ChangeNetworkAsync(network => network with { Routes = network.Routes.Without(route => route.RouteTableId == id).Concat(routes).ToList() });
        return new Made(id);
    }

    private async Task<Made> SecurityListAsync(Registration registration)
    {
        var id = registration.Id("securitylist");
        var rules = registration.Inputs.Objects("ingressSecurityRules").Select(rule => ListRule(id, Direction.Ingress, rule))
            .Concat(registration.Inputs.Objects("egressSecurityRules").Select(rule => ListRule(id, Direction.Egress, rule)))
            .ToList();
        await _lab.ChangeNetworkAsync(network => network with { Rules = network.Rules.Without(rule => rule.OwnerId == id).Concat(rules).ToList() });
        return new Made(id);
    }

    private async Task<Made> SubnetAsync(Registration registration)
    {
        var id = registration.Id("subnet");
        var inputs = registration.Inputs;
        var lists = inputs.Texts("securityListIds");
        if (lists.Count == 0)
        {
            throw new LabException("a subnet without securityListIds gets the network's default list, which lets SSH in from anywhere; name a list.");
        }

        await _lab.AddSubnetAsync(new Subnet(
            id, inputs.Text("cidrBlock"), inputs.Text("vcnId"), inputs.OptionalText("routeTableId"), lists, inputs.OptionalText("dnsLabel"),
                inputs.Flag("prohibitPublicIpOnVnic")));
        return new Made(id, new Dictionary<string, object> { ["state"] = "AVAILABLE", ["virtualRouterIp"] = Addresses.Gateway(inputs.Text("cidrBlock")) });
    }

    private async Task<Made> SecurityRuleAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        var direction = inputs.Text("direction") == "INGRESS" ? Direction.Ingress : Direction.Egress;
        var side = direction == Direction.Ingress ? "source" : "destination";
        var rule = Rule(inputs.Text("networkSecurityGroupId"), direction, inputs, side) with { Name = registration.Name };
        await _lab.ChangeNetworkAsync(network => network with { Rules = network.Rules.With(rule, other => (other.OwnerId, other.Name)) });
        return new Made(registration.Known?.Id ?? Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(3)));
    }

    private static SecurityRule ListRule(string owner, Direction direction, Properties rule)
    {
        var read = Rule(owner, direction, rule, direction == Direction.Ingress ? "source" : "destination");
        // A security list has the ports beside the protocol's options, a group's rule below them.
        return rule.Object("tcpOptions") is { } tcp && tcp.Number("min") is { } min
            ? read with { Ports = new PortRange(min, tcp.Number("max") ?? min) } : read;
    }

    private static SecurityRule Rule(string owner, Direction direction, Properties rule, string side)
    {
        if (rule.Flag("stateless"))
        {
            throw new LabException("the lab judges connections, not packets: it has no stateless rules.");
        }

        var kind = rule.OptionalText(side + "Type") switch
        {
            "NETWORK_SECURITY_GROUP" => PeerKind.Group,
            "SERVICE_CIDR_BLOCK" => PeerKind.Service,
            null or "CIDR_BLOCK" => PeerKind.Cidr,
            var other => throw new LabException($"a rule's {side}Type is CIDR_BLOCK, NETWORK_SECURITY_GROUP or SERVICE_CIDR_BLOCK, not {other}."),
        };
        var options = rule.Object("tcpOptions") ?? rule.Object("udpOptions");
        return new SecurityRule
        {
            OwnerId = owner,
            Direction = direction,
            Protocol = rule.Text("protocol"),
            PeerKind = kind,
            Peer = rule.Text(side),
            Ports = Ports(options?.Object("destinationPortRange")),
            SourcePorts = Ports(options?.Object("sourcePortRange")),
            IcmpType = rule.Object("icmpOptions")?.Number("type"),
            IcmpCode = rule.Object("icmpOptions")?.Number("code"),
        };
    }

    private static PortRange? Ports(Properties? range) => range is null ? null : new PortRange(range.Number("min") ?? 1, range.Number("max") ?? 65535);

    private static GatewayKind GatewayOf(string id) => id.Split('.').ElementAtOrDefault(1) switch
    {
        "internetgateway" => GatewayKind.Internet,
        "natgateway" => GatewayKind.Nat,
        "servicegateway" => GatewayKind.Service,
        _ => throw new LabException(string.Create(CultureInfo.InvariantCulture, $"a route leads to {id}, which is not a gateway of the lab.")),
    };
}
