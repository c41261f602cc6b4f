// What the table of rules says of a connection: both sides must allow it. One reading for the tests on the table and for the lab, which probes.

using System.Collections.Immutable;
using System.Net;
using RedisHaInfra.Settings;

namespace RedisHaProcesses;

/// <summary>Where connections come from or go to.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Group">Its group; null for an address outside of all groups.</param>
/// <param name="Address">Its address, as the other side sees it.</param>
public sealed record PortZone(string Name, SecurityGroup? Group, string Address);

/// <summary>The table.</summary>
public static class PortTable
{
    /// <summary>Ports that are open to nobody unless an option says so: further ports for clients, and those of mail, the web, names, pages, exporters and
    /// the cluster bus.</summary>
    public static ImmutableArray<int> Others { get; } = [25, 80, 111, 443, 2379, 5355, 6380, 6381, 6382, 8080, 8404, 9090, 9100, 9121, 16379, 16380];

    /// <summary>Whether a connection may be made: a rule lets it out, where its source is in a group of ours, and one lets it in.</summary>
    public static bool Allows(ImmutableArray<SecurityRule> rules, PortZone source, PortZone target, int port) =>
        rules.Any(rule => rule.Direction == TrafficDirection.In && rule.Group == target.Group && rule.Port == port && Matches(rule.Peer, source))
        && (source.Group is null || rules.Any(rule =>
            rule.Direction == TrafficDirection.Out && rule.Group == source.Group && rule.Port == port && Matches(rule.Peer, target)));

    private static bool Matches(TrafficPeer peer, PortZone zone) =>
        peer.Group is { } group ? group == zone.Group : peer.Cidr is { } cidr && IPNetwork.Parse(cidr).Contains(IPAddress.Parse(zone.Address));
}
