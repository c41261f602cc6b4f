// What probes cost when all is well: no memory, and few wake-ups of their thread.

using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class SteadyProbeTests : IAsyncDisposable
{
    private const int Servers = 6;

    private readonly PlainServer[] _servers = [.. Enumerable.Range(0, Servers).Select(_ => new PlainServer(AnswerAsync))];
    private readonly ReactorThread _reactor = new("probes", TimeProvider.System);
    private readonly CancellationTokenSource _stop = new();
    private readonly Sink _sink = new();

    [Fact]
    public async Task A_question_and_its_answer_cost_no_managed_memory()
    {
        Task run = Run(TimeSpan.FromMilliseconds(10));
        await RoundsAsync(20); // first calls, growth of the queues
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 10 && least > 0; attempt++)
        {
            // Asking allocates on this thread, not on that one.
            long before = await AllocatedAsync();
            await RoundsAsync(10);
            least = Math.Min(least, await AllocatedAsync() - before);
        }

        // Of each measurement itself, a little; a garbage collection in between counts more, which is why the least counts.
        Assert.InRange(least, 0, 500);
        await EndAsync(run);
    }

    [Fact]
    public async Task Questions_of_all_servers_go_out_together_and_their_answers_are_taken_together()
    {
        const int Rounds = 5;
        Task run = Run(TimeSpan.FromMilliseconds(100));
        await RoundsAsync(2);
        long least = long.MaxValue;
        // On a busy machine an answer may be late, and is taken by itself; then a round costs one wake-up more. Each probe by itself would
        // cost three for a question: its timer, and its answer, which is gathered. The best of several attempts counts.
        for (int attempt = 0; attempt < 6 && least > Rounds * (Servers + 3); attempt++)
        {
            long before = _reactor.WakeUps;
            await RoundsAsync(Rounds);
            least = Math.Min(least, _reactor.WakeUps - before);
        }

        Assert.InRange(least, Rounds * 2, Rounds * (Servers + 3));
        await EndAsync(run);
    }

    [Fact]
    public async Task A_defect_in_one_probe_ends_all_of_the_set()
    {
        _sink.ThrowsFor = 3;
        Task run = Run(TimeSpan.FromMilliseconds(50));
        InvalidTimeZoneException e = await Assert.ThrowsAsync<InvalidTimeZoneException>(() => run.WaitAsync(Bound.Wait));
        Assert.Equal("defect", e.Message);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _reactor.Dispose();
        _stop.Dispose();
        foreach (PlainServer server in _servers)
        {
            await server.DisposeAsync();
        }
    }

    private static async Task AnswerAsync(Socket socket)
    {
        byte[] greeting = Encoding.ASCII.GetBytes("$14\r\nrun_id:abcdef\n\r\n");
        byte[] answer = Encoding.ASCII.GetBytes("+PONG\r\n*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n$14\r\nrole:master\r\nx\r\n");
        byte[] state = [.. answer, .. "$2\r\nx\n\r\n$2\r\nx\n\r\n$2\r\nx\n\r\n"u8];
        byte[] buffer = new byte[1024];
        for (int n; (n = await socket.ReceiveAsync(buffer)) > 0;)
        {
            await socket.SendAllAsync(buffer.AsSpan(0, n).IndexOf("memory"u8) >= 0 ? state : buffer.AsSpan(0, n).IndexOf("ROLE"u8) >= 0 ? answer : greeting);
        }
    }

    private Task Run(TimeSpan interval)
    {
        _reactor.Start();
        var configuration = new ProxyConfiguration
        {
            Listen = [],
            Redis = new RedisConfiguration { Nodes = [.. _servers.Select((s, i) => new RedisNode($"redis{i}", s.EndPoint))], ProbeInterval = interval },
        };
        var probes = new ProbeSet(configuration, new NodeDirectory(configuration.Redis.Nodes), _sink, _reactor, new MonotonicClock(_reactor.Clock));
        return _reactor.InvokeAsync(() => probes.RunAsync(_stop.Token));
    }

    private async Task EndAsync(Task run)
    {
        await _stop.CancelAsync();
        await run.WaitAsync(Bound.Wait);
    }

    private async Task RoundsAsync(int rounds)
    {
        long until = _sink.Answers + (rounds * Servers);
        await Eventually.HoldsAsync(() => _sink.Answers >= until, () => $"{until} answers; {_sink.Answers}");
    }

    private async Task<long> AllocatedAsync()
    {
        var bytes = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        _reactor.Post(static result => ((TaskCompletionSource<long>)result!).SetResult(GC.GetAllocatedBytesForCurrentThread()), bytes);
        return await bytes.Task;
    }

    private sealed class Sink : IReportSink
    {
        private long _answers;

        public long Answers => Interlocked.Read(ref _answers);

        public int ThrowsFor { get; set; } = -1;

        public void Report(in NodeReport report)
        {
            if (report.Node == ThrowsFor)
            {
                throw new InvalidTimeZoneException("defect");
            }

            Interlocked.Increment(ref _answers);
        }

        public void Report(in SentinelReport report)
        {
        }

        public void Report(in PromotionNotice notice)
        {
        }

        public void Hint()
        {
        }
    }
}
