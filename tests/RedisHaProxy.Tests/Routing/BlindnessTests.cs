// When a proxy is blind: the pure condition over all that it depends on, with time injected.

using CsCheck;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class BlindnessTests
{
    private static readonly TimeSpan DownAfter = TimeSpan.FromSeconds(5);

    private static readonly NodeState[] States =
    [
        NodeState.Unknown, NodeState.Claims, NodeState.Claims with { Silent = true }, NodeState.Promoted, NodeState.Follows(1, true),
            NodeState.Follows(2, false),
    ];

    [Fact]
    public void It_needs_a_lease_of_most_Sentinels_and_a_node_that_this_proxy_is_shut_out_from()
    {
        foreach (ServerHealth health in Enum.GetValues<ServerHealth>())
            foreach (NodeState first in States)
                foreach (NodeState second in States)
                    foreach (int leases in (int[])[0, 1, 2, 3])
                        foreach (bool maintenance in (bool[])[false, true])
                        {
                            Situation situation = Situation(first, second, leases);
                            RoutingDecision decision = RoutingRule.Decide(situation);
                            bool expected = leases >= 2 && first.Role == NodeRole.Unknown && decision.Action != RoutingAction.Route && !maintenance
                                && health is not (
                                    ServerHealth.Unknown or ServerHealth.Up or ServerHealth.Loading or ServerHealth.Busy or ServerHealth.ServerError);
                            int node = Blindness.NodeOf(situation, decision, i => i == 0 ? health : ServerHealth.Up, i => maintenance && i == 0);
                            Assert.True(expected ? node == 0 : node == -1, $"{health}, {first}, {second}, {leases} leases, maintenance {maintenance}: {node}");
                        }
    }

    [Fact]
    public void Without_Sentinels_no_proxy_is_blind() =>
        Assert.All(States, state => Assert.Equal(-1, Blindness.NodeOf(
            new Situation([NodeState.Unknown, state], []), RoutingRule.Decide(new Situation([NodeState.Unknown, state], [])), _ => ServerHealth.WrongPassword,
                _ => false)));

    // Against a reference that looks at the whole past: the same node without a break, and an end at once.
    [Fact]
    public void It_lasts_as_long_as_it_holds_for_the_same_node_without_a_break() =>
        Gen.Select(Gen.Int[-1, 2], Gen.Int[0, 4000]).Array[1, 60].Sample(steps =>
        {
            var blindness = new Blindness();
            var past = new List<(TimeSpan At, int Node)>();
            TimeSpan now = TimeSpan.Zero;
            foreach ((int node, int pause) in steps)
            {
                now += TimeSpan.FromMilliseconds(pause);
                blindness.Take(node, now);
                past.Add((now, node));
                TimeSpan since = now;
                for (int i = past.Count - 1; i >= 0 && past[i].Node == node; i--)
                {
                    since = past[i].At;
                }

                Assert.Equal(node < 0 ? TimeSpan.Zero : now - since, blindness.Lasts(now));
                Assert.Equal(node >= 0 && now - since > DownAfter * 2, blindness.Lasts(now) > Blindness.Limit(DownAfter));
            }
        });

    // A crash: the lease outlives the master by down-after at most, so the limit is never reached.
    [Fact]
    public void A_failover_is_over_before_the_limit()
    {
        var timing = new RoutingTiming { DownAfter = DownAfter };
        var state = new RoutingState(3, 3, timing);
        var blindness = new Blindness();
        TimeSpan longest = TimeSpan.Zero;
        for (int ms = 0; ms < 60_000; ms += 50)
        {
            TimeSpan now = TimeSpan.FromMilliseconds(ms);
            bool alive = ms < 20_000;
            for (int i = 0; i < 3; i++)
            {
                state.Apply(alive || i > 0
                    ? new NodeReport
                    {
                        Node = i,
                        SentAt = now,
                        At = now,
                        Health = ServerHealth.Up,
                        RunId = $"{i}",
                        IsMaster = i == 0,
                        Master = i == 0 ? -1 : 0,
                        LinkUp = alive
                    }
                    : new NodeReport { Node = i, SentAt = now, At = now, Health = ServerHealth.Refused });
                // Pings each second; nobody is promoted, which lasts longest.
                TimeSpan lastOk = alive ? TimeSpan.FromMilliseconds(ms % 1000) : TimeSpan.FromMilliseconds(ms - 19_000);
                state.Apply(new SentinelReport
                {
                    Sentinel = i,
                    SentAt = now,
                    At = now,
                    Health = ServerHealth.Up,
                    Named = 0,
                    ConfigEpoch = 1,
                    LastOkPingReply = lastOk,
                    DownAfter = DownAfter,
                    Quorum = 2,
                    OtherSentinels = 2,
                    MarkedDown = lastOk > DownAfter,
                });
            }

            Situation situation = state.At(now);
            blindness.Take(Blindness.NodeOf(situation, RoutingRule.Decide(situation), i => state.Node(i).Health, _ => false), now);
            longest = blindness.Lasts(now) > longest ? blindness.Lasts(now) : longest;
        }

        Assert.InRange(longest, TimeSpan.FromSeconds(1), DownAfter + TimeSpan.FromSeconds(0.5));
    }

    private static Situation Situation(NodeState first, NodeState second, int leases) => new(
        [first, second, NodeState.Follows(0, false)],
        [.. Enumerable.Range(0, 3).Select(i => i < leases ? new SentinelVote(0, Fresh: true, Leased: true) : new SentinelVote(0, Fresh: true, Leased: false))],
        quorum: 2);
}
