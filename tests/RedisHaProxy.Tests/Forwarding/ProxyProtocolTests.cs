// The PROXY protocol's header as a pure function: every truncation, every value of each fixed byte, and noise.

using System.Net;
using CsCheck;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class ProxyProtocolTests
{
    private static readonly IPEndPoint Four = IPEndPoint.Parse("203.0.113.9:50123");
    private static readonly IPEndPoint Six = IPEndPoint.Parse("[2001:db8::17]:50123");

    private static readonly (byte[] Header, ProxyHeaderStatus Status, IPEndPoint? Client)[] Valid =
    [
        (ProxyHeaderBytes.Relayed(Four), ProxyHeaderStatus.Relayed, Four),
        (ProxyHeaderBytes.Relayed(Four, [0x04, 0x00, 0x02, 1, 2]), ProxyHeaderStatus.Relayed, Four),
        (ProxyHeaderBytes.Relayed(Six), ProxyHeaderStatus.Relayed, Six),
        (ProxyHeaderBytes.Relayed(Six, new byte[300]), ProxyHeaderStatus.Relayed, Six),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x11, new byte[12]), ProxyHeaderStatus.Relayed, new IPEndPoint(IPAddress.Any, 0)),
        (ProxyHeaderBytes.Relayed(Four, new byte[ProxyProtocol.MaxLength - 28]), ProxyHeaderStatus.Relayed, Four),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Local, 0x00, []), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Local, 0x11, new byte[12]), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Local, 0x11, []), ProxyHeaderStatus.Own, null), // of LOCAL even the family is ignored
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Local, 0xFF, [1, 2, 3]), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x00, []), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x00, new byte[50]), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x12, new byte[12]), ProxyHeaderStatus.Own, null), // UDP
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x22, new byte[36]), ProxyHeaderStatus.Own, null),
        (ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, 0x31, new byte[216]), ProxyHeaderStatus.Own, null), // a Unix socket
    ];

    [Fact]
    public void Every_truncation_waits_and_the_whole_header_ends_where_it_ends()
    {
        foreach ((byte[] header, ProxyHeaderStatus status, IPEndPoint? client) in Valid)
        {
            for (int length = 0; length < header.Length; length++)
            {
                Assert.Equal(new ProxyHeader(ProxyHeaderStatus.Incomplete), ProxyProtocol.Read(header.AsSpan(0, length)));
            }

            foreach (byte[] rest in (byte[][])[[], "PING\r\n"u8.ToArray(), header])
            {
                ProxyHeader read = ProxyProtocol.Read([.. header, .. rest]);
                Assert.Equal((status, header.Length), (read.Status, read.Length));
                Assert.Equal(header[12] == ProxyHeaderBytes.Local, read.IsLocal);
                Assert.Equal(client ?? new IPEndPoint(IPAddress.IPv6Any, 0), read.Client.ToIPEndPoint());
            }
        }
    }

    [Fact]
    public void Every_value_of_each_fixed_byte_is_judged_as_the_specification_says()
    {
        byte[] good = ProxyHeaderBytes.Relayed(Six, new byte[8]);
        for (int at = 0; at < 14; at++)
        {
            for (int value = 0; value < 256; value++)
            {
                byte[] header = [.. good];
                header[at] = (byte)value;
                var expected = at switch
                {
                    12 => value switch { 0x20 => ProxyHeaderStatus.Own, 0x21 => ProxyHeaderStatus.Relayed, _ => ProxyHeaderStatus.Malformed },
                    13 => value switch
                    {
                        0x11 or 0x21 => ProxyHeaderStatus.Relayed,
                        0x00 or 0x01 or 0x02 or 0x10 or 0x12 or 0x20 or 0x22 or 0x30 or 0x31 or 0x32 => ProxyHeaderStatus.Own,
                        _ => ProxyHeaderStatus.Malformed,
                    },
                    _ => value == good[at] ? ProxyHeaderStatus.Relayed : ProxyHeaderStatus.Malformed,
                };
                Assert.True(ProxyProtocol.Read(header).Status == expected, $"byte {at} = {value:X2} is not {expected}");

                // What is wrong is wrong as soon as its byte is there; what is right waits.
                var early = expected == ProxyHeaderStatus.Malformed ? expected : ProxyHeaderStatus.Incomplete;
                Assert.True(ProxyProtocol.Read(header.AsSpan(0, at + 1)).Status == early, $"byte {at} = {value:X2} alone is not {early}");
            }
        }
    }

    [Theory]
    [InlineData(0x11, 11, ProxyHeaderStatus.Malformed)]
    [InlineData(0x11, 12, ProxyHeaderStatus.Relayed)]
    [InlineData(0x21, 35, ProxyHeaderStatus.Malformed)]
    [InlineData(0x21, 36, ProxyHeaderStatus.Relayed)]
    [InlineData(0x00, ProxyProtocol.MaxLength - 16, ProxyHeaderStatus.Own)]
    [InlineData(0x00, ProxyProtocol.MaxLength - 15, ProxyHeaderStatus.Malformed)]
    [InlineData(0x11, 65535, ProxyHeaderStatus.Malformed)]
    public void Lengths_have_bounds_that_are_known_from_the_length_field_on(byte family, int length, ProxyHeaderStatus expected)
    {
        byte[] header = ProxyHeaderBytes.Any(ProxyHeaderBytes.Proxy, family, new byte[length]);
        Assert.Equal(expected, ProxyProtocol.Read(header).Status);
        Assert.Equal(expected == ProxyHeaderStatus.Malformed ? expected : ProxyHeaderStatus.Incomplete, ProxyProtocol.Read(header.AsSpan(0, 16)).Status);
    }

    [Theory]
    [InlineData("PROXY TCP4 203.0.113.9 10.9.8.7 50123 6379\r\n")]
    [InlineData("PROXY UNKNOWN\r\n")]
    [InlineData("*1\r\n$4\r\nPING\r\n")]
    [InlineData("PING\r\n")]
    [InlineData("\r\n\r\nPING\r\n")]
    public void Version_1_and_Redis_itself_are_no_headers(string text) =>
        Assert.Equal(ProxyHeaderStatus.Malformed, ProxyProtocol.Read(System.Text.Encoding.ASCII.GetBytes(text)).Status);

    [Fact]
    public void Addresses_of_any_kind_come_back_whatever_follows() =>
        Gen.Select(Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16]), Gen.UShort, Gen.Byte.Array[0, 400], Gen.Byte.Array[0, 100])
            .Sample((address, port, further, payload) =>
        {
            var client = new IPEndPoint(new IPAddress(address), port);
            byte[] header = ProxyHeaderBytes.Relayed(client, further);
            ProxyHeader read = ProxyProtocol.Read([.. header, .. payload]);
            Assert.Equal((ProxyHeaderStatus.Relayed, header.Length, false), (read.Status, read.Length, read.IsLocal));
            Assert.Equal((ClientAddress.Bits(client.Address), port), (read.Client.Address, read.Client.Port));
        });

    [Fact]
    public void Noise_is_judged_once_and_for_all_and_reads_nothing_beyond_its_header()
    {
        // Valid headers with some bytes changed, cut or enlarged, and plain noise.
        Gen<byte[]> changed =
            from index in Gen.Int[0, Valid.Length - 1]
            from changes in Gen.Select(Gen.Int[0, 60], Gen.Byte).Array[0, 4]
            from tail in Gen.Byte.Array[0, 40]
            select Change([.. Valid[index].Header, .. tail], changes);
        Gen.Frequency((5, changed), (1, Gen.Byte.Array[0, 200])).Sample(bytes =>
        {
            ProxyHeader? judged = null;
            for (int length = 0; length <= bytes.Length; length++)
            {
                ProxyHeader read = ProxyProtocol.Read(bytes.AsSpan(0, length));
                if (judged is { } before)
                {
                    Assert.Equal(before, read);
                }
                else if (read.Status != ProxyHeaderStatus.Incomplete)
                {
                    judged = read;
                    Assert.True(read.Status == ProxyHeaderStatus.Malformed || read.Length == length, "a header was read before its last byte, or after");
                    Assert.InRange(read.Length, 0, ProxyProtocol.MaxLength);
                }
            }
        });

        static byte[] Change(byte[] bytes, (int At, byte Value)[] changes)
        {
            foreach ((int at, byte value) in changes.Where(change => change.At < bytes.Length))
            {
                bytes[at] = value;
            }

            return bytes;
        }
    }

    [Fact]
    public void Networks_contain_what_their_bits_say()
    {
        Gen<IPAddress> address = Gen.OneOf(Gen.Byte.Array[4], Gen.Byte.Array[16]).Select(bytes => new IPAddress(bytes));
        Gen.Select(address, Gen.Int[0, 128], address, Gen.Int[0, 128]).Sample((network, bits, other, flipped) =>
        {
            int all = network.GetAddressBytes().Length * 8;
            bits = Math.Min(bits, all);
            var parsed = RedisHaProxy.Configuration.NetworkText.Parse($"{Masked(network, bits)}/{bits}", out string cause);
            Assert.True(parsed is not null, cause);
            var networks = new AddressNetworks([parsed.Value]);
            Assert.True(networks.Contain(ClientAddress.Bits(network)));
            Assert.Equal(parsed.Value.Contains(other), networks.Contain(ClientAddress.Bits(other)));
            if (flipped < bits)
            {
                byte[] near = network.GetAddressBytes();
                near[flipped / 8] ^= (byte)(0x80 >> (flipped % 8));
                Assert.False(networks.Contain(ClientAddress.Bits(new IPAddress(near))));
            }
        });

        static IPAddress Masked(IPAddress address, int bits)
        {
            byte[] bytes = address.GetAddressBytes();
            for (int bit = bits; bit < bytes.Length * 8; bit++)
            {
                bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
            }

            return new IPAddress(bytes);
        }
    }
}
