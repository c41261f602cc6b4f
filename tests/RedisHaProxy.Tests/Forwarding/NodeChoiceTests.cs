// Which node a session goes to, and when none is tried.

using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class NodeChoiceTests
{
    private const int Nodes = 3;
    private const long Now = 1_000_000;

    private readonly SharedLimits _limits = new(new LimitConfiguration(), Nodes, 100);

    [Fact]
    public void The_node_with_the_fewest_sessions_is_taken_those_being_connected_included()
    {
        var choice = Of(0, 1, 2);
        Enter(0, 5);
        Enter(1, 2);
        Enter(2, 3);
        Assert.Equal(1, choice.Begin(Now)); // 5, 2 + 1, 3
        int[] next = [choice.Begin(Now), choice.Begin(Now)];
        Assert.Equal([1, 2], next.Order()); // 5, 3 + 1, 3 + 1
        choice.End(1);
        Assert.Equal(1, choice.Begin(Now));
    }

    [Fact]
    public void Equal_nodes_are_taken_in_turn()
    {
        var choice = Of(0, 1, 2);
        var taken = new int[Nodes];
        for (int i = 0; i < 30; i++)
        {
            int node = choice.Begin(Now);
            choice.End(node);
            taken[node]++;
        }

        Assert.All(taken, count => Assert.Equal(10, count));
    }

    [Fact]
    public void A_node_that_failed_rests_as_long_as_there_is_another_and_all_rest_when_there_is_none()
    {
        var choice = Of(0, 2);
        Enter(2, 50);
        choice.Pause(0, Now);
        Assert.False(choice.IsPaused(Now));
        Assert.True(choice.MayConnect(Now));
        Assert.Equal(2, choice.Begin(Now)); // although it has more
        choice.Pause(2, Now + 50);
        Assert.Equal(Now + NodeChoice.RetryMilliseconds, choice.PausedUntil); // the first that may be tried again
        Assert.False(choice.MayConnect(Now + NodeChoice.RetryMilliseconds - 1));
        Assert.True(choice.MayConnect(Now + NodeChoice.RetryMilliseconds));
        Assert.Equal(0, choice.Begin(Now + NodeChoice.RetryMilliseconds));
    }

    [Fact]
    public void A_new_order_forgets_failures_and_keeps_what_is_under_way()
    {
        var choice = Of(0);
        Assert.Equal(0, choice.Begin(Now));
        choice.Pause(0, Now);
        Assert.True(choice.IsPaused(Now));
        choice.Use([0, 1], 2);
        Assert.False(choice.IsPaused(Now));
        Assert.Equal(1, choice.Begin(Now)); // one is under way to 0
    }

    [Fact]
    public void No_more_connects_are_under_way_than_the_backlog_of_Redis_bears()
    {
        var choice = Of(0, 1);
        for (int i = 0; i < NodeChoice.ConnectWindow; i++)
        {
            Assert.True(choice.MayConnect(Now));
            choice.Begin(Now);
        }

        Assert.False(choice.MayConnect(Now));
        choice.End(1);
        Assert.True(choice.MayConnect(Now));
    }

    private NodeChoice Of(params int[] take)
    {
        var choice = new NodeChoice(_limits);
        choice.Use(take, Nodes);
        return choice;
    }

    private void Enter(int node, int sessions)
    {
        for (int i = 0; i < sessions; i++)
        {
            _limits.EnterNode(node);
        }
    }
}
