// What the probes make of servers' answers, as captured from Redis 7.0.15, and of answers that are broken in any way.

using System.Net;
using System.Text;
using CsCheck;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Monitoring;

public sealed partial class ConversationTests
{
    private const string Pong = "+PONG\r\n";
    private const string MasterRole = "*3\r\n$6\r\nmaster\r\n:1234\r\n*1\r\n*3\r\n$10\r\n172.31.0.2\r\n$4\r\n6379\r\n$4\r\n1200\r\n";
    private const string ReplicaRole = "*5\r\n$5\r\nslave\r\n$10\r\n172.31.0.1\r\n:6379\r\n$9\r\nconnected\r\n:1200\r\n";

    private static readonly RedisNode[] Nodes =
    [
        new("redis1", IPEndPoint.Parse("172.31.0.1:6379")),
        new("redis2", IPEndPoint.Parse("172.31.0.2:6379")),
    ];

    private readonly Sink _sink = new();

    [Fact]
    public void A_master_is_read()
    {
        Assert.Equal(Outcome.Up, AskNode(Pong + MasterRole + Bulk("# Replication\r\nrole:master\r\nmaster_replid:abc\r\n")));
        NodeReport report = Assert.Single(_sink.Nodes);
        Assert.True(report.IsMaster);
        Assert.Equal(1234, report.Offset);
        Assert.Equal(1, report.Replicas);
        Assert.Equal("run1", report.RunId);
        Assert.Equal("abc", report.ReplicationId);
        Assert.Equal(ServerHealth.Up, report.Health);
        Assert.Equal(TimeSpan.FromSeconds(1), report.SentAt);
    }

    [Theory]
    [InlineData("connected", true)]
    [InlineData("sync", false)]
    [InlineData("connect", false)]
    [InlineData("connecting", false)]
    [InlineData("handshake", false)]
    public void A_replica_is_read_with_its_master_and_link(string state, bool up)
    {
        string role = ReplicaRole.Replace("$9\r\nconnected", $"${state.Length}\r\n{state}", StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, AskNode(Pong + role + Bulk("role:slave\r\nmaster_last_io_seconds_ago:3\r\n")));
        NodeReport report = Assert.Single(_sink.Nodes);
        Assert.False(report.IsMaster);
        Assert.Equal(0, report.Master);
        Assert.Equal("172.31.0.1:6379", report.MasterAddress);
        Assert.Equal(up, report.LinkUp);
        Assert.Equal(3, report.LastIoSeconds);
    }

    [Fact]
    public void A_replica_of_an_unknown_address_follows_nobody_known()
    {
        AskNode(Pong + ReplicaRole.Replace("172.31.0.1", "172.31.0.9", StringComparison.Ordinal) + Bulk("x:1\r\n"));
        Assert.Equal(-1, Assert.Single(_sink.Nodes).Master);
    }

    [Theory]
    [InlineData("-LOADING Redis is loading the dataset in memory\r\n", ServerHealth.Loading)]
    [InlineData("-BUSY Redis is busy running a script.\r\n", ServerHealth.Busy)]
    [InlineData("-NOAUTH Authentication required.\r\n", ServerHealth.PasswordRequired)]
    [InlineData("-NOPERM this user has no permissions to run the 'ping' command\r\n", ServerHealth.NotPermitted)]
    [InlineData("-DENIED Redis is running in protected mode\r\n", ServerHealth.ProtectedMode)]
    [InlineData("-ERR something new\r\n", ServerHealth.ServerError)]
    [InlineData("-ERR unknown command 'PING', with args beginning with: \r\n", ServerHealth.UnknownCommand)]
    public void An_error_to_PING_is_a_state_of_its_own(string error, ServerHealth health)
    {
        Outcome outcome = AskNode(error + MasterRole + Bulk("x:1\r\n"));
        Assert.Equal(health, outcome.Health);
        Assert.Equal(error[1..].TrimEnd().TrimEnd('.'), outcome.Error); // quoted within sentences
        Assert.Empty(_sink.Nodes);
    }

