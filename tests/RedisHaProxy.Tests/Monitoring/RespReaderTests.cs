// The reader of bytes that nobody vouches for: what is a reply, what is not, and that nothing else ever happens.

using System.Text;
using CsCheck;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class RespReaderTests
{
    private const string Likely = "+-:$*\r\n0123456789";

    private static readonly string[] Lines = ["*1\r\n", "*2\r\n", "$1\r\n", "x\r\n", ":5\r\n", "+\r\n", "$-1\r\n", "*-1\r\n", "\r\n", "$999\r\n"];

    [Theory]
    [InlineData("+OK\r\n")]
    [InlineData("-ERR no\r\n")]
    [InlineData(":-12\r\n")]
    [InlineData("$-1\r\n")]
    [InlineData("$0\r\n\r\n")]
    [InlineData("$5\r\na\r\nbc\r\n")]
    [InlineData("*0\r\n")]
    [InlineData("*-1\r\n")]
    [InlineData("*2\r\n*1\r\n:1\r\n$1\r\nx\r\n")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n")]
    public void A_reply_is_measured_to_its_end_and_not_before(string reply)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(reply);
        for (int i = 0; i < bytes.Length; i++)
        {
            Assert.False(RespReader.TryMeasure(bytes.AsSpan(0, i), out _), $"after {i} bytes");
        }

        Assert.True(RespReader.TryMeasure([.. bytes, (byte)'+'], out int length));
        Assert.Equal(bytes.Length, length);
        var reader = new RespReader(bytes);
        reader.Skip();
        Assert.Throws<RespException>(() => EndOf(bytes));
    }

    [Theory]
    [InlineData("OK\r\n")]
    [InlineData("\r\n")]
    [InlineData("+OK\n")]
    [InlineData(":\r\n")]
    [InlineData(":1x\r\n")]
    [InlineData(":99999999999999999999\r\n")]
    [InlineData("$-2\r\n")]
    [InlineData("$3\r\nabcd\r\n")]
    [InlineData("$262145\r\n")]
    [InlineData("*-2\r\n")]
    [InlineData("*16385\r\n")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    public void What_is_no_reply_is_refused(string bytes)
    {
        Assert.Throws<RespException>(() => RespReader.TryMeasure(Encoding.ASCII.GetBytes(bytes), out _));
    }

    [Fact]
    public void A_line_without_end_is_refused_at_the_limit()
    {
        byte[] endless = new byte[RespReader.MaxLine + 1];
        Array.Fill(endless, (byte)'+');
        Assert.False(RespReader.TryMeasure(endless.AsSpan(0, RespReader.MaxLine), out _));
        Assert.Throws<RespException>(() => RespReader.TryMeasure(endless, out _));
    }

    [Fact]
    public void A_reply_of_many_small_parts_is_refused_at_the_limit()
    {
        byte[] parts = Encoding.ASCII.GetBytes("*16384\r\n" + string.Concat(Enumerable.Repeat($"+{new string('x', 100)}\r\n", 16384)));
        Assert.Throws<RespException>(() => RespReader.TryMeasure(parts, out _));
    }

    [Fact]
    public void Any_bytes_give_a_reply_or_a_RespException_and_never_more_than_there_is()
    {
        // Bytes that look like RESP most of the time reach further into the reader than uniform ones.
        Gen<byte> likely = Gen.OneOf(Gen.Int[0, Likely.Length - 1].Select(i => (byte)Likely[i]), Gen.Byte);
        Gen<byte[]> lines = Gen.Int[0, Lines.Length - 1].Select(i => Encoding.ASCII.GetBytes(Lines[i]));
        Gen.OneOf(likely.Array[0, 200], lines.Array[0, 30].Select(parts => parts.SelectMany(p => p).ToArray())).Sample(
            bytes =>
            {
                try
                {
                    if (RespReader.TryMeasure(bytes, out int length))
                    {
                        Assert.InRange(length, 1, bytes.Length);
                        var reader = new RespReader(bytes.AsSpan(0, length));
                        reader.Skip();
                    }
                }
                catch (RespException)
                {
                    // The other permitted end.
                }
            },
            iter: 20_000);
    }

    [Fact]
    public void Text_of_a_server_cannot_break_a_log_line()
    {
        Assert.Equal("a?b???", RespReader.Printable("a\nb\u001b\u00e9"u8));
        Assert.Equal(200, RespReader.Printable(new byte[10_000]).Length);
    }

    private static void EndOf(byte[] bytes)
    {
        var reader = new RespReader(bytes);
        reader.Skip();
        _ = reader.NextType;
    }
}
