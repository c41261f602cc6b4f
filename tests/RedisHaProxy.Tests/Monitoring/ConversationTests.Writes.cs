// What a master answers from which the proxy knows that it refuses writes.

using System.Text;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Tests.Monitoring;

public sealed partial class ConversationTests
{
    private const string Keys = "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\ndb7:keys=2,expires=1,avg_ttl=100,subexpiry=0\r\n";
    private const string Lasting = "# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n";
    private const string NoKey = "# Keyspace\r\n";

    [Theory]
    [InlineData("role:master\r\n", null, WriteRefusal.None)]
    [InlineData("role:master\r\nmin_slaves_good_slaves:1\r\n", 1, WriteRefusal.None)]
    [InlineData("role:master\r\nconnected_slaves:0\r\nmin_slaves_good_slaves:0\r\n", 0, WriteRefusal.Replicas)]
    public void Too_few_good_replicas_are_read(string replication, int? good, WriteRefusal refusal)
    {
        AskNode(Pong + MasterRole + Bulk(replication));
        Assert.Equal(good, _sink.Nodes[0].GoodReplicas);
        Assert.Equal(refusal, WriteRefusals.Of(_sink.Nodes[0], needed: 1));
        Assert.Equal(good is null ? WriteRefusal.None : WriteRefusal.Replicas, WriteRefusals.Of(_sink.Nodes[0], needed: 2));
    }

    [Theory]
    [InlineData(1000, 1000, "noeviction", "none", Keys, WriteRefusal.None)]
    [InlineData(1200, 1000, "noeviction", "none", Keys, WriteRefusal.Memory)]
    [InlineData(1050, 1000, "noeviction", "none", Keys, WriteRefusal.None)] // 100 of it are not counted
    [InlineData(1200, 1000, "allkeys-lru", "none", Keys, WriteRefusal.None)]
    [InlineData(1200, 1000, "allkeys-lru", "none", NoKey, WriteRefusal.Memory)] // clients' buffers fill it
    [InlineData(1200, 1000, "volatile-ttl", "none", Keys, WriteRefusal.None)]
    [InlineData(1200, 1000, "volatile-ttl", "none", Lasting, WriteRefusal.Memory)]
    [InlineData(1000, 1000, "volatile-ttl", "none", Lasting, WriteRefusal.None)]
    [InlineData(1200, 1000, "volatile-lfu", "none", NoKey, WriteRefusal.Memory)]
    [InlineData(1200, 1000, "volatile-ttl", "none", null, WriteRefusal.None)] // not told is not refused
    [InlineData(1200, 1000, "one-to-come", "none", NoKey, WriteRefusal.None)]
    [InlineData(1200, 0, "noeviction", "none", Keys, WriteRefusal.None)]
    [InlineData(500, 1000, "noeviction", "write", Keys, WriteRefusal.Paused)]
    public void A_masters_memory_and_pause_are_asked_once_a_second(int used, int limit, string policy, string paused, string? keyspace, WriteRefusal refusal)
    {
        var conversation = new NodeConversation(0, null, new NodeDirectory(Nodes), _sink);
        Assert.Equal(Outcome.Up, conversation.Greeted(Encoding.ASCII.GetBytes(Bulk("# Server\r\nrun_id:run1\r\n"))));
        string answer = Pong + MasterRole + Bulk("role:master\r\n");
        string state = Bulk($"used_memory:{used}\r\nmaxmemory:{limit}\r\nmaxmemory_policy:{policy}\r\nmem_not_counted_for_evict:100\r\n")
            + Bulk($"connected_clients:1\r\npaused_reason:{paused}\r\npaused_actions:{paused}\r\n")
            + (keyspace is null ? "-NOPERM no\r\n" : Bulk(keyspace));
        Ask(0, answer);
        Ask(50, answer + state);
        Assert.Equal(refusal, WriteRefusals.Of(_sink.Nodes[^1], needed: 1));
        Ask(100, answer);
        Assert.Equal(refusal, WriteRefusals.Of(_sink.Nodes[^1], needed: 1));
        Ask(1050, answer);
        Ask(1100, answer + "-NOPERM no\r\n-NOPERM no\r\n-NOPERM no\r\n"); // not known is not refused
        Assert.Equal(WriteRefusal.None, WriteRefusals.Of(_sink.Nodes[^1], needed: 1));
        Ask(1150, Pong + ReplicaRole + Bulk("role:slave\r\n"));
        Assert.Null(_sink.Nodes[^1].Memory);

        void Ask(int milliseconds, string replies)
        {
            Assert.Equal(replies.Length > answer.Length + 10 ? 6 : 3, conversation.Question.Replies);
            var at = TimeSpan.FromMilliseconds(milliseconds);
            Assert.Equal(Outcome.Up, conversation.Answered(Encoding.ASCII.GetBytes(replies), at, at));
        }
    }

    [Fact]
    public void A_disk_that_cannot_be_written_is_told_by_PING()
    {
        AskNode("-MISCONF Errors writing to the AOF file: No space left on device\r\n" + MasterRole + Bulk("x:1\r\n"));
        Assert.Equal(WriteRefusal.Disk, WriteRefusals.Of(_sink.Nodes[0], needed: 1));
        Assert.Contains("No space left on device", WriteRefusal.Disk.Text(_sink.Nodes[0], 1), StringComparison.Ordinal);
    }
}
