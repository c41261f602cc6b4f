// Clients as applications have them: some keep one connection, some open a new connection for each command; all wait for each answer. A command
// that fails is tried once more, on a new connection: so one load tells what a client without any retry sees, and one with a single one.

using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using RedisHaLab.Cluster;
using RedisHaProcesses;

namespace RedisHaLab.Load;

/// <summary>The clients of one load, from their start until they are stopped.</summary>
internal sealed class LoadClients : IAsyncDisposable
{
    // Longer than a proxy keeps a new session waiting for a master: what is measured is the wait, not this client's impatience.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);
    private const int ListPart = 1_000;

    // The mix of the chaos tests: mostly writers, of both habits.
    private static readonly (LoadKind Kind, bool KeepsConnection)[] Mix =
    [
        (LoadKind.Append, true), (LoadKind.Append, true), (LoadKind.Append, false), (LoadKind.Append, false),
        (LoadKind.Count, true), (LoadKind.Count, false), (LoadKind.Register, true), (LoadKind.Read, true), (LoadKind.Read, false),
    ];

    private readonly ClusterView _cluster;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationTokenSource _ending = new();
    private readonly string _prefix = "redis-ha:lab:load:" + Guid.NewGuid().ToString("n");
    private readonly Task[] _clients;

    private LoadClients(ClusterView cluster)
    {
        _cluster = cluster;
        _clients = [.. Mix.Select((client, number) => Task.Run(() => RunAsync(number, client.Kind, client.KeepsConnection)))];
    }

    /// <summary>What they saw so far.</summary>
    public LoadJournal Journal { get; } = new();

    /// <summary>Time since the start.</summary>
    public TimeSpan Now => _clock.Elapsed;

    /// <summary>Starts them, and returns once each has been answered.</summary>
    /// <exception cref="CheckFailedException">The cluster does not answer.</exception>
    public static async Task<LoadClients> StartAsync(ClusterView cluster)
    {
        var clients = new LoadClients(cluster);
        var answered = await Eventually.HoldsWithinAsync(
            () => clients.Journal.Snapshot().Where(command => command.Failure is null).Select(command => command.Client).Distinct().Count() == Mix.Length,
            TimeSpan.FromSeconds(30),
            TimeSpan.FromMilliseconds(50));
        if (answered)
        {
            return clients;
        }

        var failure = clients.Journal.Snapshot().LastOrDefault(command => command.Failure is not null)?.Failure ?? "no answer";
        await clients.DisposeAsync();
        throw new CheckFailedException($"not all clients are answered through the balancer within 30 s before the load begins; the last failure: {failure}");
    }

    /// <summary>Waits for so many more commands, failed or not.</summary>
    public async Task MoreAsync(int count)
    {
        var target = Journal.Count + count;
        var done = await Eventually.HoldsWithinAsync(() => Journal.Count >= target, TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(20));
        CheckList.Require(done, $"{count} more commands expected within 30 s, {count - (target - Journal.Count)} seen");
    }

    /// <summary>Stops them, each after its command, and reads back what the cluster has kept.</summary>
    /// <param name="since">The load counts from here: clients that connect for the first time are not yet a load.</param>
    /// <param name="isRewound">Whether older data was brought back meanwhile.</param>
    public async Task<LoadReport> FinishAsync(TimeSpan since, bool isRewound = false)
    {
        await StopAsync();
        var until = Now;
        if (await _cluster.WaitForWritesAsync(TimeSpan.FromSeconds(60)) is { } answer)
        {
            throw new CheckFailedException($"no write through the balancer within 60 s after the load; the last answer: {answer}");
        }

        // Through the balancer: what the master has is what counts.
        using var session = await _cluster.ClientAsync(Patience);
        var kept = new HashSet<(int Client, long Value)>();
        foreach (var client in Enumerable.Range(0, Mix.Length).Where(number => Mix[number].Kind == LoadKind.Append))
        {
            for (var start = 0; ; start += ListPart)
            {
                var part = await session.AskAsync("LRANGE", Key(client), Text(start), Text(start + ListPart - 1));
                kept.UnionWith(part.Items.Select(item => (client, long.Parse(item.Text, CultureInfo.InvariantCulture))));
                if (part.Items.Count < ListPart)
                {
                    break;
                }
            }
        }

        var counter = Number(await session.AskAsync("GET", CounterKey));
        var register = Number(await session.AskAsync("GET", RegisterKey));
        return LoadReport.Of(Journal.Snapshot(), since, until, kept, counter, register, isRewound);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ending.Dispose();
        try
        {
            using var session = await _cluster.ClientAsync();
            await session.AskAsync(["DEL", CounterKey, RegisterKey, .. Enumerable.Range(0, Mix.Length).Select(Key)]);
        }
        catch (Exception e) when (ClusterView.IsRefusal(e))
        {
            // The report says why the cluster does not answer.
        }
    }

