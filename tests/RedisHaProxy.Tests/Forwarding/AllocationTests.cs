// In steady state the loops allocate nothing on the managed heap: not per request, not per session, not per refusal.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class AllocationTests(EngineUnderTest engine)
{
    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Requests_and_sessions_cost_no_managed_memory(bool header)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(
            engine,
            [server.EndPoint],
            new TimeoutConfiguration { Idle = TimeSpan.FromMinutes(1) },
            new LimitConfiguration { Connections = 50, PerSource = 50 },
            proxyProtocol: header ? new ProxyProtocolConfiguration { From = [IPNetwork.Parse("127.0.0.1/32")] } : null)
        {
            Header = header ? ProxyHeaderBytes.Relayed(IPEndPoint.Parse("203.0.113.9:50123")) : [],
        };
        await LoadAsync(forwarder); // first calls of methods, growth of the queues

        // A garbage collection in between counts the rest of the thread's allocation buffer as used: such a round does not count. Nor does one in which a
        // queue to the thread that hands sessions over grew, since that thread was late; it does so a few times at most.
        int attempts = 0;
        for (int rounds = 0; rounds < 4;)
        {
            Assert.True(++attempts <= 20, "a garbage collection, or allocations for hand-overs, in too many of 20 attempts");
            int collections = GC.CollectionCount(0);
            long before = Measure(forwarder);
            await LoadAsync(forwarder);
            long allocated = Measure(forwarder) - before;
            if (GC.CollectionCount(0) == collections && (allocated == 0 || !engine.HandsOver))
            {
                rounds++;
                Assert.Equal(0, allocated);
            }
        }
    }

    private static long Measure(ForwarderUnderTest forwarder)
    {
        Task<long> answer = forwarder.AskLoop(0, _ => GC.GetAllocatedBytesForCurrentThread());
        Settle(answer);
        return answer.Result;
    }

    // A loop that acknowledges an order to somebody who waits allocates a little to wake him, and nothing when he has not begun to wait.
    private static void Settle(Task task) => Assert.True(SpinWait.SpinUntil(() => task.IsCompleted, Bound.Wait), "the loop answers");

    private async Task LoadAsync(ForwarderUnderTest forwarder)
    {
        Settle(forwarder.Order(GateMode.Open, 0));
        await RequestsAsync(forwarder);
        if (!engine.HandsOver)
        {
            await BulkAsync(forwarder); // which is the kernel's otherwise
        }

        await forwarder.NoSessionsAsync();
        Settle(forwarder.Order(GateMode.Closed));
        using Socket refused = await forwarder.ConnectAsync();
        await refused.AskAsync();
        Settle(forwarder.Order(GateMode.Park));
        using Socket parked = await forwarder.ConnectAndParkAsync();
        Settle(forwarder.Order(GateMode.Open, 0));
        await parked.SendAllAsync("x");
        await parked.ReadBytesAsync(1);
        parked.Reset();
        await forwarder.NoSessionsAsync();
        while (forwarder.Forwarder.Journal.TryRead(out _))
        {
        }
    }

    private static async Task RequestsAsync(ForwarderUnderTest forwarder)
    {
        for (int i = 0; i < 100; i++)
        {
            using Socket client = await forwarder.ConnectAsync();
            for (int request = 0; request < 10; request++)
            {
                await client.SendAllAsync("PING");
                await client.ReadBytesAsync(4);
            }
        }
    }

    /// <summary>Splice, back-pressure, blocks and pipes.</summary>
    private static async Task BulkAsync(ForwarderUnderTest forwarder)
    {
        using Socket client = await forwarder.ConnectAsync();
        Task<byte[]> reading = client.ReadBytesAsync(5_000_000);
        for (int sent = 0; sent < 5_000_000;)
        {
            sent += await client.SendAsync(Content.At(1, sent, Math.Min(100_000, 5_000_000 - sent)));
        }

        Content.AssertAt(1, 0, await reading);
    }
}

[Collection("Alone")] // other tests would cause collections
public sealed class EpollAllocationTests() : AllocationTests(ForwardingEngine.Epoll);

[Collection("Alone")] // other tests would cause collections
public sealed class UringAllocationTests() : AllocationTests(ForwardingEngine.IoUring);

[Trait("Needs", "root")]
[Collection("Alone")] // other tests would cause collections
public sealed class HandedOverAllocationTests() : AllocationTests(EngineUnderTest.HandingOver);
