// Reading and writing whole messages on test sockets, with a limit on every wait.

using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

internal static class SocketExtensions
{
    public static async Task SendAllAsync(this Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    public static Task SendAllAsync(this Socket socket, string text) => socket.SendAllAsync(Encoding.ASCII.GetBytes(text));

    /// <summary>Reads until the end of the stream.</summary>
    public static async Task<string> ReadToEndAsync(this Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        for (int length; (length = await socket.ReceiveAsync(buffer).WaitAsync(Bound.Wait)) > 0;)
        {
            text.Append(Encoding.ASCII.GetString(buffer, 0, length));
        }

        return text.ToString();
    }

    /// <summary>Asks, as a client that has just connected does, and reads until the end of the stream.</summary>
    public static async Task<string> AskAsync(this Socket socket)
    {
        await socket.SendAllAsync("PING\r\n");
        return await socket.ReadToEndAsync();
    }

    /// <summary>Reads exactly this many characters.</summary>
    public static async Task<string> ReadTextAsync(this Socket socket, int length) =>
        Encoding.ASCII.GetString(await socket.ReadBytesAsync(length));

    /// <summary>Reads exactly this many bytes.</summary>
    public static async Task<byte[]> ReadBytesAsync(this Socket socket, int length)
    {
        var buffer = new byte[length];
        for (int read = 0; read < length;)
        {
            int count = await socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().WaitAsync(Bound.Wait);
            Assert.True(count > 0, $"the stream ended after {read} of {length} bytes");
            read += count;
        }

        return buffer;
    }

    /// <summary>
    /// Closes by RST. Disconnecting (connect(2) to AF_UNSPEC) sends it at once; the framework's close may send FIN first when a
    /// read is under way.
    /// </summary>
    public static unsafe void Reset(this Socket socket)
    {
        byte* unspecified = stackalloc byte[16];
        new Span<byte>(unspecified, 16).Clear();
        Assert.Equal(0, LibC.Connect((int)socket.Handle, unspecified, 16));
        socket.Dispose();
    }

    /// <summary>Asserts that the connection was reset by the other side.</summary>
    public static async Task AssertResetAsync(this Socket socket, bool replyAllowed = true)
    {
        var buffer = new byte[4096];
        var error = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (await socket.ReceiveAsync(buffer).WaitAsync(Bound.Wait) > 0)
            {
                Assert.True(replyAllowed, "there was a reply");
            }
        });
        Assert.Equal(SocketError.ConnectionReset, error.SocketErrorCode);
    }
}

internal static class Bound
{
    /// <summary>Limit of every single wait: generous, because it is only reached by a failure.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromSeconds(60);

    /// <summary>The same of a whole session over a wire that loses packets, whose end may wait for several of TCP's doubled time-outs.</summary>
    public static readonly TimeSpan Exchange = TimeSpan.FromSeconds(60);

    /// <summary>Whether it finds within a minute that its peer is gone, bytes under way or not.</summary>
    public static bool WatchesPeer(this Socket socket)
    {
        Span<byte> timeout = stackalloc byte[sizeof(int)];
        socket.GetRawSocketOption(LibC.LevelTcp, LibC.TcpUserTimeout, timeout);
        return BitConverter.ToInt32(timeout) == 60_000
            && (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)! != 0
            && (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)! <= 60;
    }
}
