// The end of a dead backend's sessions: whose they are, and the segment that is sent to them.

using System.Buffers.Binary;
using System.Net;
using RedisHaLab.Services;
using Xunit;

namespace RedisHaLab.Tests.Services;

public sealed class SessionResetTests
{
    [Fact]
    public void Clients_of_open_sessions_are_read_from_what_conntrack_lists()
    {
        const string list = """
            tcp      6 431999 ESTABLISHED src=10.0.0.254 dst=10.0.0.188 sport=40512 dport=6379 src=10.0.0.141 dst=10.0.0.188 sport=6379 dport=40512 [ASSURED] mark=0 use=1
            udp      17 30 src=10.0.0.254 dst=10.0.0.188 sport=53 dport=53 src=10.0.0.141 dst=10.0.0.188 sport=53 dport=53
            tcp      6 431990 ESTABLISHED src=10.0.0.253 dst=10.0.0.188 sport=40513 dport=6380 src=10.0.0.141 dst=10.0.0.188 sport=6379 dport=40513 [ASSURED] mark=0 use=1
            tcp      6 90 TIME_WAIT src=10.0.0.254 dst=10.0.0.188 sport=40514 dport=6379 src=10.0.0.141 dst=10.0.0.188 sport=6379 dport=40514 [ASSURED] mark=0 use=1
            conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.
            """;
        Assert.Equal([(IPEndPoint.Parse("10.0.0.254:40512"), 6379), (IPEndPoint.Parse("10.0.0.253:40513"), 6380)], SessionReset.Clients(list));
        Assert.Empty(SessionReset.Clients(""));
    }

    [Fact]
    public void The_segment_is_an_acknowledgement_with_a_right_checksum()
    {
        var (from, to) = (IPEndPoint.Parse("10.0.0.188:6379"), IPEndPoint.Parse("10.0.0.254:40512"));

        var segment = SessionReset.Segment(from, to);

        Assert.Equal(20, segment.Length);
        Assert.Equal((6379, 40512), (BinaryPrimitives.ReadUInt16BigEndian(segment), BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(2))));
        Assert.Equal((0x50, 0x10), (segment[12], segment[13]));
        // Over pseudo-header and header with its checksum, the sum is all ones (RFC 1071).
        byte[] all = [.. from.Address.GetAddressBytes(), .. to.Address.GetAddressBytes(), 0, 6, 0, 20, .. segment];
        var sum = Enumerable.Range(0, all.Length / 2).Sum(i => (long)BinaryPrimitives.ReadUInt16BigEndian(all.AsSpan(2 * i)));
        sum = (sum & 0xffff) + (sum >> 16);
        Assert.Equal(0xffff, (sum & 0xffff) + (sum >> 16));
    }
}
