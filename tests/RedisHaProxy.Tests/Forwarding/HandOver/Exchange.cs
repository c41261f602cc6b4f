// One session of a test: both sides send known bytes in random pieces, check what they get, and end as its number says.

using System.Buffers.Binary;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal enum Ending
{
    ClientFirst,
    NodeFirst,
    Together,
    ClientResets,
    NodeResets,
}

internal sealed record Exchange(int Seed, int FromClient, int FromNode, Ending Ending, int Pauses)
{
    /// <summary>How long each side rests when it has sent half of its bytes.</summary>
    public int RestMilliseconds { get; init; }

    public const int HeaderBytes = 24;

    private static readonly byte[] Noise = RandomBytes();

    public static Exchange Random(int seed, bool resets)
    {
        var random = new Random(seed);
        return new Exchange(seed, Size(random), Size(random), (Ending)random.Next(resets ? 5 : 3), random.Next(4));
    }

    /// <summary>The client's side. Throws when a byte is wrong or missing.</summary>
    public async Task RunClientAsync(Socket socket)
    {
        byte[] header = new byte[HeaderBytes];
        int[] fields = [Seed, FromClient, FromNode, (int)Ending, Pauses, RestMilliseconds];
        for (int i = 0; i < fields.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4 * i), fields[i]);
        }

        await socket.SendAllAsync(header);
        await RunAsync(socket, FromClient, FromNode, 1, 2, Ending.ClientFirst, Ending.NodeFirst, Ending.ClientResets, Ending.NodeResets);
    }

    /// <summary>The node's side.</summary>
    public static async Task RunNodeAsync(Socket socket)
    {
        byte[] header = new byte[HeaderBytes];
        for (int have = 0; have < HeaderBytes;)
        {
            int length;
            try
            {
                length = await socket.ReceiveAsync(header.AsMemory(have));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                return; // an abort may overtake what was sent before it; in a session that is not to be reset, the client's side fails
            }

            Assert.True(length > 0, "ended before its header");
            have += length;
        }

        int Field(int i) => BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4 * i));
        var exchange = new Exchange(Field(0), Field(1), Field(2), (Ending)Field(3), Field(4)) { RestMilliseconds = Field(5) };
        await exchange.RunAsync(
            socket, exchange.FromNode, exchange.FromClient, 2, 1, Ending.NodeFirst, Ending.ClientFirst, Ending.NodeResets, Ending.ClientResets);
    }

    private async Task RunAsync(Socket socket, int send, int receive, int mine, int theirs, Ending first, Ending second, Ending reset, Ending isReset)
    {
        Task<int> reading = ReadAsync(socket, theirs, receive);
        try
        {
            if (Ending == second)
            {
                // The other side finishes first; ours is sent meanwhile all but the end.
                await WriteAsync(socket, mine, 0, send / 2);
                Assert.Equal(receive, await reading);
                await WriteAsync(socket, mine, send / 2, send);
                socket.Shutdown(SocketShutdown.Send);
                return;
            }

            await WriteAsync(socket, mine, 0, Ending == reset ? send / 2 : send);
            if (Ending == reset)
            {
                socket.Reset();
                return;
            }

            if (Ending != isReset)
            {
                socket.Shutdown(SocketShutdown.Send);
            }

            int got = await reading;
            Assert.True(Ending != isReset, $"ended in peace after {got} bytes, and was to be reset");
            Assert.Equal(receive, got);
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown && Ending == isReset)
        {
        }
    }

    private async Task WriteAsync(Socket socket, int stream, int from, int to)
    {
        var random = new Random(Seed + stream + from);
        int half = from + ((to - from) / 2);
        while (from < to)
        {
            int length = random.Next(5) switch { 0 => 1, 1 => random.Next(1, 100), 2 => random.Next(1, 1500), 3 => 16 * 1024, _ => random.Next(1, 70_000) };
            length = Math.Min(to - from, length);
            byte[] bytes = new byte[length];
            for (int i = 0; i < length; i++)
            {
                bytes[i] = At(stream, from + i);
            }

            await socket.SendAllAsync(bytes);
            from += length;
            if (half >= 0 && from >= half)
            {
                half = -1;
                await Task.Delay(RestMilliseconds);
            }

            if (random.Next(8) < Pauses)
            {
                await Task.Delay(random.Next(0, 4));
            }
        }
    }

    private async Task<int> ReadAsync(Socket socket, int stream, int most)
    {
        var random = new Random(Seed - stream);
        byte[] buffer = new byte[64 * 1024];
        int got = 0;
        for (int length; (length = await socket.ReceiveAsync(buffer.AsMemory(0, random.Next(1, buffer.Length)))) > 0; got += length)
        {
            for (int i = 0; i < length; i++)
            {
                Assert.True(buffer[i] == At(stream, got + i), $"wrong byte at {got + i} of stream {stream}, session {Seed}");
            }

            Assert.True(got + length <= most, $"{got + length} bytes of {most}");
        }

        return got;
    }

    private byte At(int stream, int position) => (byte)(Noise[(position + (Seed * 31)) & (Noise.Length - 1)] + stream);

    private static int Size(Random random) => random.Next(0, random.Next(4) switch { 0 => 200, 1 => 20_000, 2 => 200_000, _ => 600_000 });

    private static byte[] RandomBytes()
    {
        var bytes = new byte[1 << 16];
        new Random(1).NextBytes(bytes);
        return bytes;
    }
}
