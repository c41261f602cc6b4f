// The property that matters: whatever the sizes of writes and reads, whoever half-closes or resets and when, each side reads
// exactly what the other sent, or, after a reset, a beginning of it; and every session ends.

using System.Net.Sockets;
using CsCheck;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class StreamPropertyTests(ForwardingEngine engine)
{
    /// <summary>How one side behaves.</summary>
    /// <param name="Total">Bytes it sends.</param>
    /// <param name="WriteSize">Largest write.</param>
    /// <param name="ReadSize">Largest read.</param>
    /// <param name="ReadPause">Every so many reads it waits a millisecond; 0 never.</param>
    /// <param name="SmallBuffers">
    /// Socket buffers of 32 KB, which make every wait for room happen often. (With less, a direct connection over loopback
    /// needs many seconds for a few megabytes: a segment there is as large as the window.)
    /// </param>
    /// <param name="ResetAt">Resets after this many bytes sent; null ends by FIN.</param>
    public sealed record Side(int Total, int WriteSize, int ReadSize, int ReadPause, bool SmallBuffers, int? ResetAt);

    private sealed record Outcome(long Received, bool Reset);

    private static readonly Gen<int> GenTotal = Gen.Frequency(
        (1, Gen.Const(0)), (4, Gen.Int[1, 2000]), (4, Gen.Int[2000, 200_000]), (3, Gen.Int[200_000, 4_000_000]));

    private static readonly Gen<int> GenSize = Gen.Frequency((1, Gen.Int[1, 100]), (3, Gen.Int[100, 20_000]), (3, Gen.Int[20_000, 300_000]));

    private static readonly Gen<Side> GenSide =
        from total in GenTotal
        from write in GenSize
        from read in GenSize
        from pause in Gen.Frequency((3, Gen.Const(0)), (1, Gen.Int[1, 20]))
        from small in Gen.Frequency((3, Gen.Const(false)), (1, Gen.Const(true)))
        from resets in Gen.Frequency((3, Gen.Const(false)), (1, Gen.Const(true)))
        from at in Gen.Int[0, total]
        let least = Math.Max(1, total / 300) // tiny writes of large streams would only take long
        select new Side(total, Math.Max(write, least), Math.Max(read, 2000), pause, small, resets ? at : null);

    [SkippableTheory]
    [InlineData(1, 16)]
    [InlineData(2, 16)]
    [InlineData(1, 1)]
    public async Task Each_side_reads_what_the_other_sent(int loops, int readsPerTurn)
    {
        var waiting = new System.Collections.Concurrent.ConcurrentDictionary<string, TaskCompletionSource<Socket>>();
        await using var server = new PlainServer(async socket =>
        {
            // The first 4 bytes say to which case the connection belongs.
            string key = await socket.ReadTextAsync(4);
            waiting[key].SetResult(socket);
            await new TaskCompletionSource().Task; // the case closes it
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, loops: loops);
        for (int loop = 0; loop < loops; loop++)
        {
            await forwarder.AskLoopAsync(loop, each => each.ReadsPerTurn = readsPerTurn);
        }

        int number = 0;
        await Gen.Select(GenSide, GenSide).SampleAsync(
            async (clientSide, serverSide) =>
            {
                string key = $"{Interlocked.Increment(ref number):0000}";
                waiting[key] = new TaskCompletionSource<Socket>();
                Socket client = await forwarder.ConnectAsync();
                await client.SendAllAsync(key);
                Socket node = await waiting[key].Task.WaitAsync(Bound.Wait);
                Task<Outcome> atClient = RunAsync(client, clientSide, 1, serverSide.Total, 2);
                Task<Outcome> atServer = RunAsync(node, serverSide, 2, clientSide.Total, 1);
                Task<Outcome[]> both = Task.WhenAll(atClient, atServer);
                if (await Task.WhenAny(both, Task.Delay(Bound.Wait)) != both)
                {
                    string address = client.LocalEndPoint!.ToString()!;
                    SessionInfo stuck = (await forwarder.Forwarder.ListSessionsAsync()).FirstOrDefault(session => session.Client.ToString() == address);
                    Assert.Fail($"client at end: {atClient.IsCompleted}, server at end: {atServer.IsCompleted}, session: {stuck}");
                }

                Outcome[] outcomes = await both;
                if (clientSide.ResetAt is null && serverSide.ResetAt is null)
                {
                    Assert.Equal(new Outcome(serverSide.Total, false), outcomes[0]);
                    Assert.Equal(new Outcome(clientSide.Total, false), outcomes[1]);
                }

                if (clientSide.ResetAt is null != serverSide.ResetAt is null)
                {
                    // A stream that was cut must not look as if it had ended.
                    Assert.True(outcomes[clientSide.ResetAt is null ? 0 : 1].Reset, "a reset arrived as an orderly end");
                }

                client.Dispose();
                node.Dispose();
            },
            iter: 250,
            threads: 4);
        await forwarder.NoSessionsAsync();
        ForwarderSnapshot snapshot = forwarder.Forwarder.Snapshot();
        Assert.Equal(number, snapshot.SessionsTotal);
        Assert.Equal(number, snapshot.Ends[(int)SessionEnd.ClientClosed] + snapshot.Ends[(int)SessionEnd.ServerClosed]);
        Assert.Equal(0, snapshot.Nodes[0].Sessions);
        for (int loop = 0; loop < loops; loop++)
        {
            Assert.Equal(0, await forwarder.AskLoopAsync(loop, each => each.HeldBytes()));
        }
    }

    private static async Task<Outcome> RunAsync(Socket socket, Side side, int sends, int peerTotal, int receives)
    {
        if (side.SmallBuffers)
        {
            socket.SendBufferSize = 32 * 1024;
            socket.ReceiveBufferSize = 32 * 1024;
        }

        // The kernel tells of a reset only once: to the write or to the read.
        Task<bool> writing = WriteAsync(socket, side, sends);
        Outcome outcome = await ReadAsync(socket, side, peerTotal, receives);
        return outcome with { Reset = outcome.Reset | await writing };
    }

    /// <summary>True when the other side had reset the connection.</summary>
    private static async Task<bool> WriteAsync(Socket socket, Side side, int stream)
    {
        try
        {
            int end = side.ResetAt ?? side.Total;
            for (int sent = 0; sent < end;)
            {
                sent += await socket.SendAsync(Content.At(stream, sent, Math.Min(side.WriteSize, end - sent)));
            }

            if (side.ResetAt is null)
            {
                socket.Shutdown(SocketShutdown.Send);
            }
            else
            {
                socket.Reset();
            }

            return false;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return true;
        }
    }

    private static async Task<Outcome> ReadAsync(Socket socket, Side side, int peerTotal, int stream)
    {
        var buffer = new byte[side.ReadSize];
        long received = 0;
        try
        {
            for (int reads = 1; ; reads++)
            {
                int length = await socket.ReceiveAsync(buffer);
                if (length == 0)
                {
                    return new Outcome(received, false);
                }

                Content.AssertAt(stream, received, buffer.AsSpan(0, length));
                received += length;
                Assert.True(received <= peerTotal, "more was read than sent");
                if (side.ReadPause > 0 && reads % side.ReadPause == 0 && reads < 500)
                {
                    await Task.Delay(1);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return new Outcome(received, true);
        }
    }
}

public sealed class EpollStreamPropertyTests() : StreamPropertyTests(ForwardingEngine.Epoll);

public sealed class UringStreamPropertyTests() : StreamPropertyTests(ForwardingEngine.IoUring);
