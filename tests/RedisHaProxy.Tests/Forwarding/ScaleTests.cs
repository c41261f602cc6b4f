// Thousands of connections, and too few descriptors for them. These tests use most of the process's open files, or change their
// limit, so they run while no other test does.

using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

[CollectionDefinition("Alone", DisableParallelization = true)]
public sealed class AloneDefinition;

[Collection("Alone")]
public sealed class ScaleTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [SkippableTheory]
    [InlineData(GateMode.Open)]
    [InlineData(GateMode.Park)]
    public async Task A_storm_of_5000_connections_is_served(GateMode atFirst)
    {
        const int Clients = 5000;
        Need(3 * Clients);
        await using RedisProcess redis = await StartRedisAsync(Clients);
        await using var forwarder = new ForwarderUnderTest([redis.EndPoint], new TimeoutConfiguration { Park = Patience });
        await forwarder.OrderAsync(atFirst, 0);
        int open = OpenFiles();
        Socket[] clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => forwarder.ConnectAsync()));
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
        int idle = (int)Math.Min(10_000, (FileDescriptorLimit.RaiseToHardLimit() - 1500) / 2);
        Skip.If(idle < 5000, $"the hard limit of open files (ulimit -Hn) allows only {idle}");
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess redis = await StartRedisAsync(idle + 1);
        await using var forwarder = new ForwarderUnderTest([redis.EndPoint], limits: new LimitConfiguration { Connections = idle + 1 });
        await forwarder.OrderAsync(GateMode.Open, 0);
        using var clients = Process.Start(new ProcessStartInfo(
            "redis-benchmark", $"-p {forwarder.Forwarder.ListenEndPoints[0].Port} -I -c {idle}") { RedirectStandardOutput = true })!;
        try
        {
            await Eventually.HoldsAsync(
                () => forwarder.Forwarder.Snapshot().Nodes[0].Sessions == idle,
                () => $"{idle} are connected: {forwarder.Forwarder.Snapshot().Nodes[0].Sessions}",
                Patience);
            Assert.Equal(0, await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
            long before = await forwarder.AskLoopAsync(0, _ => GC.GetAllocatedBytesForCurrentThread());

            using Socket busy = await forwarder.ConnectAsync();
            for (int i = 0; i < 1000; i++)
            {
                await busy.SendAllAsync("PING\r\n");
                Assert.Equal("+PONG\r\n", await busy.ReadTextAsync(7));
            }

            Assert.InRange(await forwarder.AskLoopAsync(0, _ => GC.GetAllocatedBytesForCurrentThread()) - before, 0, 1000);
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

    [Fact]
    public async Task Exhausted_descriptors_pause_accepting_are_logged_once_and_everybody_is_served_in_the_end()
    {
        const int Clients = 40;
        var log = new RecordingLogger();
        await using var server = PlainServer.Echo();
        await using var forwarder = new ForwarderUnderTest([server.EndPoint], new TimeoutConfiguration { Park = Patience }, new LimitConfiguration { Connections = 1000 }, loggerFactory: log);
        await forwarder.OrderAsync(GateMode.Open, 0);
        Socket[] clients = [.. Enumerable.Range(0, Clients).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))];
        using (new ScarceFiles(free: 12))
        {
            foreach (Socket client in clients)
            {
                await client.ConnectAsync(forwarder.Forwarder.ListenEndPoints[0]).WaitAsync(Bound.Wait); // into the backlog
            }

            await Eventually.HoldsAsync(() => log.Count(LogLevel.Warning) == 1, () => "the exhaustion is logged");
            int accepted = (int)forwarder.Forwarder.Snapshot().SessionsTotal;
            Assert.InRange(accepted, 1, Clients - 1);

            // The loop rests and tries again, ten times a second, and does not say it again.
            await Eventually.HoldsAsync(() => forwarder.Forwarder.Snapshot().StalledMilliseconds < 200, () => "the loop goes round");
            Assert.Equal(1, log.Count(LogLevel.Warning));
        }

        foreach (Socket client in clients)
        {
            await client.SendAllAsync("hello");
            Assert.Equal("hello", await client.ReadTextAsync(5));
            client.Dispose();
        }

        await Eventually.HoldsAsync(() => log.Count(LogLevel.Information) == 1, () => "the recovery is logged");
        Assert.Equal(1, log.Count(LogLevel.Warning));
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

    /// <summary>Leaves the process only so many descriptors until disposed.</summary>
    private sealed unsafe class ScarceFiles : IDisposable
    {
        private readonly List<SafeFileHandle> _fillers = [];
        private readonly ulong _before;

        public ScarceFiles(int free)
        {
            // Up to the highest descriptor in use there are gaps: filled, so that exactly the last few are free.
            int highest = Directory.GetFiles("/proc/self/fd").Max(path => int.Parse(Path.GetFileName(path), System.Globalization.CultureInfo.InvariantCulture));
            _before = Limit((ulong)highest + (ulong)free + 1);
            try
            {
                while (true)
                {
                    _fillers.Add(File.OpenHandle("/dev/null"));
                }
            }
            catch (IOException)
            {
                _fillers[^free..].ForEach(filler => filler.Dispose());
            }
        }

        public void Dispose()
        {
            Limit(_before);
            _fillers.ForEach(filler => filler.Dispose());
        }

        private static ulong Limit(ulong soft)
        {
            ulong* values = stackalloc ulong[2];
            Assert.Equal(0, LibC.GetLimit(LibC.LimitOpenFiles, values));
            ulong before = values[0];
            values[0] = soft;
            Assert.Equal(0, LibC.SetLimit(LibC.LimitOpenFiles, values));
            return before;
        }
    }

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
