// The read-only listener's orders over time: from reports of nodes to where sessions may go, with a clock of the test.

using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class ReadPolicyTests
{
    private const int Master = -1;

    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(50);

    private readonly RedisNode[] _nodes = [.. Enumerable.Range(0, 3)
        .Select(i => new RedisNode($"{(char)('a' + i)}", IPEndPoint.Parse($"10.0.0.{i + 1}:6379")))];
    private readonly ProxyConfiguration _configuration;
    private readonly RoutingState _state;
    private readonly HashSet<string> _maintenance = [];
    private ReadPolicy _reads;
    private GateOrder _order = GateOrder.Start;
    private TimeSpan _now = TimeSpan.FromSeconds(1);

    // What each node says now: whom it follows, its link, its offset; null does not answer.
    private readonly (int Follows, bool LinkUp, long Offset)?[] _facts = [(Master, false, 1000), (0, true, 1000), (0, true, 1000)];

    public ReadPolicyTests()
    {
        _configuration = new ProxyConfiguration
        {
            Listen = [],
            Redis = new RedisConfiguration { Nodes = _nodes },
            ReadOnly = new ReadOnlyConfiguration { Listen = [], MaxLag = TimeSpan.FromSeconds(10) },
            Timeouts = new TimeoutConfiguration { Park = TimeSpan.FromSeconds(2) },
        };
        _state = new RoutingState(3, 0, RoutingTiming.From(_configuration));
        _reads = New(masterAllowed: false);
    }

    [Fact]
    public void Replicas_that_follow_the_master_are_taken()
    {
        Pass(0.1);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
    }

    [Fact]
    public void A_lagging_replica_gets_no_new_sessions_and_then_loses_those_it_has()
    {
        Pass(1);
        WriteWhile(4, lagging: 2);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
        WriteWhile(2, lagging: 2);
        AssertOrder(GateMode.Open, take: "b", keep: "c");
        WriteWhile(3, lagging: 2);
        AssertOrder(GateMode.Open, take: "b", keep: "c");
        WriteWhile(2, lagging: 2);
        AssertOrder(GateMode.Open, take: "b", keep: "");

        // It has caught up.
        _facts[2] = (0, true, _facts[0]!.Value.Offset);
        Pass(0.1);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
    }

    [Fact]
    public void A_replica_without_writes_to_miss_is_not_old()
    {
        Pass(60);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
    }

    [Fact]
    public void A_link_that_is_down_keeps_sessions_for_the_bound_and_no_longer()
    {
        Pass(1);
        _facts[2] = (0, false, 1000);
        Pass(9);
        AssertOrder(GateMode.Open, take: "b", keep: "c");
        Pass(2);
        AssertOrder(GateMode.Open, take: "b", keep: "");
        _facts[2] = (0, true, 1000);
        Pass(0.1);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
    }

    [Fact]
    public void A_silent_replica_keeps_its_sessions_for_the_bound()
    {
        Pass(1);
        _facts[1] = null;
        Pass(5);
        Assert.Equal("b", Names(_order.Keep));
        Pass(6);
        Assert.Equal("", Names(_order.Keep));
    }

    [Fact]
    public void In_a_failover_only_the_promoted_node_loses_its_sessions()
    {
        Pass(1);
        _facts[0] = null; // the master dies: nobody is routed
        _facts[1] = (0, false, 1000);
        _facts[2] = (0, false, 1000);
        Pass(3);
        AssertOrder(GateMode.Park, take: "", keep: "bc");
        _facts[1] = (Master, false, 1000);
        Pass(0.1);
        Assert.Equal("c", Names(_order.Keep));
        _facts[2] = (1, true, 1000);
        _facts[0] = (1, true, 1000); // and the old master comes back as a replica
        Pass(0.1);
        AssertOrder(GateMode.Open, take: "ac", keep: "");
    }

    [Fact]
    public void Without_a_fit_replica_sessions_wait_as_long_as_a_failover_may_take_and_are_refused_then()
    {
        Pass(1);
        _facts[1] = (0, false, 1000);
        _facts[2] = (0, false, 1000);
        Pass(11);
        AssertOrder(GateMode.Park, take: "", keep: "");
        Pass(2); // twice down-after (5 s) and timeouts.park (2 s), counted from the loss
        AssertOrder(GateMode.Closed, take: "", keep: "");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_master_is_named_where_it_is_allowed_and_routed(bool allowed)
    {
        _reads = New(allowed);
        Pass(1);
        Assert.Equal(allowed ? _nodes[0] : null, _order.LastResort);
        _maintenance.UnionWith(["b", "c"]);
        Pass(0.1);
        AssertOrder(allowed ? GateMode.Open : GateMode.Park, take: "", keep: "");

        // Its own maintenance takes it out of reach; its replicas serve reads all the same.
        _maintenance.Clear();
        _maintenance.Add("a");
        Pass(0.1);
        AssertOrder(GateMode.Open, take: "bc", keep: "");
        Assert.Null(_order.LastResort);
    }

    [Fact]
    public void Another_history_is_no_replica_of_this_master()
    {
        Pass(1);
        _otherHistory = 2;
        Pass(5);
        AssertOrder(GateMode.Open, take: "b", keep: "c");
        Assert.Equal("age of its data unknown", _reads.Nodes[2].Reason);
        Pass(6);
        AssertOrder(GateMode.Open, take: "b", keep: "");
    }

    private int _otherHistory = -1;

    private static string Names(IEnumerable<RedisNode> nodes) => string.Concat(nodes.Select(node => node.Name));

    private ReadPolicy New(bool masterAllowed) =>
        new(_configuration with { ReadOnly = _configuration.ReadOnly! with { Master = masterAllowed } }, NullLogger.Instance);

    private void AssertOrder(GateMode mode, string take, string keep) =>
        Assert.Equal((mode, take, keep), (_order.Mode, Names(_order.Take), Names(_order.Keep)));

    /// <summary>The master writes; the others follow at once, one does not.</summary>
    private void WriteWhile(double seconds, int lagging)
    {
        for (TimeSpan end = _now + TimeSpan.FromSeconds(seconds); _now < end;)
        {
            for (int i = 0; i < 3; i++)
            {
                if (i != lagging)
                {
                    _facts[i] = _facts[i]!.Value with { Offset = _facts[i]!.Value.Offset + 100 };
                }
            }

            Pass(Step.TotalSeconds);
        }
    }

    private void Pass(double seconds)
    {
        for (TimeSpan end = _now + TimeSpan.FromSeconds(seconds); _now < end;)
        {
            _now += Step;
            for (int i = 0; i < 3; i++)
            {
                if (_facts[i] is { } fact)
                {
                    _state.Apply(new NodeReport
                    {
                        Node = i,
                        SentAt = _now,
                        At = _now,
                        Health = ServerHealth.Up,
                        RunId = $"run{i}",
                        IsMaster = fact.Follows == Master,
                        Acknowledging = 2,
                        Master = fact.Follows,
                        LinkUp = fact.LinkUp,
                        Offset = fact.Offset,
                        ReplicationId = i == _otherHistory ? "other" : "history",
                    });
                }
            }

            RoutingDecision decision = RoutingRule.Decide(_state.At(_now));
            bool withheld = decision.Node >= 0 && _maintenance.Contains(_nodes[decision.Node].Name);
            _order = _reads.Wish(_configuration, _state, decision, withheld, _maintenance.Contains, _now);
        }
    }
}
