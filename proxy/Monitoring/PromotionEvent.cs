// Reads the published events that announce a promotion, or its end without one, and votes, out of a Sentinel's message:
//
//   ["message", "+selected-slave", "slave 172.31.0.2:6379 172.31.0.2 6379 @ mymaster 172.31.0.1 6379"]
//   ["message", "-failover-abort-slave-timeout", "master mymaster 172.31.0.1 6379"]
//   ["message", "+vote-for-leader", "0c3b...e1 7"]                                    without the master's name
//
// The leader of a failover chooses a replica in one tick of its timer (+selected-slave, +failover-state-send-slaveof-noone), sends it
// SLAVEOF NO ONE in the next (+failover-state-wait-promotion); ticks are 1/10 to 1/19 s apart. (Redis sentinel.c,
// sentinelFailoverSelectSlave, sentinelFailoverSendSlaveOfNoOne, sentinelTimer; the texts come from sentinelEvent.) The leader has been
// elected a tick earlier, by votes that each Sentinel publishes as it gives them, its own included (sentinelVoteLeader).

using System.Buffers.Text;
using System.Text;

namespace RedisHaProxy.Monitoring;

/// <summary>Recognises announcements.</summary>
internal static class PromotionEvent
{
    /// <summary>The events' channels.</summary>
    public static readonly string[] Channels =
    [
        "+selected-slave", "+failover-state-send-slaveof-noone", "+failover-state-wait-promotion",
        "-failover-abort-slave-timeout", "-failover-abort-no-good-slave", "-failover-abort-not-elected", "-failover-abort-master-timeout",
    ];

    /// <summary>The channel of new current epochs: ["message", "+new-epoch", "7"].</summary>
    public const string EpochChannel = "+new-epoch";

    /// <summary>Reads a Sentinel's new current epoch.</summary>
    /// <param name="message">One whole reply, of any kind.</param>
    /// <param name="epoch">The epoch; one above 2^63 - 1 is that.</param>
    public static bool TryReadEpoch(ReadOnlySpan<byte> message, out long epoch)
    {
        epoch = 0;
        var reader = new RespReader(message);
        if (reader.NextType != RespType.Array || reader.ReadArray() != 3
            || !TryText(ref reader, out ReadOnlySpan<byte> kind) || !kind.SequenceEqual("message"u8)
            || !TryText(ref reader, out ReadOnlySpan<byte> channel) || !Is(channel, EpochChannel)
            || !TryText(ref reader, out ReadOnlySpan<byte> text)
            || !Utf8Parser.TryParse(text, out ulong number, out int used) || used != text.Length)
        {
            return false;
        }

        epoch = (long)Math.Min(number, long.MaxValue);
        return true;
    }

    /// <summary>The channel of votes.</summary>
    public const string VoteChannel = "+vote-for-leader";

    /// <summary>Reads a message. Whatever is not exactly an announcement for this master is none.</summary>
    /// <param name="message">One whole reply, of any kind.</param>
    /// <param name="master">The name under which the Sentinels know the master.</param>
    /// <param name="directory">The configured nodes.</param>
    /// <param name="node">
    /// The node that is promoted now, <see cref="NamedNode.Foreign"/> for an address that is not configured, or
    /// <see cref="NamedNode.Nobody"/> when the failover was given up.
    /// </param>
    /// <param name="address">The node's address; null when the failover was given up.</param>
    public static bool TryRead(ReadOnlySpan<byte> message, string master, NodeDirectory directory, out int node, out string? address)
    {
        node = NamedNode.Nobody;
        address = null;
        if (!TryMessage(message, out ReadOnlySpan<byte> channel, out ReadOnlySpan<byte> text))
        {
            return false;
        }

        Span<Range> words = stackalloc Range[8];
        int count = 0;
        foreach (Range word in text.Split((byte)' '))
        {
            if (count == words.Length)
            {
                return false;
            }

            words[count++] = word;
        }

        if (channel.StartsWith("-failover-abort-"u8))
        {
            return count >= 2 && text[words[0]].SequenceEqual("master"u8) && Is(text[words[1]], master);
        }

        if (!channel.StartsWith("+selected-slave"u8) && !channel.StartsWith("+failover-state-"u8))
        {
            return false;
        }

        // slave NAME IP PORT @ MASTER IP PORT. An IPv6 address has no blanks, nor has a name that can be configured here.
        if (count != 8 || !text[words[4]].SequenceEqual("@"u8) || !Is(text[words[5]], master)
            || !Utf8Parser.TryParse(text[words[3]], out int port, out int used) || used != text[words[3]].Length)
        {
            return false;
        }

        // A node that we do not know is promoted like any other: it ends the old master as well.
        int known = directory.Find(text[words[2]], port);
        node = known >= 0 ? known : NamedNode.Foreign;
        address = $"{RespReader.Printable(text[words[2]])}:{port}";
        return true;
    }

    /// <summary>Reads a vote that this Sentinel has given, for whichever of its masters.</summary>
    /// <param name="message">One whole reply, of any kind.</param>
    /// <param name="epoch">The epoch of the failover; the greatest number when it cannot be read.</param>
    public static bool TryReadVote(ReadOnlySpan<byte> message, out long epoch)
    {
        epoch = long.MaxValue;
        if (!TryMessage(message, out ReadOnlySpan<byte> channel, out ReadOnlySpan<byte> text) || !Is(channel, VoteChannel))
        {
            return false;
        }

        ReadOnlySpan<byte> number = text[(text.LastIndexOf((byte)' ') + 1)..];
        epoch = Utf8Parser.TryParse(number, out long read, out int used) && used == number.Length ? read : long.MaxValue;
        return true;
    }

    /// <summary>The reply to SUBSCRIBE for the channel of votes, which is there already: ["subscribe", "+vote-for-leader", 17].</summary>
    public static bool IsAnswer(ReadOnlySpan<byte> reply)
    {
        var reader = new RespReader(reply);
        return reader.NextType == RespType.Array && reader.ReadArray() == 3
            && TryText(ref reader, out ReadOnlySpan<byte> kind) && kind.SequenceEqual("subscribe"u8)
            && TryText(ref reader, out ReadOnlySpan<byte> channel) && Is(channel, VoteChannel);
    }

    private static bool TryMessage(ReadOnlySpan<byte> reply, out ReadOnlySpan<byte> channel, out ReadOnlySpan<byte> text)
    {
        channel = default;
        text = default;
        var reader = new RespReader(reply);
        return reader.NextType == RespType.Array && reader.ReadArray() == 3
            && TryText(ref reader, out ReadOnlySpan<byte> kind) && kind.SequenceEqual("message"u8)
            && TryText(ref reader, out channel) && TryText(ref reader, out text);
    }

    private static bool Is(ReadOnlySpan<byte> bytes, string text) => bytes.SequenceEqual(Encoding.UTF8.GetBytes(text));

    private static bool TryText(scoped ref RespReader reader, out ReadOnlySpan<byte> text)
    {
        bool isText = reader.NextType is RespType.BulkString or RespType.SimpleString;
        text = isText ? reader.ReadString() : default;
        return isText;
    }
}