    private string CounterKey => _prefix + ":counter";

    private string RegisterKey => _prefix + ":register";

    private string Key(int client) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}:list:{client}");

    private async Task StopAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_clients);
    }

    private async Task RunAsync(int client, LoadKind kind, bool keepsConnection)
    {
        RespConnection? session = null;
        for (var value = 1L; !_ending.IsCancellationRequested; value++)
        {
            for (var attempt = 0; attempt < 2; attempt++)
            {
                var (failure, open) = await OnceAsync(client, kind, value, attempt > 0, keepsConnection ? session : null);
                if (session is not null && session != open)
                {
                    session.Dispose();
                }

                session = open;
                if (failure is null)
                {
                    break;
                }

                await Task.Delay(RetryPause);
            }

            await Task.Delay(Pause);
        }

        session?.Dispose();
    }

    // The session that is still good; none after a failure, since a second try is made on a new connection.
    private async Task<(string? Failure, RespConnection? Open)> OnceAsync(int client, LoadKind kind, long value, bool isRetry, RespConnection? session)
    {
        var sent = Now;
        string? failure = null;
        var answer = 0L;
        try
        {
            session ??= await _cluster.ClientAsync(Patience);
            var reply = await session.AskAsync(CommandOf(client, kind, value));
            failure = reply.IsError ? reply.Text.Split(' ')[0] : null;
            answer = failure is null && kind is LoadKind.Count or LoadKind.Read ? Number(reply) : 0;
        }
        catch (Exception e) when (ClusterView.IsRefusal(e))
        {
            failure = NameOf(e);
        }

        Journal.Add(new LoadedCommand(client, kind, kind is LoadKind.Append or LoadKind.Register ? value : 0, isRetry, sent, Now, failure, answer));
        if (failure is null)
        {
            return (null, session);
        }

        session?.Dispose();

        return (failure, null);
    }

    private string[] CommandOf(int client, LoadKind kind, long value) => kind switch
    {
        LoadKind.Append => ["RPUSH", Key(client), Text(value)],
        LoadKind.Count => ["INCR", CounterKey],
        LoadKind.Register => ["SET", RegisterKey, Text(value)],
        _ => ["GET", RegisterKey],
    };

    private static string NameOf(Exception e) => (e as SocketException ?? e.InnerException as SocketException)?.SocketErrorCode switch
    {
        // The kernel's words for a connect (SO_SNDTIMEO) and a read (SO_RCVTIMEO) that took too long.
        SocketError.TimedOut or SocketError.WouldBlock or SocketError.InProgress => "timeout",
        SocketError.ConnectionRefused => "refused",
        SocketError.ConnectionReset => "reset",
        { } other => other.ToString(),
        // An answer to AUTH, such as NOAUTH or WRONGPASS.
        null when e is RespErrorException => e.Message.Split(' ')[0],
        null => "closed",
    };

    private static long Number(RespReply reply) => reply.IsNil ? 0 : long.Parse(reply.Text, CultureInfo.InvariantCulture);

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