    [Theory]
    [InlineData("-MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.\r\n")]
    [InlineData("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n")]
    public void A_server_that_complains_still_has_its_role(string complaint)
    {
        Assert.Equal(Outcome.Up, AskNode(complaint + MasterRole + Bulk("x:1\r\n")));
        Assert.Equal(complaint[1..].TrimEnd().TrimEnd('.'), Assert.Single(_sink.Nodes).Error); // quoted within sentences
    }

    [Fact]
    public void A_Sentinel_in_the_place_of_a_node_is_refused_with_a_question()
    {
        Outcome outcome = AskNode(Pong + "*2\r\n$8\r\nsentinel\r\n*0\r\n" + Bulk(""));
        Assert.Equal(ServerHealth.ProtocolError, outcome.Health);
        Assert.Contains("is this address a Redis data node?", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-WRONGPASS invalid username-password pair or user is disabled.\r\n-NOAUTH Authentication required.\r\n", ServerHealth.WrongPassword)]
    [InlineData("-ERR AUTH <password> called without any password configured for the default user.\r\n$0\r\n\r\n", ServerHealth.WrongPassword)]
    [InlineData("+OK\r\n-NOPERM this user has no permissions to run the 'info' command\r\n", ServerHealth.NotPermitted)]
    public void A_refused_login_is_told_from_missing_rights(string replies, ServerHealth health)
    {
        var conversation = new NodeConversation(0, new RedisCredentials("rp-health", "secret"), new NodeDirectory(Nodes), _sink);
        Assert.Equal(health, conversation.Greeted(Encoding.ASCII.GetBytes(replies)).Health);
        Assert.Equal(2, conversation.Greeting.Replies);
    }

    [Fact]
    public void A_vote_is_read()
    {
        Assert.Equal(Outcome.Up, AskSentinel(Vote("172.31.0.2", "master") + Bulk("sentinel_tilt:0\r\n")));
        SentinelReport report = Assert.Single(_sink.Sentinels);
        Assert.Equal(1, report.Named);
        Assert.Equal(7, report.ConfigEpoch);
        Assert.Equal(TimeSpan.FromMilliseconds(250), report.LastOkPingReply);
        Assert.Equal(TimeSpan.FromSeconds(5), report.DownAfter);
        Assert.Equal(2, report.Quorum);
        Assert.False(report.MarkedDown);
        Assert.False(report.Tilt);
    }

    [Theory]
    [InlineData("master,s_down", true, false)]
    [InlineData("master,s_down,o_down,failover_in_progress", true, true)]
    [InlineData("master,disconnected", false, false)]
    public void Flags_are_read(string flags, bool down, bool failover)
    {
        AskSentinel(Vote("172.31.0.1", flags) + Bulk("sentinel_tilt:0\r\n"));
        Assert.Equal(down, _sink.Sentinels[0].MarkedDown);
        Assert.Equal(failover, _sink.Sentinels[0].FailoverInProgress);
    }

    [Theory]
    [InlineData("wait_start", "", false, false)]
    [InlineData("select_slave", "", true, false)]
    [InlineData("send_slaveof_noone", "", true, false)]
    [InlineData("wait_promotion", ",coordinated_failover", true, true)]
    [InlineData("reconf_slaves", ",coordinated_failover", false, true)]
    [InlineData("update_config", "", false, false)]
    public void The_state_of_a_failover_is_read(string state, string flags, bool promotes, bool coordinated)
    {
        AskSentinel(Vote("172.31.0.1", $"master,failover_in_progress{flags}", state) + Bulk("sentinel_tilt:0\r\n"));
        Assert.Equal((promotes, coordinated), (_sink.Sentinels[0].Promotes, _sink.Sentinels[0].Coordinated));
    }

    [Fact]
    public void A_Sentinel_whose_events_are_not_heard_is_asked_twice_as_often()
    {
        using var hearing = new SentinelHearing(TimeSpan.FromSeconds(1), new MonotonicClock(TimeProvider.System));
        var configuration = new SentinelConfiguration { Master = "mymaster", Nodes = [IPEndPoint.Parse("172.31.0.1:26379")] };
        Assert.Equal(2, new SentinelConversation(0, configuration, new NodeDirectory(Nodes), _sink, hearing).QuestionsPerInterval);
        Assert.Equal(1, ((IConversation)new NodeConversation(0, null, new NodeDirectory(Nodes), _sink)).QuestionsPerInterval);
    }

    [Theory]
    [InlineData("slave0:ip=172.31.0.2,port=6379,state=online,offset=14,lag=0\r\nslave1:ip=172.31.0.3,port=6379,state=online,offset=14,lag=3\r\n", 1)]
    [InlineData("connected_slaves:1\r\nslave0:ip=fd00::2,port=6379,state=online,offset=14,lag=1,type=replica\r\n", 1)]
    [InlineData("slave0:ip=172.31.0.2,port=6379,state=online,offset=14,lag=2", 0)]
    [InlineData("slave0:ip=172.31.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\r\nslave1:ip=172.31.0.3,port=6379,state=online,offset=14,lag=1\n", 1)]
    [InlineData("slave0:ip=172.31.0.2,port=6379,state=online,offset=14,lag=-1\r\nslave_read_only:1\r\n", 0)]
    [InlineData("slave0:ip=172.31.0.2,port=6379,state=online,offset=14,lag=x\r\n", 2)]
    [InlineData("role:master\r\n", 2)]
    public void How_many_replicas_acknowledge_to_a_master_is_read_and_all_are_believed_to_where_it_does_not_say(string lines, int count)
    {
        const string two = "*3\r\n$6\r\nmaster\r\n:100\r\n*2\r\n*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\n0\r\n*3\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\n0\r\n";
        AskNode(Pong + two + Bulk($"role:master\r\n{lines}"));
        Assert.Equal((count, false), (_sink.Nodes[0].Acknowledging, _sink.Nodes[0].HandsOver));
    }

    [Theory]
    [InlineData("no-failover", false)]
    [InlineData("waiting-for-sync", true)]
    [InlineData("failover-in-progress", true)]
    public void A_master_that_hands_over_says_so(string state, bool handsOver)
    {
        AskNode(Pong + MasterRole + Bulk($"role:master\r\nmaster_failover_state:{state}\r\n"));
        Assert.Equal(handsOver, _sink.Nodes[0].HandsOver);
    }

    [Fact]
    public void TILT_and_unknown_addresses_are_read()
    {
        AskSentinel(Vote("10.0.0.9", "master") + Bulk("sentinel_masters:1\r\nsentinel_tilt:1\r\n"));
        Assert.True(_sink.Sentinels[0].Tilt);
        Assert.Equal(SentinelVote.Foreign, _sink.Sentinels[0].Named);
        Assert.Equal("10.0.0.9:6379", _sink.Sentinels[0].NamedAddress);
    }

    [Fact]
    public void An_empty_address_and_an_epoch_of_64_bits_are_answers()
    {
        AskSentinel(Vote("", "master").Replace("\r\n$1\r\n7\r\n", "\r\n$20\r\n18446744073709551615\r\n", StringComparison.Ordinal)
            + Bulk("sentinel_tilt:0\r\n"));
        Assert.Equal((SentinelVote.Foreign, "(empty address):6379", long.MaxValue),
            (_sink.Sentinels[0].Named, _sink.Sentinels[0].NamedAddress, _sink.Sentinels[0].ConfigEpoch));
    }

    [Fact]
    public void Whom_a_Sentinel_knows_is_asked_after_its_first_answer_when_the_numbers_change_and_each_minute()
    {
        var configuration = new SentinelConfiguration
        {
            Master = "mymaster",
            Nodes = [IPEndPoint.Parse("172.31.0.1:26379"), IPEndPoint.Parse("172.31.0.2:26379")],
        };
        using var hearing = new SentinelHearing(TimeSpan.FromSeconds(1), new MonotonicClock(TimeProvider.System));
        var conversation = new SentinelConversation(0, configuration, new NodeDirectory(Nodes), _sink, hearing);
        string answer = Vote("172.31.0.1", "master") + Bulk("sentinel_tilt:0\r\n");
        string known = $"*2\r\n{Server("172.31.0.2", "26379")}{Server("172.31.0.66", "26379")}"
            + $"*2\r\n{Server("172.31.0.2", "6379")}{Server("redis.example", "6379")}";
        Assert.Equal(Outcome.Up, Answer(0, answer));
        Assert.Equal(Outcome.Up, Answer(1, answer + known));
        Assert.Equal(("172.31.0.66:26379", "redis.example:6379"), (_sink.Sentinels[1].UnknownSentinels, _sink.Sentinels[1].UnknownReplicas));
        Assert.Equal(Outcome.Up, Answer(2, answer));
        Assert.Equal("172.31.0.66:26379", _sink.Sentinels[2].UnknownSentinels); // until the next time
        string changed = answer.Replace("num-other-sentinels\r\n$1\r\n2", "num-other-sentinels\r\n$1\r\n3", StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, Answer(3, changed));
        Assert.Equal(Outcome.Up, Answer(4, changed + "-NOPERM no\r\n-NOPERM no\r\n"));
        Assert.Null(_sink.Sentinels[4].UnknownSentinels);
        Assert.Equal(Outcome.Up, Answer(5, answer)); // what is not permitted is asked seldom
        Assert.Equal(Outcome.Up, Answer(599, answer));
        Assert.Equal(Outcome.Up, Answer(605, answer));
        Assert.Equal(4, conversation.Question.Replies);

        // So many that an answer would be beyond the limit of a reply: the vote must not be lost for it.
        string many = answer.Replace("num-other-sentinels\r\n$1\r\n2", "num-other-sentinels\r\n$5\r\n10000", StringComparison.Ordinal);
        Assert.Equal(Outcome.Up, Answer(606, many + "*0\r\n*0\r\n"));
        Assert.Equal(2, conversation.Question.Replies);
        Assert.Equal(Outcome.Up, Answer(700, many));
        Assert.Equal((2, 10_000), (conversation.Question.Replies, _sink.Sentinels[^1].OtherSentinels));

        Outcome Answer(int second, string replies)
        {
            byte[] bytes = Encoding.ASCII.GetBytes(replies);
            int count = 0;
            for (int at = 0; at < bytes.Length; count++)
            {
                Assert.True(RespReader.TryMeasure(bytes.AsSpan(at), out int length));
                at += length;
            }

            Assert.Equal(conversation.Question.Replies, count);
            return conversation.Answered(bytes, TimeSpan.FromSeconds(second), TimeSpan.FromSeconds(second));
        }

        static string Server(string ip, string port) => $"*6\r\n{Bulk("name")}{Bulk("x")}{Bulk("ip")}{Bulk(ip)}{Bulk("port")}{Bulk(port)}";
    }

    [Theory]
    [InlineData("-ERR No such master with that name\r\n", ServerHealth.UnknownMaster)]
    [InlineData("*2\r\n$4\r\nname\r\n$1\r\nm\r\n", ServerHealth.ProtocolError)]
    public void A_Sentinel_that_does_not_know_the_master_is_a_state_of_its_own(string reply, ServerHealth health)
    {
        Assert.Equal(health, AskSentinel(reply + Bulk("sentinel_tilt:0\r\n")).Health);
        Assert.Empty(_sink.Sentinels);
    }

    [Fact]
    public void An_answer_damaged_anywhere_gives_an_outcome_or_a_RespException()
    {
        string[] whole =
        [
            Pong + MasterRole + Bulk("role:master\r\nmaster_replid:abc\r\nmaster_last_io_seconds_ago:3\r\n"),
            Pong + ReplicaRole + Bulk("role:slave\r\n"),
            Vote("172.31.0.2", "master") + Bulk("sentinel_tilt:0\r\n"),
        ];
        Gen.Select(Gen.Int[0, 2], Gen.Select(Gen.Int[0, 600], Gen.Byte).Array[1, 6]).Sample(
            (which, damages) =>
            {
                byte[] bytes = Encoding.ASCII.GetBytes(whole[which]);
                foreach ((int at, byte value) in damages)
                {
                    bytes[at % bytes.Length] = value;
                }

                try
                {
                    // As RespSocket does it: what does not measure as whole replies never reaches a conversation.
                    int end = 0;
                    for (int replies = 0; replies < (which < 2 ? 3 : 2); replies++)
                    {
                        if (!RespReader.TryMeasure(bytes.AsSpan(end), out int length))
                        {
                            return;
                        }

                        end += length;
                    }

                    _ = which < 2 ? AskNode(bytes.AsSpan(0, end)) : AskSentinel(bytes.AsSpan(0, end));
                }
                catch (RespException)
                {
                    // The connection would be closed.
                }
            },
            iter: 20_000,
            threads: 1); // the reports go to one list
    }

    private static string Bulk(string text) => $"${text.Length}\r\n{text}\r\n";

    private static string Vote(string ip, string flags, string? state = null)
    {
        string[] fields =
        [
            "name", "mymaster", "ip", ip, "port", "6379", "runid", "x", "flags", flags, "link-pending-commands", "0", "link-refcount", "1",
            "last-ping-sent", "0", "last-ok-ping-reply", "250", "last-ping-reply", "250", "down-after-milliseconds", "5000",
            "info-refresh", "100", "role-reported", "master", "role-reported-time", "100", "config-epoch", "7", "num-slaves", "2",
            "num-other-sentinels", "2", "quorum", "2", "failover-timeout", "60000", "parallel-syncs", "1",
            .. state is null ? Array.Empty<string>() : ["failover-state", state],
        ];
        return $"*{fields.Length}\r\n{string.Concat(fields.Select(Bulk))}";
    }

    private Outcome AskNode(string replies) => AskNode(Encoding.ASCII.GetBytes(replies));

    private Outcome AskNode(ReadOnlySpan<byte> replies)
    {
        var conversation = new NodeConversation(0, null, new NodeDirectory(Nodes), _sink);
        Assert.Equal(Outcome.Up, conversation.Greeted(Encoding.ASCII.GetBytes(Bulk("# Server\r\nrun_id:run1\r\n"))));
        return conversation.Answered(replies, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
    }

    private Outcome AskSentinel(string replies) => AskSentinel(Encoding.ASCII.GetBytes(replies));

    private Outcome AskSentinel(ReadOnlySpan<byte> replies)
    {
        var configuration = new SentinelConfiguration { Master = "mymaster", Nodes = [IPEndPoint.Parse("172.31.0.1:26379")] };
        using var hearing = new SentinelHearing(TimeSpan.FromSeconds(1), new MonotonicClock(TimeProvider.System));
        return new SentinelConversation(0, configuration, new NodeDirectory(Nodes), _sink, hearing)
            .Answered(replies, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
    }

    private sealed class Sink : IReportSink
    {
        public List<NodeReport> Nodes { get; } = [];

        public List<SentinelReport> Sentinels { get; } = [];

        public void Report(in NodeReport report) => Nodes.Add(report);

        public void Report(in SentinelReport report) => Sentinels.Add(report);

        public void Report(in PromotionNotice notice)
        {
        }

        public void Hint()
        {
        }
    }
}
