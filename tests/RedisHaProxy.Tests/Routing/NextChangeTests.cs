// The router looks at what time has changed when it is told to, and not before: so no moment may be missing.

using CsCheck;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class NextChangeTests
{
    private const int Nodes = 3;
    private const int Sentinels = 3;

    private static readonly Gen<TimeSpan> Pause = Gen.Frequency((6, Gen.Int[0, 120]), (3, Gen.Int[120, 900]), (1, Gen.Int[900, 7000])).Select(Time);

    // Bounds that differ from each other, and one set in which the order of two is turned round.
    private static readonly RoutingTiming[] Timings =
    [
        new(),
        new() { SilentHold = Time(500), DownAfter = Time(1000), PromotionValidity = Time(2000), VoteEvidence = Time(1500) },
    ];

    [Fact]
    public void Between_a_moment_and_the_next_change_no_symbol_changes()
    {
        int changes = 0;
        Gen<Action<RoutingState, TimeSpan>> report = Gen.OneOf(NodeReports(), SentinelReports(), Notices());
        Gen.Select(Gen.Int[0, Timings.Length - 1], Gen.Select(report, Pause).List[1, 25]).Sample((timing, steps) =>
        {
            var state = new RoutingState(Nodes, Sentinels, Timings[timing]);
            TimeSpan now = Time(10_000);
            foreach ((Action<RoutingState, TimeSpan> apply, TimeSpan pause) in steps)
            {
                apply(state, now);
                TimeSpan end = now + pause;
                while (now < end)
                {
                    string symbols = Symbols(state.At(now));
                    TimeSpan next = state.NextChange(now);
                    Assert.True(next > now);
                    TimeSpan until = next < end ? next : end;
                    for (int part = 1; part < 8; part++)
                    {
                        Assert.Equal(symbols, Symbols(state.At(now + TimeSpan.FromTicks((until - now).Ticks * part / 8))));
                    }

                    Assert.Equal(symbols, Symbols(state.At(until - TimeSpan.FromTicks(1))));
                    Interlocked.Add(ref changes, symbols != Symbols(state.At(until)) ? 1 : 0);
                    now = until;
                }
            }
        }, iter: 500);
        Assert.True(changes > 300, $"the property is empty: {changes} changes by time alone");
    }

    [Fact]
    public void Between_a_moment_and_the_next_change_the_gate_s_policy_says_the_same()
    {
        int changes = 0;
        RoutingDecision[] decisions =
        [
            Decision(NodeState.Unknown, NodeState.Unknown),
            Decision(NodeState.Claims, NodeState.Follows(0, linkUp: true)),
            Decision(NodeState.Claims with { Silent = true }, NodeState.Follows(0, linkUp: true)),
            Decision(NodeState.Claims, NodeState.Unknown),
        ];
        Gen<TimeSpan> pause = Gen.Int[0, 30_000].Select(Time);
        Gen.Select(Gen.Int[0, decisions.Length - 1], Gen.Bool, pause).List[1, 12].Sample(steps =>
        {
            var policy = new GatePolicy(RunningRouter.Configuration(5000));
            TimeSpan now = Time(100);
            foreach ((int decision, bool withheld, TimeSpan length) in steps)
            {
                TimeSpan end = now + length;
                while (now < end)
                {
                    GateIntent intent = Next(now);
                    TimeSpan next = policy.NextChange(now);
                    Assert.True(next > now);
                    TimeSpan until = next < end ? next : end;
                    Assert.Equal(intent, Next(now + TimeSpan.FromTicks((until - now).Ticks / 2)));
                    Assert.Equal(intent, Next(until - TimeSpan.FromTicks(1)));
                    Interlocked.Add(ref changes, intent != Next(until) ? 1 : 0);
                    now = until;
                }

                GateIntent Next(TimeSpan at) => withheld ? policy.NextWithheld(at) : policy.Next(decisions[decision], at);
            }
        }, iter: 500);
        Assert.True(changes > 20, $"the property is empty: {changes} changes by time alone");
    }

    private static TimeSpan Time(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private static RoutingDecision Decision(params NodeState[] nodes) => RoutingRule.Decide(new Situation([.. nodes, NodeState.Unknown], []));

    private static string Symbols(Situation s) =>
        $"{string.Join(' ', s.Nodes)} {string.Join(' ', s.Votes)} {s.LeasesNeeded} {s.SentinelMajority} {s.Announced}";

    // Answers come up to 400 ms after the question.
    private static Gen<Action<RoutingState, TimeSpan>> NodeReports() =>
        Gen.Select(Gen.Int[0, Nodes - 1], Gen.Int[0, 9], Gen.Int[-1, Nodes - 1], Gen.Int[0, 400]).Select<(int Node, int Kind, int Master, int Age),
            Action<RoutingState, TimeSpan>>(
            r => (state, now) => state.Apply(new NodeReport
            {
                Node = r.Node,
                SentAt = now - Time(r.Age),
                At = now,
                Health = r.Kind switch
                {
                    0 => ServerHealth.Refused,
                    1 => ServerHealth.Disconnected,
                    2 => ServerHealth.WrongPassword,
                    3 => ServerHealth.Busy,
                    _ => ServerHealth.Up
                },
                IsMaster = r.Kind >= 7,
                Master = r.Kind >= 7 ? -1 : r.Master,
                LinkUp = true,
                Acknowledging = r.Kind == 9 ? 2 : 0,
                HandsOver = r.Kind == 8,
                RunId = "run",
            }));

    private static Gen<Action<RoutingState, TimeSpan>> SentinelReports() =>
        Gen.Select(Gen.Int[0, Sentinels - 1], Gen.Int[0, 9], Gen.Int[SentinelVote.Foreign, Nodes - 1], Gen.Int[0, 400], Gen.Int[0, 3])
            .Select<(int Sentinel, int Kind, int Named, int Age, int Epoch), Action<RoutingState, TimeSpan>>(
            r => (state, now) => state.Apply(new SentinelReport
            {
                Sentinel = r.Sentinel,
                SentAt = now - Time(r.Age),
                At = now,
                Health = r.Kind == 0 ? ServerHealth.Refused : ServerHealth.Up,
                Named = r.Named,
                ConfigEpoch = r.Epoch,
                LastOkPingReply = Time(r.Age * 3),
                DownAfter = Time(5000),
                Quorum = 2,
                MarkedDown = r.Kind == 1,
                FailoverInProgress = r.Kind is >= 3 and <= 6,
                Promotes = r.Kind is >= 3 and <= 5,
                Coordinated = r.Kind == 4,
                Tilt = r.Kind == 2,
                OtherSentinels = r.Epoch + 1,
                HeardSince = r.Kind >= 6 ? now - Time(12_000 - (r.Age * 20)) : null,
                HeardAt = now - Time(r.Age),
                VotedAt = r.Kind >= 8 ? now - Time(12_000 - (r.Age * 10)) : null,
                VotedEpoch = 2,
            }));

    private static Gen<Action<RoutingState, TimeSpan>> Notices() =>
        Gen.Select(Gen.Int[0, Sentinels - 1], Gen.Int[SentinelVote.Foreign, Nodes - 1]).Select<(int Sentinel, int Node), Action<RoutingState, TimeSpan>>(
            r => (state, now) => state.Apply(new PromotionNotice { Sentinel = r.Sentinel, At = now, Node = r.Node }));
}
