// Renders the network into nftables rules. Two judge every new connection, as on OCI: the sender's egress rules and the
// receiver's ingress rules; an established one passes. Whoever leaves the network needs a route to a gateway as well.

using System.Globalization;
using System.Text;
using RedisHaLab.State;

namespace RedisHaLab.Network;

/// <summary>The rules of the network's namespace and of the balancers' namespaces.</summary>
internal static class RuleSet
{
    /// <summary>The table's name in every namespace.</summary>
    public const string Table = "redis_ha_lab";

    /// <summary>The link from the network's namespace to the world outside.</summary>
    public const string OutsideLink = "outside";

    /// <summary>The link from the network's namespace to the operators' own network, which only private addresses know.</summary>
    public const string OfficeLink = "office";

    /// <summary>The complete rules of the network's namespace, to be loaded in one transaction.</summary>
    public static string ForNetwork(NetworkModel model)
    {
        var text = new StringBuilder();
        Begin(text);
        Sets(text, model);
        // The internet knows the public addresses only: a private one is translated to, never asked for.
        text.AppendLine(CultureInfo.InvariantCulture, $$"""
              chain anti_spoof {
                type filter hook prerouting priority raw; policy accept;
                iifname "v-*" iifname . ip saddr != @spoof_ok drop
                ip saddr @silent drop
                ip daddr @silent drop
                iifname "{{OutsideLink}}" ip daddr @interfaces drop
                iifname "{{OfficeLink}}" ip saddr != {{Addresses.OfficeCidr}} drop
              }
              chain public_in {
                type nat hook prerouting priority dstnat; policy accept;
                iifname "{{OutsideLink}}" dnat to ip daddr map @public_to_private
              }
              chain forward {
                type filter hook forward priority filter; policy drop;
                ip daddr @silent drop
                iifname "{{OfficeLink}}" ip daddr != @answers_office drop
                ct state established,related accept
                ct state invalid drop
                oifname "{{OutsideLink}}" jump gateways
                oifname "{{OfficeLink}}" jump vpn
                ip saddr != @interfaces ip daddr != @interfaces drop
                ip saddr vmap @egress
                ip daddr vmap @ingress
                accept
              }
              chain answers {
                type filter hook output priority filter; policy accept;
                ip daddr @silent drop
              }
            """);
        Gateways(text, "gateways", model, isVpn: false);
        Gateways(text, "vpn", model, isVpn: true);
        text.AppendLine(CultureInfo.InvariantCulture, $$"""
              chain public_out {
                type nat hook postrouting priority srcnat; policy accept;
                oifname "{{OutsideLink}}" snat to ip saddr map @private_to_public
                oifname "{{OutsideLink}}" ip saddr @interfaces snat to {{Addresses.NatGateway}}
              }
            """);
        foreach (var vnic in model.Vnics)
        {
            Interface(text, model, vnic, Direction.Egress);
            Interface(text, model, vnic, Direction.Ingress);
        }

        text.AppendLine("}");
        return text.ToString();
    }

