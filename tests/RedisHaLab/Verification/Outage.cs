// What a client notices of a failure: writes on sessions of its own, one after the other, through the balancer.

using System.Diagnostics;
using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>A client that writes without pause and remembers when it was answered.</summary>
internal sealed class Outage : IAsyncDisposable
{
    // Longer than a proxy keeps a new session waiting for a master: what is measured is the wait, not this client's impatience.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly ClusterView _cluster;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly CancellationTokenSource _ending = new();
    private readonly string _key = "redis-ha:lab:outage:" + Guid.NewGuid().ToString("n");
    private readonly Lock _lock = new();
    private readonly List<(TimeSpan Sent, TimeSpan Answered, long Value)> _acknowledged = [];
    private readonly Task _writer;
    private string _lastError = "none";

    private Outage(ClusterView cluster)
    {
        _cluster = cluster;
        _writer = WriteAsync();
    }

    /// <summary>Writes acknowledged so far.</summary>
    public int Acknowledged
    {
        get
        {
            lock (_lock)
            {
                return _acknowledged.Count;
            }
        }
    }

    /// <summary>Starts to write, and returns once writes are acknowledged.</summary>
    public static async Task<Outage> StartAsync(ClusterView cluster)
    {
        var outage = new Outage(cluster);
        await outage.WaitForWritesAsync(5, TimeSpan.FromSeconds(20));
        return outage;
    }

    /// <summary>Time since the start.</summary>
    public TimeSpan Now() => _clock.Elapsed;

    /// <summary>Waits for so many writes acknowledged that were sent after <paramref name="since"/>.</summary>
    public async Task WaitForWritesAsync(int count, TimeSpan patience, TimeSpan since = default)
    {
        var done = await Eventually.HoldsWithinAsync(() => Count(since) >= count, patience, TimeSpan.FromMilliseconds(20));
        CheckList.Require(done,
            string.Create(CultureInfo.InvariantCulture, $"no write through the balancer within {patience.TotalSeconds:0} s; last answer: {_lastError}"));
    }

    /// <summary>The longest time without an acknowledged write that ends after <paramref name="since"/>.</summary>
    public TimeSpan LongestGap(TimeSpan since)
    {
        lock (_lock)
        {
            return _acknowledged.Zip(_acknowledged.Skip(1))
                .Where(pair => pair.Second.Answered >= since)
                .Select(pair => pair.Second.Answered - pair.First.Answered)
                .DefaultIfEmpty()
                .Max();
        }
    }

    /// <summary>Acknowledged values that the cluster no longer has.</summary>
    public async Task<int> LostAsync()
    {
        using var session = await _cluster.ClientAsync();
        var kept = (await session.AskAsync("LRANGE", _key, "0", "-1")).Items.Select(item => item.Text).ToHashSet();
        lock (_lock)
        {
            return _acknowledged.Count(write => !kept.Contains(write.Value.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>Stops writing and removes what was written.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _writer;
        _ending.Dispose();
        try
        {
            using var session = await _cluster.ClientAsync();
            await session.AskAsync("DEL", _key);
        }
        catch (Exception e) when (ClusterView.IsRefusal(e))
        {
            // The check that comes next says why the cluster does not answer.
        }
    }

    private int Count(TimeSpan since)
    {
        lock (_lock)
        {
            return _acknowledged.Count(write => write.Sent >= since);
        }
    }

    private async Task WriteAsync()
    {
        for (var value = 0L; !_ending.IsCancellationRequested; value++)
        {
            try
            {
                var sent = _clock.Elapsed;
                using var session = await _cluster.ClientAsync(Patience);
                var reply = await session.AskAsync("RPUSH", _key, value.ToString(CultureInfo.InvariantCulture));
                lock (_lock)
                {
                    if (reply.IsError)
                    {
                        _lastError = reply.ToString();
                    }
                    else
                    {
                        _acknowledged.Add((sent, _clock.Elapsed, value));
                    }
                }
            }
            catch (Exception e) when (ClusterView.IsRefusal(e))
            {
                _lastError = e.Message;
            }

            await Task.Delay(Pause);
        }
    }
}
