// The proxy's sessions with a real helper: its own process with the rights, in the proxy's network namespace.

using System.Diagnostics;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed partial class HandOverSessionTests(Xunit.Abstractions.ITestOutputHelper output) : IAsyncLifetime, IAsyncDisposable
{
    private const int AtATime = 24;
    private const int Sessions = 96;

    private readonly WorkDirectory _directory = new();
    private readonly List<SessionRecord> _records = [];
    private ThreeMachines _machines = null!;
    private Socket _listener = null!;
    private RedisNode _node = null!;
    private ChildProcess? _helper;
    private ProxyConfiguration _configuration = null!;
    private DataPlane? _plane;
    private long _generation;

    public static TheoryData<ForwardingEngine> Engines => [ForwardingEngine.Epoll, ForwardingEngine.IoUring];

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task No_byte_is_wrong_or_missing_when_sessions_are_handed_over(ForwardingEngine engine)
    {
        await StartAsync(engine);
        var nodeSide = new NodeSide(_listener, Exchange.RunNodeAsync);
        await Parallel.ForEachAsync(Enumerable.Range(1, Sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (seed, cancelled) =>
        {
            Exchange exchange = Exchange.Random(seed, resets: seed % 3 != 0) with { RestMilliseconds = seed % 3 == 0 ? 0 : 250 };
            using Socket client = await ConnectAsync();
            await exchange.RunClientAsync(client).WaitAsync(TimeSpan.FromSeconds(60), cancelled);
        });
        await Task.WhenAll(nodeSide.Sessions).WaitAsync(Bound.Wait);
        await RecordsAsync(Sessions);
        Assert.Equal(Sessions, _records.Count);
        Assert.All(_records, record => Assert.True(record.End is SessionEnd.ClientClosed or SessionEnd.ServerClosed, $"{record.End}"));
        ForwarderSnapshot snapshot = _plane!.Snapshot();
        Assert.True(snapshot.HandOver!.Value.Taken > Sessions / 12, $"of {Sessions} sessions: {snapshot.HandOver}");
        Assert.Equal(0, snapshot.Sessions);
    }

    // Of such a stream there is always something under way: it is given a moment in which nobody reads it.
    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task A_stream_that_never_rests_is_handed_over(ForwardingEngine engine)
    {
        await StartAsync(engine);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(1);
        using var stop = new CancellationTokenSource();
        Task sending = Task.Run(
            async () =>
            {
                for (byte[] bytes = new byte[256 * 1024]; !stop.IsCancellationRequested;)
                {
                    await sessions[0].Node.SendAllAsync(bytes);
                }

                sessions[0].Node.Shutdown(SocketShutdown.Send);
            },
            CancellationToken.None);
        Task reading = Task.Run(
            async () =>
            {
                for (byte[] bytes = new byte[256 * 1024]; await sessions[0].Client.ReceiveAsync(bytes) > 0;)
                {
                }
            },
            CancellationToken.None);
        await HandedOverAsync(1);
        await stop.CancelAsync();
        await Task.WhenAll(sending, reading).WaitAsync(Bound.Wait);
        Close(sessions);
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task An_order_resets_handed_over_sessions_at_both_ends_and_their_bytes_are_counted(ForwardingEngine engine)
    {
        const int Before = 1000, After = 5000, Answer = 20_000, AtOnce = 50;
        await StartAsync(engine);
        (Socket Client, Socket Node)[] sessions = [];
        while (sessions.Length < HandOverTests.Number("HANDOVER_ORDERED", AtOnce)) // four files each: both ends, and the proxy's place holders
        {
            (Socket Client, Socket Node)[] next = await OpenSessionsAsync(AtOnce);
            sessions = [.. sessions, .. next];
            await SendAsync(next, Before, Answer);
            await HandedOverAsync(sessions.Length);
        }

        await SendAsync(sessions, After, Answer);
        await Eventually.HoldsAsync(
            async () => (await _plane!.ListSessionsAsync()).All(session =>
                session is { State: SessionState.HandedOver, BytesIn: Before + After, BytesOut: 2 * Answer, LocalPort: > 0 } && session.Node == _node),
            () => "bytes are counted while the sessions live");

        Task<SocketError>[] ends = [.. sessions.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(ThreeMachines.EndAsync)];
        long began = Stopwatch.GetTimestamp();
        await _plane!.ApplyAsync(new GateOrder(GateMode.Park, null, ++_generation));
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        output.WriteLine($"{sessions.Length} sessions were reset at both ends within {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F1} ms");
        await RecordsAsync(sessions.Length);
        Assert.All(_records, record => Assert.Equal((SessionEnd.RoleLost, (long)Before + After, 2L * Answer), (record.End, record.BytesIn, record.BytesOut)));
        Close(sessions);
    }

    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task Sessions_of_a_helper_that_is_killed_are_reset_and_new_ones_are_forwarded_without_it(ForwardingEngine engine)
    {
        await StartAsync(engine);
        (Socket Client, Socket Node)[] quiet = await OpenSessionsAsync(10);
        await SendAsync(quiet, 1, 1);
        await HandedOverAsync(quiet.Length);
        (Socket Client, Socket Node)[] used = await OpenSessionsAsync(10);
        await SendAsync(used, 1, 1);
        await HandedOverAsync(quiet.Length + used.Length);
        await SendAsync(used, 100, 100_000);

        Task<SocketError>[] ends = [.. quiet.Concat(used).SelectMany(pair => new[] { pair.Client, pair.Node }).Select(ThreeMachines.EndAsync)];
        long began = Stopwatch.GetTimestamp();
        _helper!.Send(Signal.Kill);
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        output.WriteLine($"reset within {Stopwatch.GetElapsedTime(began).TotalMilliseconds:F1} ms of the kill");
        await RecordsAsync(quiet.Length + used.Length);
        Assert.All(_records, record => Assert.Equal(SessionEnd.Error, record.End));

        (Socket Client, Socket Node)[] next = await OpenSessionsAsync(3);
        await SendAsync(next, 1000, 1000);
        Assert.All(await _plane!.ListSessionsAsync(), session => Assert.Equal(SessionState.Open, session.State));
        Close(quiet, used, next);
    }

    // At the start of a machine, and after a helper's end: its sessions' clients are back before it is.
    [SkippableTheory]
    [MemberData(nameof(Engines))]
    public async Task Sessions_that_were_opened_without_a_helper_are_handed_over_when_it_comes(ForwardingEngine engine)
    {
        const int Bytes = 100_000;
        await StartAsync(engine, withHelper: false);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(20);
        await SendAsync(sessions, 1, Bytes);
        Assert.Equal(0, _plane!.Snapshot().HandOver!.Value.Taken);
        await StartHelperAsync();
        await HandedOverAsync(sessions.Length);
        await SendAsync(sessions, 1, Bytes);
        Assert.Equal(0, _plane!.Snapshot().HandOver!.Value.Refused);
        Close(sessions);
    }

    [SkippableFact]
    public async Task A_silent_session_ends_after_the_idle_time_out_and_a_busy_one_does_not()
    {
        await StartAsync(ForwardingEngine.Auto);
        (Socket Client, Socket Node)[] busy = await OpenSessionsAsync(1);
        using var stop = new CancellationTokenSource();
        Task sending = SendUntilAsync(busy[0], stop.Token);
        (Socket Client, Socket Node)[] silent = await OpenSessionsAsync(5);
        await SendAsync(silent, 1, 1);
        await HandedOverAsync(silent.Length + busy.Length);
        await _plane!.ReconfigureAsync(_configuration with { Timeouts = new TimeoutConfiguration { Idle = TimeSpan.FromSeconds(1) } });
        Task<SocketError>[] ends = [.. silent.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(ThreeMachines.EndAsync)];
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        await RecordsAsync(silent.Length);
        Assert.All(_records, record => Assert.Equal((SessionEnd.Idle, 1L, 1L), (record.End, record.BytesIn, record.BytesOut)));
        Assert.Single(await _plane!.ListSessionsAsync());
        await stop.CancelAsync();
        await sending;
        Close(silent, busy);
    }

    [SkippableFact]
    public async Task An_operator_ends_sessions_at_both_ends()
    {
        await StartAsync(ForwardingEngine.Auto);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(10);
        await SendAsync(sessions, 1, 1);
        await HandedOverAsync(sessions.Length);
        Task<SocketError>[] ends = [.. sessions.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(ThreeMachines.EndAsync)];
        Assert.Equal(sessions.Length, await _plane!.EndSessionsAsync(new SessionFilter { Source = ThreeMachines.ClientAddress }));
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        await RecordsAsync(sessions.Length);
        Assert.All(_records, record => Assert.Equal(SessionEnd.Operator, record.End));
        Close(sessions);
    }

    // A process that is stuck reads and writes nothing; nor must what it has handed over go on without it.
    [SkippableFact]
    public async Task A_helper_that_is_stopped_forwards_nothing_until_it_goes_on()
    {
        await StartAsync(ForwardingEngine.Auto);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(1);
        await SendAsync(sessions, 1, 1);
        await HandedOverAsync(1);
        using var stop = new CancellationTokenSource();
        int heard = 0;
        Task sending = SendUntilAsync(sessions[0], stop.Token, () => Interlocked.Increment(ref heard));
        await Eventually.HoldsAsync(() => Volatile.Read(ref heard) > 2, () => "bytes pass");
        _helper!.Send(Signal.Stop);
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    int before = Volatile.Read(ref heard);
                    await Task.Delay(1000);
                    return before == Volatile.Read(ref heard);
                },
                () => "no byte passes");
        }
        finally
        {
            _helper.Send(Signal.Continue);
        }

        int then = Volatile.Read(ref heard);
        await Eventually.HoldsAsync(() => Volatile.Read(ref heard) > then, () => "bytes pass again");
        await stop.CancelAsync();
        await sending;
        Close(sessions);
    }

    // The order is carried out all the same: by then the kernel forwards nothing of what the helper has not heard of.
    [SkippableFact]
    public async Task An_order_does_not_wait_for_a_helper_that_is_stuck_and_no_byte_passes_after_it()
    {
        await StartAsync(ForwardingEngine.Auto);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(10);
        await SendAsync(sessions, 1, 1);
        await HandedOverAsync(sessions.Length);
        _helper!.Send(Signal.Stop);
        Task<SocketError>[] ends;
        try
        {
            await _plane!.ApplyAsync(new GateOrder(GateMode.Park, null, ++_generation));
            ends = [.. sessions.Select(pair => ThreeMachines.EndAsync(pair.Node))]; // which also fails when a byte comes
            foreach ((Socket client, _) in sessions)
            {
                await client.SendAllAsync(new byte[1]);
            }
        }
        finally
        {
            _helper.Send(Signal.Continue);
        }

        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        await RecordsAsync(sessions.Length);
        Assert.All(_records, record => Assert.Equal(SessionEnd.RoleLost, record.End));
        Close(sessions);
    }

    [SkippableFact]
    public async Task A_proxy_that_ends_leaves_nothing_forwarding()
    {
        await StartAsync(ForwardingEngine.Epoll);
        (Socket Client, Socket Node)[] sessions = await OpenSessionsAsync(10);
        await SendAsync(sessions, 1, 1);
        await HandedOverAsync(sessions.Length);
        await SendAsync(sessions, 100, 100_000);
        Task<SocketError>[] ends = [.. sessions.SelectMany(pair => new[] { pair.Client, pair.Node }).Select(ThreeMachines.EndAsync)];
        await _plane!.DisposeAsync();
        _plane = null;
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        Close(sessions);
    }
}
