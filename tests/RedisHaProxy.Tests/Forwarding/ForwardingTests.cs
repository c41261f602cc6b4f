// Bytes, half-closes and resets through an open gate.

using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class ForwardingTests(EngineUnderTest engine)
{
    [SkippableTheory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Bytes_go_there_and_back(int loops)
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server, loops: loops);
        for (int i = 0; i < 20; i++)
        {
            using Socket client = await forwarder.ConnectAsync();
            await client.SendAllAsync($"hello {i:00}");
            Assert.Equal($"hello {i:00}", await client.ReadTextAsync(8));
        }

        await forwarder.NoSessionsAsync();
        ForwarderSnapshot snapshot = forwarder.Forwarder.Snapshot();
        Assert.Equal(160, snapshot.BytesIn);
        Assert.Equal(160, snapshot.BytesOut);
        Assert.Equal(20, snapshot.SessionsTotal);
        Assert.Equal(20, snapshot.Nodes[0].SessionsTotal);
        Assert.Equal(20, snapshot.Ends[(int)SessionEnd.ClientClosed]);
        Assert.Equal(0, snapshot.Nodes[0].Sessions);
    }

    [SkippableFact]
    public async Task The_record_of_a_session_tells_its_story()
    {
        await using var server = PlainServer.Echo();
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        Socket client = await forwarder.ConnectAsync();
        string clientAddress = client.LocalEndPoint!.ToString()!;
        await client.SendAllAsync("12345");
        await client.ReadTextAsync(5);
        client.Dispose();
        SessionRecord record = (await forwarder.RecordsAsync(1))[0];
        Assert.Equal(clientAddress, record.Client.ToString());
        Assert.Equal("redis1", record.Node!.Name);
        Assert.Equal(5, record.BytesIn);
        Assert.Equal(5, record.BytesOut);
        Assert.Equal(SessionEnd.ClientClosed, record.End);
        Assert.InRange(record.Accepted, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow);
        Assert.InRange(record.ConnectedAfterMilliseconds!.Value, 0, record.EndedAfterMilliseconds);
    }

    [SkippableFact]
    public async Task A_client_that_has_closed_its_direction_still_gets_the_answer()
    {
        await using var server = new PlainServer(async socket =>
        {
            string all = await socket.ReadToEndAsync();
            await socket.SendAllAsync($"got {all.Length}");
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("question");
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("got 8", await client.ReadToEndAsync());
        Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task A_server_that_has_closed_its_direction_still_gets_the_clients_bytes()
    {
        var received = new TaskCompletionSource<string>();
        await using var server = new PlainServer(async socket =>
        {
            await socket.SendAllAsync("bye");
            socket.Shutdown(SocketShutdown.Send);
            received.SetResult(await socket.ReadToEndAsync());
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        Assert.Equal("bye", await client.ReadToEndAsync());
        await client.SendAllAsync("last words");
        client.Shutdown(SocketShutdown.Send);
        Assert.Equal("last words", await received.Task.WaitAsync(Bound.Wait));
        Assert.Equal(SessionEnd.ServerClosed, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task A_reset_by_the_client_resets_the_server()
    {
        var reset = new TaskCompletionSource<SocketError>();
        await using var server = new PlainServer(async socket =>
        {
            try
            {
                await socket.SendAllAsync("x");
                await socket.ReadToEndAsync();
                reset.SetResult(SocketError.Success);
            }
            catch (SocketException e)
            {
                reset.SetResult(e.SocketErrorCode);
            }
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        Socket client = await forwarder.ConnectAsync();
        await client.ReadTextAsync(1);
        client.Reset();
        Assert.Equal(SocketError.ConnectionReset, await reset.Task.WaitAsync(Bound.Wait));
        Assert.Equal(SessionEnd.ClientClosed, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task A_reset_by_the_server_resets_the_client()
    {
        await using var server = new PlainServer(async socket =>
        {
            await socket.ReceiveAsync(new byte[1]);
            socket.Reset();
        });
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync("x");
        await client.AssertResetAsync();
        Assert.Equal(SessionEnd.ServerClosed, (await forwarder.RecordsAsync(1))[0].End);
    }

    [SkippableFact]
    public async Task The_last_words_of_a_server_that_closes_without_reading_arrive()
    {
        // As Redis does with maxclients: an error, then close, while the client's first command is on its way.
        await using var server = new PlainServer(socket => socket.SendAllAsync("-ERR no\r\n"));
        await using var forwarder = await ForwarderUnderTest.OpenAsync(engine, server);
        for (int i = 0; i < 50; i++)
        {
            using Socket client = await forwarder.ConnectAsync();
            await client.SendAllAsync("PING\r\n");
            Assert.Equal("-ERR no\r\n", await client.ReadTextAsync(9));
        }
    }
}

public sealed class EpollForwardingTests() : ForwardingTests(ForwardingEngine.Epoll);

public sealed class UringForwardingTests() : ForwardingTests(ForwardingEngine.IoUring);

[Trait("Needs", "root")]
public sealed class HandedOverForwardingTests() : ForwardingTests(EngineUnderTest.HandingOver);
