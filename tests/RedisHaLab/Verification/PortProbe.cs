// The port matrix, by probing: from every place to every machine at every port, compared with the table that the rules are made from. A port that
// the table does not open has to be silent: a refusal too is an answer, which only a machine gives whose rules have let the question through.

using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using RedisHaInfra.Settings;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>What a probe saw.</summary>
internal enum PortAnswer
{
    /// <summary>Nothing.</summary>
    Silent,

    /// <summary>A refusal: the rules let it through.</summary>
    Refused,

    /// <summary>A connection.</summary>
    Open,
}

/// <summary>Ports between two places.</summary>
/// <param name="From">Where the probes come from.</param>
/// <param name="To">The machine.</param>
/// <param name="Open">The ports at which it took a connection.</param>
/// <param name="Wrong">Those that are otherwise than the table says, each with what was seen.</param>
internal sealed record PortLine(string From, string To, IReadOnlyList<int> Open, IReadOnlyList<string> Wrong);

/// <summary>Probes.</summary>
internal sealed class PortProbe
{
    // A question that nobody answers is sent again after 1 s.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2.5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly ClusterView _cluster;
    private readonly NetworkSettings _network;
    private readonly ImmutableArray<RedisHaInfra.Settings.SecurityRule> _rules;

    public PortProbe(ClusterView cluster, NetworkSettings network) => (_cluster, _network, _rules) = (cluster, network, SecurityRules.For(network));

    private NetworkModel Model => _cluster.Lab.State.Network;

    private IEnumerable<int> Ports => _rules.Select(rule => rule.Port).Concat(PortTable.Others).Distinct().Order();

    /// <summary>The whole matrix.</summary>
    /// <exception cref="LabException">A machine is off or cut off.</exception>
    public async Task<IReadOnlyList<PortLine>> ProbeAsync()
    {
        var away = _cluster.Lab.Machines().Where(machine => machine.Phase() != MachinePhase.Ready || Model.Vnics.Any(vnic =>
            vnic.Name == machine.Spec.Name && vnic.IsCut)).Select(machine => machine.Spec.Name).ToList();
        if (away.Count > 0)
        {
            throw new LabException($"{string.Join(", ", away)}: off or cut off; probes need every machine. `scripts/lab up` repairs it.");
        }

        var targets = Targets().ToList();
        var pairs = Sources().Concat(targets).SelectMany(source => targets.Where(target => target.Name != source.Name).Select(target => (source, target)));
        return [.. await Task.WhenAll(pairs.Select(pair => LineAsync(pair.source, pair.target)))];
    }

    /// <summary>All of it, as the table says.</summary>
    public async Task<string> CheckAsync()
    {
        var lines = await ProbeAsync();
        var wrong = lines.SelectMany(line => line.Wrong.Select(what => $"{line.From} > {line.To} {what}")).ToList();
        CheckList.Require(wrong.Count == 0, $"not as the table of rules says: {string.Join("; ", wrong)}");
        CheckList.Require(lines.Any(line => line.Open.Count > 0), "no port is open anywhere");
        var (places, machines) = (lines.Select(line => line.From).Distinct().Count(), lines.Select(line => line.To).Distinct().Count());
        var open = lines.Sum(line => line.Open.Count);
        return $"{lines.Count * Ports.Count()} probes from {places} places to {machines} machines: {open} open, all others silent";
    }

    private async Task<PortLine> LineAsync(PortZone source, PortZone target)
    {
        var seen = await Task.WhenAll(Ports.Select(async port =>
        {
            var isMeant = HasRoute(source, target) && PortTable.Allows(_rules, source, target, port);
            return (Port: port, IsMeant: isMeant, Answer: isMeant ? await AnswerAsync(source, target, port) : await ProbeAsync(source, target, port, Silence));
        }));
        return new PortLine(source.Name, target.Name,
            [.. seen.Where(each => each.Answer == PortAnswer.Open).Select(each => each.Port)],
            [.. seen.Where(each => each.Answer != (each.IsMeant ? PortAnswer.Open : PortAnswer.Silent)).Select(each =>
                $"{each.Port} is {each.Answer.ToString().ToLowerInvariant()}, {(each.IsMeant ? "open" : "silent")} expected")]);
    }

    // What should be open may just be restarting.
    private async Task<PortAnswer> AnswerAsync(PortZone source, PortZone target, int port)
    {
        var answer = PortAnswer.Silent;
        await Eventually.HoldsWithinAsync(async () => (answer = await ProbeAsync(source, target, port, Silence)) == PortAnswer.Open, Patience,
            TimeSpan.FromMilliseconds(200));
        return answer;
    }

    private async Task<PortAnswer> ProbeAsync(PortZone source, PortZone target, int port, TimeSpan patience)
    {
        try
        {
            // The internet knows the bastion by its public address alone.
            var address = source.Name == VcnNetwork.OutsideRole && target.Group == SecurityGroup.Bastion ? _cluster.Stack.BastionAddress : target.Address;
            using var socket = await NetworkNamespace.Named(_cluster.Lab.Paths.Namespace(source.Name))
                .ConnectAsync(new IPEndPoint(IPAddress.Parse(address), port), patience);
            return PortAnswer.Open;
        }
        catch (SocketException e) when (e.SocketErrorCode != SocketError.TimedOut)
        {
            return PortAnswer.Refused;
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            return PortAnswer.Silent;
        }
    }

    // Rules open nothing where no route leads: the internet comes to public addresses only, a VPN to subnets with a route back.
    private bool HasRoute(PortZone source, PortZone target) => source.Name switch
    {
        VcnNetwork.OutsideRole => target.Group == SecurityGroup.Bastion,
        VcnNetwork.OfficeRole => Model.Routes.Any(route => route.Gateway == GatewayKind.Vpn && route.RouteTableId == Model.Subnets.First(subnet =>
            subnet.Id == Model.Vnics.First(vnic => vnic.Address == target.Address).SubnetId).RouteTableId),
        _ => true,
    };

    // The client's machine is in the private subnet and in no group of the stack: a neighbour, and Prometheus where monitoringNetworks names it.
    private IEnumerable<PortZone> Sources() =>
    [
        new(VcnNetwork.OutsideRole, null, Addresses.Operator),
        new(VcnNetwork.OfficeRole, null, Addresses.Office),
        new(VcnNetwork.ClientRole, null, Model.Vnics.Single(vnic => vnic.Name == VcnNetwork.ClientRole).Address),
    ];

    private IEnumerable<PortZone> Targets() =>
    [
        .. _cluster.Stack.Nodes.Select(node => new PortZone(node.Name,
            node.Role switch { "bastion" => SecurityGroup.Bastion, "proxy" => SecurityGroup.Proxy, _ => SecurityGroup.Redis }, node.Address)),
        new(Model.Balancers.Single(balancer => balancer.Address == _network.LoadBalancerAddress).VnicName, SecurityGroup.LoadBalancer,
            _network.LoadBalancerAddress),
    ];
}
