// Endless test content, known at every offset, so that a lost, doubled or displaced byte is found where it happens.

namespace RedisHaProxy.Tests.Forwarding;

internal static class Content
{
    private const int Period = 1_000_003; // a prime: no buffer size divides it

    private static readonly byte[] Bytes = Create();

    /// <summary>At most <paramref name="length"/> bytes of a stream from an offset; fewer at the end of the period.</summary>
    public static ReadOnlyMemory<byte> At(int stream, long offset, int length)
    {
        int start = Start(stream, offset);
        return Bytes.AsMemory(start, Math.Min(length, Period - start));
    }

    public static void AssertAt(int stream, long offset, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            ReadOnlySpan<byte> expected = At(stream, offset, bytes.Length).Span;
            int same = expected.CommonPrefixLength(bytes);
            Assert.True(same == expected.Length, $"stream {stream} differs at offset {offset + same}");
            bytes = bytes[same..];
            offset += same;
        }
    }

    private static int Start(int stream, long offset) => (int)((offset + (stream * 7919L)) % Period);

    private static byte[] Create()
    {
        var bytes = new byte[Period];
        new Random(20_240_101).NextBytes(bytes);
        return bytes;
    }
}