    /// <summary>The complete rules of a balancer's namespace.</summary>
    /// <param name="balancer">The balancer.</param>
    /// <param name="serving">For each backend set, by name: the backends that take new connections, in order.</param>
    public static string ForBalancer(Balancer balancer, IReadOnlyDictionary<string, IReadOnlyList<Backend>> serving)
    {
        var text = new StringBuilder();
        Begin(text);
        // Only a connection's first packet chooses: what comes without one belongs to a connection that was ended (see SessionReset), and is reset.
        text.AppendLine("  chain listeners {");
        text.AppendLine("    type nat hook prerouting priority dstnat; policy accept;");
        // A listener with a header has a relay of its own (HeaderRelay).
        var translated = balancer.Listeners.Where(listener => !listener.HasHeader).ToList();
        foreach (var listener in translated)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"    ip daddr {balancer.Address} tcp dport {listener.Port} tcp flags & (fin | syn | rst | ack) == syn jump listener_{listener.Port}");
        }

        text.AppendLine("  }");
        foreach (var listener in translated)
        {
            var backends = serving.GetValueOrDefault(listener.BackendSet) ?? [];
            for (var i = 0; i < backends.Count; i++)
            {
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"  chain backend_{listener.Port}_{i} {{ meta l4proto tcp dnat to {backends[i].Address}:{backends[i].Port}; }}");
            }

            text.AppendLine(CultureInfo.InvariantCulture, $"  chain listener_{listener.Port} {{");
            if (backends.Count > 0)
            {
                // FIVE_TUPLE: one connection stays with one backend, two connections of a client may differ.
                var map = string.Join(", ", backends.Select((_, i) => $"{i} : goto backend_{listener.Port}_{i}"));
                text.AppendLine(CultureInfo.InvariantCulture,
                    $"    jhash ip saddr . tcp sport . ip daddr . tcp dport mod {backends.Count} seed 0x6379 vmap {{ {map} }}");
            }

            text.AppendLine("  }");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $$"""
              chain forward {
                type filter hook forward priority filter; policy drop;
                ct status dnat accept
              }
              chain own_address {
                type nat hook postrouting priority srcnat; policy accept;
                ct status dnat snat to {{balancer.Address}}
              }
            """);
        text.AppendLine("}");
        return text.ToString();
    }

    private static void Begin(StringBuilder text)
    {
        // Declared, deleted, defined: one transaction that works whether or not the table exists.
        text.AppendLine(CultureInfo.InvariantCulture, $"table ip {Table} {{ }}");
        text.AppendLine(CultureInfo.InvariantCulture, $"delete table ip {Table}");
        text.AppendLine(CultureInfo.InvariantCulture, $"table ip {Table} {{");
    }

    private static void Sets(StringBuilder text, NetworkModel model)
    {
        Set(text, "interfaces", "type ipv4_addr", model.Vnics.Select(vnic => vnic.Address));
        Set(text, "silent", "type ipv4_addr", model.Vnics.Where(vnic => vnic.IsCut || vnic.IsDead).Select(vnic => vnic.Address));
        Set(text, "spoof_ok", "type ifname . ipv4_addr", model.Vnics.Select(vnic => $"\"{Addresses.LinkName(vnic.Address)}\" . {vnic.Address}"));
        Map(text, "egress", "type ipv4_addr : verdict", model.Vnics.Select(vnic => $"{vnic.Address} : jump {Chain(vnic, Direction.Egress)}"));
        Map(text, "ingress", "type ipv4_addr : verdict", model.Vnics.Select(vnic => $"{vnic.Address} : jump {Chain(vnic, Direction.Ingress)}"));
        // Without a route back, what comes over the VPN is never answered.
        Set(text, "answers_office", "type ipv4_addr", model.Vnics.Where(vnic => HasRoute(model, vnic, GatewayKind.Vpn)).Select(vnic => vnic.Address));
        var published = model.Vnics.Where(vnic => vnic.PublicAddress is not null && HasRoute(model, vnic, GatewayKind.Internet)).ToList();
        Map(text, "public_to_private", "type ipv4_addr : ipv4_addr", published.Select(vnic => $"{vnic.PublicAddress} : {vnic.Address}"));
        Map(text, "private_to_public", "type ipv4_addr : ipv4_addr", published.Select(vnic => $"{vnic.Address} : {vnic.PublicAddress}"));
        foreach (var group in Groups(model))
        {
            Set(text, GroupSet(model, group), "type ipv4_addr", model.Vnics.Where(vnic => vnic.GroupIds.Contains(group)).Select(vnic => vnic.Address));
        }
    }

    private static void Gateways(StringBuilder text, string chain, NetworkModel model, bool isVpn)
    {
        text.AppendLine(CultureInfo.InvariantCulture, $"  chain {chain} {{");
        foreach (var subnet in model.Subnets)
        {
            foreach (var route in model.Routes.Where(route => route.RouteTableId == subnet.RouteTableId && (route.Gateway == GatewayKind.Vpn) == isVpn))
            {
                // Through the internet gateway goes only who has a public address.
                var senders = route.Gateway == GatewayKind.Internet
                    ? model.Vnics.Where(vnic => vnic.SubnetId == subnet.Id && vnic.PublicAddress is not null).Select(vnic => vnic.Address)
                    : [subnet.Cidr];
                foreach (var sender in senders)
                {
                    text.AppendLine(CultureInfo.InvariantCulture, $"    ip saddr {sender} ip daddr {Range(route.Destination)} return");
                }
            }
        }

        text.AppendLine("    drop");
        text.AppendLine("  }");
    }

    private static void Interface(StringBuilder text, NetworkModel model, Vnic vnic, Direction direction)
    {
        var subnet = model.Subnets.FirstOrDefault(subnet => subnet.Id == vnic.SubnetId);
        var owners = vnic.GroupIds.Concat(subnet?.SecurityListIds ?? []).ToHashSet(StringComparer.Ordinal);
        text.AppendLine(CultureInfo.InvariantCulture, $"  chain {Chain(vnic, direction)} {{");
        foreach (var rule in model.Rules.Where(rule => rule.Direction == direction
            && owners.Contains(rule.OwnerId)).Select(rule => Match(model, rule)).Distinct())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"    {rule} return");
        }

        text.AppendLine("    counter drop");
        text.AppendLine("  }");
    }

    private static string Match(NetworkModel model, SecurityRule rule)
    {
        var side = rule.Direction == Direction.Ingress ? "saddr" : "daddr";
        var peer = rule.PeerKind switch
        {
            PeerKind.Group => $"ip {side} @{GroupSet(model, rule.Peer)}",
            PeerKind.Service => $"ip {side} {Addresses.ServicesCidr}",
            _ => $"ip {side} {rule.Peer}",
        };
        var protocol = rule.Protocol switch
        {
            "all" => "",
            "1" => Icmp(rule),
            "6" => Transport("tcp", rule),
            "17" => Transport("udp", rule),
            _ => $" ip protocol {rule.Protocol}",
        };
        return peer + protocol;
    }

    private static string Icmp(SecurityRule rule) => rule.IcmpType is not { } type ? " ip protocol icmp"
        : rule.IcmpCode is not { } code ? $" icmp type {type}"
        : $" icmp type {type} icmp code {code}";

    private static string Transport(string protocol, SecurityRule rule)
    {
        var ports = rule.Ports is { } to ? $" {protocol} dport {to.Min}-{to.Max}" : "";
        var sources = rule.SourcePorts is { } from ? $" {protocol} sport {from.Min}-{from.Max}" : "";
        return ports.Length + sources.Length > 0 ? sources + ports : $" ip protocol {protocol}";
    }

    private static string Range(string destination) => destination == Addresses.ServicesCidrBlock ? Addresses.ServicesCidr : destination;

    private static bool HasRoute(NetworkModel model, Vnic vnic, GatewayKind kind) =>
        model.Subnets.FirstOrDefault(subnet => subnet.Id == vnic.SubnetId) is { } subnet
        && model.Routes.Any(route => route.RouteTableId == subnet.RouteTableId && route.Gateway == kind);

    private static List<string> Groups(NetworkModel model) => model.Vnics.SelectMany(vnic => vnic.GroupIds)
        .Concat(model.Rules.Where(rule => rule.PeerKind == PeerKind.Group).Select(rule => rule.Peer))
        .Distinct()
        .ToList();

    private static string GroupSet(NetworkModel model, string group) => $"group_{Groups(model).IndexOf(group)}";

    private static string Chain(Vnic vnic, Direction direction) =>
        (direction == Direction.Ingress ? "in_" : "out_") + Addresses.LinkName(vnic.Address)[2..];

    private static void Set(StringBuilder text, string name, string type, IEnumerable<string> elements) => Elements(text, "set", name, type, elements);

    private static void Map(StringBuilder text, string name, string type, IEnumerable<string> elements) => Elements(text, "map", name, type, elements);

    private static void Elements(StringBuilder text, string what, string name, string type, IEnumerable<string> elements)
    {
        var list = string.Join(", ", elements);
        text.AppendLine(CultureInfo.InvariantCulture, $"  {what} {name} {{ {type}; {(list.Length > 0 ? $"elements = {{ {list} }}; " : "")}}}");
    }
}
