// What counts as the announcement of a promotion, as captured from Redis 7.0.15, and that nothing else does.

using System.Net;
using System.Text;
using CsCheck;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class PromotionEventTests
{
    private const string Selected = "slave 172.31.0.2:6379 172.31.0.2 6379 @ mymaster 172.31.0.1 6379";

    private static readonly NodeDirectory Directory = new(
    [
        new RedisNode("redis1", IPEndPoint.Parse("172.31.0.1:6379")),
        new RedisNode("redis2", IPEndPoint.Parse("172.31.0.2:6379")),
        new RedisNode("redis3", IPEndPoint.Parse("[fd00::3]:6379")),
    ]);

    [Theory]
    [InlineData("+selected-slave", Selected, 1)]
    [InlineData("+failover-state-send-slaveof-noone", Selected, 1)]
    [InlineData("+failover-state-wait-promotion", Selected, 1)]
    [InlineData("+selected-slave", "slave [fd00::3]:6379 fd00::3 6379 @ mymaster 172.31.0.1 6379", 2)]
    [InlineData("+selected-slave", "slave 172.31.0.9:6379 172.31.0.9 6379 @ mymaster 172.31.0.1 6379", SentinelVote.Foreign)]
    [InlineData("+selected-slave", "slave redis2 redis2 6379 @ mymaster 172.31.0.1 6379", SentinelVote.Foreign)]
    [InlineData("-failover-abort-slave-timeout", "master mymaster 172.31.0.1 6379", -1)]
    [InlineData("-failover-abort-no-good-slave", "master mymaster 172.31.0.1 6379", -1)]
    [InlineData("-failover-abort-not-elected", "master mymaster 172.31.0.1 6379", -1)]
    [InlineData("-failover-abort-master-timeout", "master mymaster 172.31.0.1 6379", -1)]
    public void Announcements_and_their_ends_are_read(string channel, string text, int node)
    {
        Assert.True(TryRead(Message(channel, text), out int read));
        Assert.Equal(node, read);
    }

    [Theory]
    [InlineData("+switch-master", "mymaster 172.31.0.1 6379 172.31.0.2 6379")]
    [InlineData("+promoted-slave", Selected)]
    [InlineData("+selected-slave", "slave 172.31.0.2:6379 172.31.0.2 6379 @ another 172.31.0.1 6379")]
    [InlineData("+selected-slave", "slave 172.31.0.2:6379 172.31.0.2 99999999999 @ mymaster 172.31.0.1 6379")]
    [InlineData("+selected-slave", "slave 172.31.0.2:6379 172.31.0.2 6379x @ mymaster 172.31.0.1 6379")]
    [InlineData("+selected-slave", Selected + " ")]
    [InlineData("+selected-slave", "")]
    [InlineData("+selected-slave", "       ")]
    [InlineData("-failover-abort-slave-timeout", "master another 172.31.0.1 6379")]
    [InlineData("-failover-abort-slave-timeout", "")]
    public void Other_masters_and_other_events_are_none(string channel, string text)
    {
        Assert.False(TryRead(Message(channel, text), out int node));
        Assert.Equal(-1, node);
    }

    [Theory]
    [InlineData("+vote-for-leader", "0c3b4a6e0c3b4a6e0c3b4a6e0c3b4a6e0c3b4a6e 7", true, 7)]
    [InlineData("+vote-for-leader", "0c3b4a6e0c3b4a6e0c3b4a6e0c3b4a6e0c3b4a6e 18446744073709551615", true, long.MaxValue)]
    [InlineData("+vote-for-leader", "", true, long.MaxValue)]
    [InlineData("+selected-slave", Selected, false, long.MaxValue)]
    public void A_vote_is_read_with_its_epoch_and_one_that_cannot_be_read_counts_in_any_case(string channel, string text, bool isVote, long epoch)
    {
        Assert.Equal(isVote, PromotionEvent.TryReadVote(Encoding.ASCII.GetBytes(Message(channel, text)), out long read));
        Assert.Equal(epoch, read);
    }

    [Theory]
    [InlineData("subscribe", "+vote-for-leader", true)]
    [InlineData("subscribe", "+switch-master", false)]
    [InlineData("message", "+vote-for-leader", false)]
    public void The_answer_on_the_subscription_is_told_from_events(string kind, string channel, bool isAnswer)
    {
        Assert.Equal(
            isAnswer, PromotionEvent.IsAnswer(Encoding.ASCII.GetBytes($"*3\r\n${kind.Length}\r\n{kind}\r\n${channel.Length}\r\n{channel}\r\n:16\r\n")));
        Assert.False(PromotionEvent.IsAnswer("-NOPERM no channel\r\n"u8));
    }

    [Theory]
    [InlineData("+OK\r\n")]
    [InlineData("-ERR\r\n")]
    [InlineData(":1\r\n")]
    [InlineData("$-1\r\n")]
    [InlineData("*-1\r\n")]
    [InlineData("*0\r\n")]
    [InlineData("*3\r\n$9\r\nsubscribe\r\n$15\r\n+selected-slave\r\n:1\r\n")]
    [InlineData("*3\r\n*1\r\n:1\r\n$15\r\n+selected-slave\r\n:1\r\n")]
    public void Other_replies_are_none(string reply)
    {
        Assert.False(TryRead(reply, out _));
    }

    [Theory]
    [InlineData("+new-epoch", "7", 7L)]
    [InlineData("+new-epoch", "18446744073709551615", long.MaxValue)]
    [InlineData("+new-epoch", "9223372036854775808", long.MaxValue)]
    [InlineData("+new-epoch", "18446744073709551616", null)]
    [InlineData("+new-epoch", "-1", null)]
    [InlineData("+new-epoch", "7 x", null)]
    [InlineData("+new-epoch", "", null)]
    [InlineData("+other", "7", null)]
    public void An_epoch_is_read_up_to_64_bits(string channel, string text, long? epoch)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(Message(channel, text));
        Assert.Equal(epoch is not null, PromotionEvent.TryReadEpoch(bytes, out long read));
        Assert.Equal(epoch ?? 0, read);
    }

    [Fact]
    public void A_message_damaged_anywhere_gives_an_announcement_or_none()
    {
        string whole = Message("+selected-slave", Selected);
        Gen.Select(Gen.Int[0, 300], Gen.Byte).Array[1, 6].Sample(
            damages =>
            {
                byte[] bytes = Encoding.ASCII.GetBytes(whole);
                foreach ((int at, byte value) in damages)
                {
                    bytes[at % bytes.Length] = value;
                }

                try
                {
                    // As RespSocket does it: what does not measure as a whole reply never gets here.
                    if (RespReader.TryMeasure(bytes, out int length))
                    {
                        ReadOnlySpan<byte> reply = bytes.AsSpan(0, length);
                        PromotionEvent.TryRead(reply, "mymaster", Directory, out int node, out _);
                        Assert.InRange(node, SentinelVote.Foreign, 2);
                        PromotionEvent.TryReadVote(reply, out _);
                        PromotionEvent.IsAnswer(reply);
                    }
                }
                catch (RespException)
                {
                    // The connection would be closed.
                }
            },
            iter: 20_000);
    }

    private static bool TryRead(string reply, out int node)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(reply);
        Assert.True(RespReader.TryMeasure(bytes, out int length));
        Assert.Equal(bytes.Length, length);
        return PromotionEvent.TryRead(bytes, "mymaster", Directory, out node, out _);
    }

    private static string Message(string channel, string text) =>
        $"*3\r\n$7\r\nmessage\r\n${channel.Length}\r\n{channel}\r\n${text.Length}\r\n{text}\r\n";
}
