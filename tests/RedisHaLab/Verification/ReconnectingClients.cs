// Load for planned work: clients of the plainest kind, which connect, log in, write, read the answer and close, again and
// again, through the balancer. They try nothing twice, so one refused, cut or unanswered connection is one failed command.

using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>Some clients at once, from their start until they are stopped.</summary>
internal sealed class ReconnectingClients : IAsyncDisposable
{
    // Longer than a proxy keeps a new session waiting for a master: nobody waits for one here.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    private readonly ClusterView _cluster;
    private readonly CancellationTokenSource _ending = new();
    private readonly string _key = "redis-ha:lab:drain:" + Guid.NewGuid().ToString("n");
    private readonly List<string> _failures = [];
    private readonly Task[] _clients;
    private int _done;

    /// <summary>Starts them.</summary>
    public ReconnectingClients(ClusterView cluster, int count)
    {
        _cluster = cluster;
        _clients = [.. Enumerable.Range(0, count).Select(_ => Task.Run(RunAsync))];
    }

    /// <summary>Commands answered as they should be.</summary>
    public int Done => Volatile.Read(ref _done);

    /// <summary>Waits for so many more commands, all clients going on.</summary>
    public async Task MoreAsync(int count)
    {
        var target = Done + count;
        await Eventually.HoldsWithinAsync(() => Done >= target, TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(20));
        CheckList.Require(Done >= target, $"{count} more commands expected within 30 s, {count - (target - Done)} seen; {Failures()}");
    }

    /// <summary>Stops them, each after its command, and says what they saw; fails the check when a command failed.</summary>
    public async Task<string> FinishAsync()
    {
        await StopAsync();
        CheckList.Require(_failures.Count == 0, Failures());
        using var session = await _cluster.ClientAsync();
        var counted = (await session.AskAsync("GET", _key)).Text;
        CheckList.Require(counted == Done.ToString(CultureInfo.InvariantCulture), $"{Done} increments were acknowledged, the counter says {counted}");
        return $"{Done} commands by {_clients.Length} clients that connect again for each, none failed";
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
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

    private async Task StopAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_clients);
    }

    private string Failures()
    {
        lock (_failures)
        {
            return _failures.Count == 0 ? "none failed"
                : $"{_failures.Count} of {Done + _failures.Count} commands failed: {string.Join("; ", _failures.Take(3))}";
        }
    }

    private async Task RunAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                using var session = await _cluster.ClientAsync(Patience);
                var reply = await session.AskAsync("INCR", _key);
                if (reply.IsError)
                {
                    Failed(reply.ToString());
                }
                else
                {
                    Interlocked.Increment(ref _done);
                }
            }
            catch (Exception e) when (ClusterView.IsRefusal(e))
            {
                Failed(e.Message);
            }

            await Task.Delay(Pause);
        }
    }

    private void Failed(string why)
    {
        lock (_failures)
        {
            _failures.Add(why);
        }
    }
}
