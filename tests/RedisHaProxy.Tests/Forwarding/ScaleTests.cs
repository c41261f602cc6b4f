// Thousands of connections, and too few descriptors for them. These tests use most of the files that the process may open, so
// they run while no other test does.

using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Forwarding;

[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class AloneDefinition;

public abstract class ScaleTests(ForwardingEngine engine)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData(GateMode.Open)]
    [InlineData(GateMode.Park)]
    public async Task A_storm_of_5000_connections_is_served(GateMode atFirst)
    {
        const int Clients = 5000;
        Need((1 + HandOver.HandingOver.FilesPerSession) * Clients);
        await using RedisProcess redis = await StartRedisAsync(Clients);
        await using var forwarder = new ForwarderUnderTest(engine, [redis.EndPoint], new TimeoutConfiguration { Park = Patience, Connect = Patience });
        await forwarder.OrderAsync(atFirst, 0);
        int open = OpenFiles();
        Socket[] clients = await forwarder.ConnectAsync(Clients);
        await Task.WhenAll(clients.Select(client => client.SendAllAsync("PING\r\n")));
        if (atFirst == GateMode.Park)
        {
            await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().Parked == Clients, () => "all are parked");
            await forwarder.OrderAsync(GateMode.Open, 0);
        }

        foreach (Socket client in clients)
        {
            Assert.Equal("+PONG\r\n", await client.ReadTextAsync(7));
        }

        ForwarderSnapshot snapshot = forwarder.Forwarder.Snapshot();
        Assert.Equal((Clients, Clients, 0), (snapshot.Sessions, snapshot.SessionsMax, snapshot.Parked));
        Assert.Equal(0, snapshot.Nodes[0].ConnectFailures);
        foreach (Socket client in clients)
        {
            client.Dispose();
        }

        await forwarder.NoSessionsAsync();
        Assert.Equal(Clients, forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.ClientClosed]);
        await Eventually.HoldsAsync(() => OpenFiles() <= open + 5, () => $"no descriptor leaks: {OpenFiles()} open, {open} before");
    }

    [SkippableFact]
    public async Task Ten_thousand_idle_connections_disturb_nobody()
    {
        // Two descriptors each in this process, and the other tests' files; with a hard limit of 20,000 there are fewer.
        int idle = (int)Math.Min(10_000, (FileDescriptorLimit.RaiseToHardLimit() - 1500) / HandOver.HandingOver.FilesPerSession);
        Skip.If(idle < 4500, $"the hard limit of open files (ulimit -Hn) allows only {idle}");
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess redis = await StartRedisAsync(idle + 1);
        await using var forwarder = new ForwarderUnderTest(engine, [redis.EndPoint], limits: new LimitConfiguration { Connections = idle + 1 });
        await forwarder.OrderAsync(GateMode.Open, 0);
        var start = new ProcessStartInfo("redis-benchmark", $"-p {forwarder.Forwarder.ListenEndPoints[0].Port} -I -c {idle}")
        {
            RedirectStandardOutput = true,
        };
        using Process clients = Process.Start(start)!;
        try
        {
            await Eventually.HoldsAsync(
                () => forwarder.Forwarder.Snapshot().Nodes[0].Sessions == idle,
                () => $"{idle} are connected: {forwarder.Forwarder.Snapshot().Nodes[0].Sessions}",
                Patience);
            Assert.Equal(0, await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
            using Socket busy = await forwarder.ConnectAsync();
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 4 && least > 1000; attempt++)
            {
                // A garbage collection in between counts the rest of the thread's buffer as used, which is why the least counts.
                long before = await forwarder.AskLoopAsync(0, _ => GC.GetAllocatedBytesForCurrentThread());
                for (int i = 0; i < 1000; i++)
                {
                    await busy.SendAllAsync("PING\r\n");
                    Assert.Equal("+PONG\r\n", await busy.ReadTextAsync(7));
                }

                least = Math.Min(least, await forwarder.AskLoopAsync(0, _ => GC.GetAllocatedBytesForCurrentThread()) - before);
            }

            Assert.InRange(least, 0, 1000);
            Assert.Equal(idle + 1, (await forwarder.Forwarder.ListSessionsAsync()).Count);
            await forwarder.OrderAsync(GateMode.Park);
            Assert.Equal(idle + 1, forwarder.Forwarder.Snapshot().Ends[(int)SessionEnd.RoleLost]);
            await busy.AssertResetAsync();
        }
        finally
        {
            clients.Kill();
        }
    }

    [SkippableFact]
    public async Task A_proxy_with_few_descriptors_serves_fewer_clients_and_keeps_answering_the_operator()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Installed.Missing("prlimit") is { } missing, "prlimit (util-linux) is not installed");
        const int Files = 640;
        const int Clients = 400; // more than there are places for refused ones
        int fits = FileDescriptorLimit.ConnectionsFor(Files);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync();
        await using RunningProxy proxy = await RunningProxy.StartAsync(deployment, change: Hosting.ProxyProcess.Limited($"--nofile={Files}:{Files}"),
            further: engine == ForwardingEngine.IoUring ? "\"engine\": \"io_uring\"," : "\"engine\": \"epoll\",");
        await proxy.LogsAsync(engine == ForwardingEngine.IoUring ? "Engine: io_uring" : "Engine: epoll");
        await proxy.LogsAsync($"limits.connections is lowered from 1000 to {fits}");
        await Eventually.HoldsAsync(
            async () =>
            {
                using RespConnection probe = await proxy.ConnectAsync();
                return (string?)await probe.CommandAsync("PING") == "PONG";
            },
            () => "the proxy routes");

        var clients = new List<Socket>();
        var answers = new Dictionary<string, int>();
        for (int i = 0; i < Clients; i++)
        {
            var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            clients.Add(client);
            await client.ConnectAsync(proxy.EndPoint);
            await client.SendAllAsync("PING\r\n");
            string answer = await client.ReadTextAsync(7);
            answers[answer] = answers.GetValueOrDefault(answer) + 1;
        }

        Assert.Equal(fits, answers["+PONG\r\n"]);
        Assert.Equal(Clients - fits, answers["-ERR ma"]);
        Assert.Equal(System.Net.HttpStatusCode.OK, await proxy.StatusAsync("healthz"));
        clients.ForEach(client => client.Dispose());
        await Eventually.HoldsAsync(
            async () =>
            {
                using RespConnection again = await proxy.ConnectAsync();
                return (string?)await again.CommandAsync("PING") == "PONG";
            },
            () => "there is room again");
    }

    [SkippableFact]
    public async Task Exhausted_descriptors_pause_accepting_are_logged_once_and_everybody_is_served_in_the_end()
    {
        const int Clients = 40;
        var log = new RecordingLogger();
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest(
            engine, [server.EndPoint], limits: new LimitConfiguration { Connections = 1000 }, loggerFactory: log);
        await forwarder.OrderAsync(GateMode.Open, 0);
        int told = log.Count(LogLevel.Information);
        int attempts = 0;
        await forwarder.AskLoopAsync(0, loop => loop.AcceptFault = () =>
        {
            Interlocked.Increment(ref attempts);
            return LibC.EMFILE;
        });
        long start = Environment.TickCount64;
        Socket[] clients = await forwarder.ConnectAsync(Clients); // into the backlog
        await Eventually.HoldsAsync(() => Volatile.Read(ref attempts) >= 5, () => "the loop tries again");
        Assert.InRange(Environment.TickCount64 - start, 350, 20_000); // but rests in between
        Assert.Equal(0, forwarder.Forwarder.Snapshot().Sessions);
        await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().StalledMilliseconds < 1000, () => "the loop runs");

        await forwarder.AskLoopAsync(0, loop => loop.AcceptFault = null);
        foreach (Socket client in clients)
        {
            await client.SendAllAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
            client.Dispose();
        }

        await Eventually.HoldsAsync(() => log.Count(LogLevel.Warning) == 2, () => "the recovery is logged, as loud as the beginning");
        Assert.Equal(told, log.Count(LogLevel.Information));
    }

    private static void Need(int files)
    {
        long limit = FileDescriptorLimit.RaiseToHardLimit();
        Skip.If(limit < files + 1000, $"needs {files + 1000} open files; the hard limit here is {limit} (ulimit -Hn)");
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
    }

    private static Task<RedisProcess> StartRedisAsync(int clients) =>
        RedisProcess.StartServerAsync([$"maxclients {clients + 100}", "tcp-backlog 511"]);

    private static int OpenFiles() => Directory.GetFiles("/proc/self/fd").Length;

    private sealed class RecordingLogger : ILoggerFactory, ILogger
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<LogLevel> _levels = new();

        public int Count(LogLevel level) => _levels.Count(each => each == level);

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public ILogger CreateLogger(string categoryName) => this;

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _levels.Enqueue(logLevel);
    }
}

[Collection("Alone")]
public sealed class EpollScaleTests() : ScaleTests(ForwardingEngine.Epoll);

[Collection("Alone")]
public sealed class UringScaleTests() : ScaleTests(ForwardingEngine.IoUring);
