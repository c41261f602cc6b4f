// Commands from other threads: each is carried out once, in order, and none is left lying when the loop ends.

using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class InboxTests
{
    [Fact]
    public void A_command_rings_and_is_carried_out_in_its_turn_also_when_it_leaves_another()
    {
        var inbox = new Inbox<List<int>>();
        var done = new List<int>();
        Assert.False(IsReadable(inbox));
        Assert.True(inbox.Post(list =>
        {
            list.Add(1);
            inbox.Post(each => each.Add(3));
        }));
        Assert.True(inbox.Post(list => list.Add(2)));
        Assert.True(IsReadable(inbox));
        Assert.Empty(done);
        inbox.Run(done);
        Assert.Equal([1, 2, 3], done);
        inbox.Run(done); // the ring of the third
        Assert.False(IsReadable(inbox));
        inbox.Close(done);
    }

    [Fact]
    public void Closing_carries_out_what_was_left_and_takes_no_more()
    {
        var inbox = new Inbox<List<int>>();
        var done = new List<int>();
        inbox.Post(list => list.Add(1));
        inbox.Post(list => Assert.False(inbox.Post(each => each.Add(9)), "it is closed by then"));
        inbox.Close(done);
        Assert.False(inbox.Post(list => list.Add(2)));
        Assert.Equal([1], done);
    }

    [Fact]
    public async Task Nothing_is_lost_between_threads_while_it_closes()
    {
        const int Threads = 4;
        const int Commands = 5000;
        var inbox = new Inbox<List<(int Thread, int Number)>>();
        var done = new List<(int Thread, int Number)>();
        int left = 0;
        Task posting = Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < Commands; i++)
            {
                int number = i;
                if (!inbox.Post(list => list.Add((thread, number))))
                {
                    Interlocked.Increment(ref left);
                }
            }
        })));
        while (done.Count < Threads * Commands / 2)
        {
            if (LibC.WaitReadable(inbox.Descriptor, Bound.Wait))
            {
                inbox.Run(done);
            }
        }

        inbox.Close(done);
        await posting.WaitAsync(Bound.Wait);
        Assert.Equal(Threads * Commands, done.Count + left);
        Assert.All(done.GroupBy(each => each.Thread), each => Assert.Equal(Enumerable.Range(0, each.Count()), each.Select(command => command.Number)));
    }

    private static bool IsReadable<T>(Inbox<T> inbox) => LibC.WaitReadable(inbox.Descriptor, TimeSpan.Zero);
}
