// Sessions over TLS behave as those without: bytes, half-closes, resets, orders, back-pressure; on either side and on both.

using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Tls;

public abstract class TlsForwardingTests(ForwardingEngine engine)
{
    public static TheoryData<bool, bool> Sides => new() { { true, false }, { false, true }, { true, true } };

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task Large_streams_go_there_and_back(bool clients, bool redis)
    {
        const int Total = 20_000_000;
        await using var scene = await TlsScene.OpenAsync(TlsScene.EchoAsync, clients, redis, engine);
        await using (TlsPeer client = await scene.ConnectAsync())
        {
            Task sending = Task.Run(async () =>
            {
                for (int sent = 0; sent < Total;)
                {
                    ReadOnlyMemory<byte> chunk = Content.At(1, sent, Math.Min(300_000, Total - sent));
                    await client.SendAsync(chunk);
                    sent += chunk.Length;
                }
            });
            var buffer = new byte[100_000];
            for (int received = 0; received < Total;)
            {
                int length = await client.Stream.ReadAsync(buffer).AsTask().WaitAsync(Bound.Wait);
                Assert.True(length > 0, $"the stream ended after {received} bytes");
                Content.AssertAt(1, received, buffer.AsSpan(0, length));
                received += length;
            }

            await sending;
        }

        SessionRecord record = (await scene.Forwarder.RecordsAsync(1))[0];
        Assert.Equal((SessionEnd.ClientClosed, (long)Total, (long)Total), (record.End, record.BytesIn, record.BytesOut));
        Assert.Equal(0, await scene.Forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task Many_clients_come_and_go_and_the_record_has_their_address(bool clients, bool redis)
    {
        await using var scene = await TlsScene.OpenAsync(TlsScene.EchoAsync, clients, redis, engine);
        var addresses = new List<string>();
        for (int i = 0; i < 10; i++)
        {
            await using TlsPeer client = await scene.ConnectAsync();
            addresses.Add(client.Socket.LocalEndPoint!.ToString()!);
            await client.SendAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
        }

        IReadOnlyList<SessionRecord> records = await scene.Forwarder.RecordsAsync(10);
        Assert.Equal(addresses.Order(), records.Select(r => r.Client.ToString()).Order());
        Assert.All(records, record => Assert.Equal(SessionEnd.ClientClosed, record.End));
        await scene.Forwarder.NoSessionsAsync();
        Assert.Equal(clients ? new HandshakeCounters(10, 0) : null, scene.Forwarder.Forwarder.Snapshot().Handshakes);
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task A_client_that_has_closed_its_direction_still_gets_the_answer(bool clients, bool redis)
    {
        await using var scene = await TlsScene.OpenAsync(
            async stream =>
            {
                var all = new MemoryStream();
                await stream.CopyToAsync(all);
                await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"got {all.Length}"));
            },
            clients, redis, engine);
        const int Times = 20; // right after the handshake, when the node's tickets are still on their way
        for (int i = 0; i < Times; i++)
        {
            await using TlsPeer client = await scene.ConnectAsync();
            await client.SendAsync("question");
            await client.ShutdownAsync();
            Assert.Equal("got 8", await client.ReadToEndAsync());
        }

        Assert.All(await scene.Forwarder.RecordsAsync(Times), record => Assert.Equal(SessionEnd.ClientClosed, record.End));
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task A_node_that_closes_ends_the_session_in_order(bool clients, bool redis)
    {
        await using var scene = await TlsScene.OpenAsync(async stream => await stream.WriteAsync("bye"u8.ToArray()), clients, redis, engine);
        await using TlsPeer client = await scene.ConnectAsync();
        Assert.Equal("bye", await client.ReadToEndAsync());
        await client.DisposeAsync();
        Assert.Equal(SessionEnd.ServerClosed, (await scene.Forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task A_reset_of_the_client_reaches_the_node_at_once(bool clients, bool redis)
    {
        var seen = new TaskCompletionSource<Exception?>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await TlsScene.OpenAsync(
            async stream =>
            {
                var buffer = new byte[100];
                await stream.ReadExactlyAsync(buffer.AsMemory(0, 1));
                await stream.WriteAsync("x"u8.ToArray());
                try
                {
                    await stream.ReadAtLeastAsync(buffer, 1, throwOnEndOfStream: false);
                    seen.SetResult(null);
                }
                catch (IOException e)
                {
                    seen.SetResult(e.InnerException);
                }
            },
            clients, redis, engine);
        TlsPeer client = await scene.ConnectAsync();
        await client.SendAsync("x");
        await client.ReadTextAsync(1);
        client.Socket.Reset();
        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(await seen.Task.WaitAsync(Bound.Wait)).SocketErrorCode);
        Assert.Equal(SessionEnd.ClientClosed, (await scene.Forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task An_order_resets_both_sides_also_of_a_client_that_does_not_read(bool clients, bool redis)
    {
        long sent = 0;
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var scene = await TlsScene.OpenAsync(
            async stream =>
            {
                try
                {
                    while (true)
                    {
                        await stream.WriteAsync(Content.At(1, 0, 100_000));
                        Interlocked.Add(ref sent, 100_000);
                    }
                }
                catch (IOException)
                {
                    failed.SetResult();
                }
            },
            clients, redis, engine);
        await using TlsPeer client = await scene.ConnectAsync();
        await StalledAsync(() => Interlocked.Read(ref sent));

        await scene.Forwarder.OrderAsync(GateMode.Park);
        await failed.Task.WaitAsync(Bound.Wait);
        await client.AssertResetAsync();
        Assert.Equal(SessionEnd.RoleLost, (await scene.Forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableTheory]
    [MemberData(nameof(Sides))]
    public async Task A_reader_with_100_MB_pending_costs_a_bounded_amount(bool clients, bool redis)
    {
        const long Total = 100_000_000;
        long sent = 0;
        await using var scene = await TlsScene.OpenAsync(
            async stream =>
            {
                while (Interlocked.Read(ref sent) < Total)
                {
                    ReadOnlyMemory<byte> chunk = Content.At(1, sent, (int)Math.Min(100_000, Total - sent));
                    await stream.WriteAsync(chunk);
                    Interlocked.Add(ref sent, chunk.Length);
                }
            },
            clients, redis, engine);
        await using TlsPeer client = await scene.ConnectAsync();
        await StalledAsync(() => Interlocked.Read(ref sent));

        // What has left the node is in the kernel's buffers of four sockets and two pairs, or held by the proxy.
        Assert.InRange(Interlocked.Read(ref sent), 1, 40_000_000);

        var buffer = new byte[1 << 20];
        long received = 0;
        for (int length; (length = await client.Stream.ReadAsync(buffer).AsTask().WaitAsync(Bound.Wait)) > 0; received += length)
        {
            Content.AssertAt(1, received, buffer.AsSpan(0, length));
        }

        Assert.Equal(Total, received);
    }

    [SkippableFact]
    public async Task A_client_waits_for_a_master_and_is_refused_in_words()
    {
        await using var scene = await TlsScene.OpenAsync(
            TlsScene.EchoAsync, clients: true, redis: true, engine, c => c with { Timeouts = c.Timeouts with { Park = TimeSpan.FromMilliseconds(300) } });
        await scene.Forwarder.OrderAsync(GateMode.Park);
        await using (TlsPeer client = await scene.ConnectAsync())
        {
            await client.SendAsync("early");
            Assert.StartsWith("-LOADING ", await client.ReadToEndAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(SessionEnd.ParkTimeout, (await scene.Forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task A_client_that_waited_gets_its_answer_when_the_gate_opens()
    {
        await using var scene = await TlsScene.OpenAsync(TlsScene.EchoAsync, clients: true, redis: true, engine);
        await scene.Forwarder.OrderAsync(GateMode.Park);
        await using TlsPeer client = await scene.ConnectAsync();
        await client.SendAsync("early");
        await Eventually.HoldsAsync(() => scene.Forwarder.Forwarder.Snapshot().Parked == 1, () => "the session waits");
        await scene.Forwarder.OrderAsync(GateMode.Open, 0);
        Assert.Equal("early", await client.ReadTextAsync(5));
    }

    private static async Task StalledAsync(Func<long> progress)
    {
        long before = -1;
        int same = 0;
        await Eventually.HoldsAsync(
            () =>
            {
                long now = progress();
                same = now == before && now > 0 ? same + 1 : 0;
                before = now;
                return same == 20;
            },
            () => "the sender is held back",
            every: TimeSpan.FromMilliseconds(25));
    }
}

public sealed class EpollTlsForwardingTests() : TlsForwardingTests(ForwardingEngine.Epoll);

public sealed class UringTlsForwardingTests() : TlsForwardingTests(ForwardingEngine.IoUring);
