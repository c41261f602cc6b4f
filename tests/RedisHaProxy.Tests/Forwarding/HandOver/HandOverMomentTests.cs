// When a session is handed over: not before it has done something, and not so late that what it costs here is seen.

using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class HandOverMomentTests
{
    private const int Never = 3_600_000; // milliseconds, beside a test

    public static TheoryData<ForwardingEngine> Engines => [ForwardingEngine.Epoll, ForwardingEngine.IoUring];

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task A_session_that_asks_a_few_times_is_not_handed_over_and_one_that_goes_on_is(ForwardingEngine engine)
    {
        await using var server = PlainServer.Echo();
        await using ForwarderUnderTest forwarder = await OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await AskAsync(client, 20);
        Assert.Equal(SessionState.Open, Assert.Single(await forwarder.Forwarder.ListSessionsAsync()).State);
        Assert.Equal(0, Taken(forwarder));

        await AskAsync(client, 20);
        await Eventually.HoldsAsync(() => Taken(forwarder) == 1, () => "forty requests are enough");
        await AskAsync(client, 20);
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task A_session_that_has_moved_some_bytes_is_handed_over(ForwardingEngine engine)
    {
        await using var server = PlainServer.Echo();
        await using ForwarderUnderTest forwarder = await OpenAsync(engine, server);
        using Socket client = await forwarder.ConnectAsync();
        await client.SendAllAsync(new byte[12_000]);
        await ThreeMachines.ReadAsync(client, 12_000);
        await Eventually.HoldsAsync(() => Taken(forwarder) == 1, () => "24 kB are enough");
        await AskAsync(client, 20);
    }

    private static async Task<ForwarderUnderTest> OpenAsync(ForwardingEngine engine, PlainServer server)
    {
        var forwarder = new ForwarderUnderTest(new EngineUnderTest(engine, HandsOver: true), [server.EndPoint], handOverMilliseconds: Never);
        await forwarder.OrderAsync(GateMode.Open, 0);
        return forwarder;
    }

    private static long Taken(ForwarderUnderTest forwarder) => forwarder.Forwarder.Snapshot().HandOver!.Value.Taken;

    private static async Task AskAsync(Socket client, int times)
    {
        for (int i = 0; i < times; i++)
        {
            await client.SendAllAsync(new byte[1]);
            await ThreeMachines.ReadAsync(client, 1);
        }
    }
}
