// Peers that do not keep up: memory stays bounded, others are served, nothing is lost.

using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class BackPressureTests(EngineUnderTest engine)
{
    private const int Megabyte = 1024 * 1024;

    // What a session may hold in this process per direction: a block, or a pipe of at most this capacity.
    private const int HeldPerDirection = PipePool.PipeSize;

    [SkippableFact]
    public async Task A_reader_with_100_MB_pending_costs_a_bounded_amount_and_gets_every_byte()
    {
        const long Total = 100L * Megabyte;
        long sent = 0;
        await using var server = new PlainServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            while (Interlocked.Read(ref sent) < Total)
            {
                ReadOnlyMemory<byte> chunk = Content.At(1, sent, (int)Math.Min(100_000, Total - sent));
                await socket.SendAllAsync(chunk);
                Interlocked.Add(ref sent, chunk.Length);
            }
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("x");
        await StalledAsync(() => Interlocked.Read(ref sent));
        Assert.True(Interlocked.Read(ref sent) < Total, "the server must be held back");
        Assert.InRange(await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()), engine.HeldAtLeast, HeldPerDirection);

        // What has left the server is in socket buffers: those of server, forwarder (2) and client.
        long kernelLimit = (2 * LastNumber("/proc/sys/net/ipv4/tcp_wmem")) + (2 * LastNumber("/proc/sys/net/ipv4/tcp_rmem"));
        Assert.InRange(Interlocked.Read(ref sent), 1, kernelLimit + HeldPerDirection);

        // Another session on the same loop does not notice.
        using Socket other = await forwarder.ConnectAsync();
        Assert.Equal(2, (await forwarder.Forwarder.ListSessionsAsync()).Count);

        var buffer = new byte[Megabyte];
        long received = 0;
        for (int length; (length = await client.ReceiveAsync(buffer).WaitAsync(Bound.Wait)) > 0; received += length)
        {
            Content.AssertAt(1, received, buffer.AsSpan(0, length));
        }

        Assert.Equal(Total, received);
        Assert.Equal(0, await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
    }

    [SkippableFact]
    public async Task Many_slow_readers_hold_no_more_than_their_share_and_can_be_reset()
    {
        const int Clients = 40;
        long sent = 0;
        await using var server = new PlainServer(async socket =>
        {
            while (true)
            {
                await socket.SendAllAsync(Content.At(1, 0, 100_000));
                Interlocked.Add(ref sent, 100_000);
            }
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        var clients = new List<Socket>();
        for (int i = 0; i < Clients; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
            await client.ConnectAsync(forwarder.Forwarder.ListenEndPoints[0]);
            clients.Add(client);
        }

        await StalledAsync(() => Interlocked.Read(ref sent));
        Assert.InRange(await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()), engine.HeldAtLeast, Clients * HeldPerDirection);
        clients.ForEach(client => client.Reset());
        await forwarder.NoSessionsAsync();
        Assert.Equal(0, await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
    }

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stalled_server_holds_its_client_back_and_nobody_else(bool clientResets)
    {
        await using var server = PlainServer.Silent();
        await using var echo = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(engine, [server.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        using Socket client = await forwarder.ConnectAsync();
        long sent = 0;
        Task sending = Task.Run(async () =>
        {
            while (true)
            {
                sent += await client.SendAsync(Content.At(2, 0, 100_000));
            }
        });
        await StalledAsync(() => Volatile.Read(ref sent));
        Assert.False(sending.IsCompleted, sending.Exception?.ToString());
        Assert.InRange(await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()), engine.HeldAtLeast, HeldPerDirection);
        using Socket other = await forwarder.ConnectAsync();
        await Eventually.HoldsAsync(() => server.Accepted == 2, () => "another session is served");

        if (clientResets)
        {
            client.Reset();
            Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
        }
        else
        {
            foreach (Socket socket in server.Sockets)
            {
                socket.Reset();
            }

            Assert.Equal(SessionEnd.ServerClosed, (await forwarder.RecordsAsync(1))[0].End);
        }

        await Assert.ThrowsAnyAsync<Exception>(() => sending.WaitAsync(Bound.Wait));
    }

    [SkippableFact]
    public async Task A_slow_writer_is_forwarded_byte_by_byte()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        for (int i = 0; i < 200; i++)
        {
            await client.SendAllAsync(Content.At(3, i, 1));
            Content.AssertAt(3, i, await client.ReadBytesAsync(1));
        }

        async Task<(long, long)> CountedAsync() =>
            Assert.Single(await forwarder.Forwarder.ListSessionsAsync()) is var session ? (session.BytesIn, session.BytesOut) : default;
        if (engine.HandsOver)
        {
            await Eventually.HoldsAsync(async () => await CountedAsync() == (200, 200), () => "the bytes that the kernel forwards are counted, once a second");
        }

        Assert.Equal((200, 200), await CountedAsync());
    }

    /// <summary>
    /// Waits until a counter that has moved stays the same in 40 looks: by looks, not by time, because who looks may be held up with who sends.
    /// </summary>
    private static async Task StalledAsync(Func<long> counter)
    {
        long last = -1;
        int same = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                long value = counter();
                same = value == last && value > 0 ? same + 1 : 0;
                last = value;
                return same >= 40;
            },
            () => $"the sender is held back; at {last} bytes");
    }

    private static long LastNumber(string file) =>
        long.Parse(File.ReadAllText(file).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[^1], System.Globalization.CultureInfo.InvariantCulture);
}

public sealed class EpollBackPressureTests() : BackPressureTests(ForwardingEngine.Epoll);

public sealed class UringBackPressureTests() : BackPressureTests(ForwardingEngine.IoUring);

[Trait("Needs", "root")]
public sealed class HandedOverBackPressureTests() : BackPressureTests(EngineUnderTest.HandingOver);
