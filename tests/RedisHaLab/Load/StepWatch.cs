// How many Redis nodes have the data, all the time: the master, and each replica that follows it.

using System.Net;
using RedisHaLab.Cluster;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Load;

/// <summary>Watches the nodes that there are at its start, until it is stopped.</summary>
internal sealed class StepWatch : IAsyncDisposable
{
    // A replica that is attached to another master is without a link for a moment, and misses nothing in it.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ClusterView _cluster;
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly CancellationTokenSource _ending = new();
    private readonly string[] _nodes;
    private readonly long[] _seen;
    private readonly Task[] _watching;
    private int _least;
    private double _stall;

    private StepWatch(ClusterView cluster)
    {
        _cluster = cluster;
        _nodes = [.. cluster.Redis.Select(node => node.Name)];
        _least = _nodes.Length;
        _seen = [.. _nodes.Select(_ => _time.GetTimestamp())];
        _watching = [.. _nodes.Select((_, index) => Task.Run(() => WatchAsync(index))), Task.Run(CountAsync)];
    }

    /// <summary>Starts to watch.</summary>
    public static StepWatch Start(ClusterView cluster) => new(cluster);

    /// <summary>The fewest nodes that were in step at any time so far.</summary>
    public int Least => Volatile.Read(ref _least);

    /// <summary>The longest time that this program stood still, in milliseconds: what clients waited then is the doing of the machine that measures.</summary>
    public double LongestStall => Math.Round(Volatile.Read(ref _stall));

    /// <summary>Stops to watch.</summary>
    public async Task StopAsync()
    {
        await _ending.CancelAsync();
        await Task.WhenAll(_watching);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _ending.Dispose();
    }

    private async Task WatchAsync(int index)
    {
        RespConnection? session = null;
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                session ??= await ConnectAsync(_nodes[index]);
                var role = await session.AskAsync("ROLE");
                // "slave", its master's address and port, the state of the link, an offset.
                if (role.First == "master" || (role.First == "slave" && role.Items.Count > 3 && role.Items[3].Text == "connected"))
                {
                    Volatile.Write(ref _seen[index], _time.GetTimestamp());
                }
            }
            catch (Exception e) when (ClusterView.IsRefusal(e))
            {
                session?.Dispose();
                session = null;
            }

            await Task.Delay(Pause);
        }

        session?.Dispose();
    }

    // Another machine may have its place, and its name, by now.
    private async Task<RespConnection> ConnectAsync(string node)
    {
        var paths = _cluster.Lab.Paths;
        var address = StateStore.Read(paths).Machines.FirstOrDefault(machine => machine.Name == node)?.Address ?? throw new IOException($"{node} is gone");
        return await RespConnection.ConnectAsync(new IPEndPoint(IPAddress.Parse(address), _cluster.Endpoint.Port), _cluster.Password, within: Patience,
            network: NetworkNamespace.Named(paths.Namespace(node)));
    }

    private async Task CountAsync()
    {
        var late = 0L;
        for (var before = _time.GetTimestamp(); !_ending.IsCancellationRequested; before = _time.GetTimestamp())
        {
            await Task.Delay(Pause);
            var stall = _time.GetElapsedTime(before) - Pause;
            _stall = Math.Max(_stall, stall.TotalMilliseconds);
            if (stall > Pause)
            {
                late = _time.GetTimestamp();
            }

            // Who stood still has heard of nobody.
            if (late == 0 || _time.GetElapsedTime(late) > Grace)
            {
                _least = Math.Min(_least, _seen.Count(seen => _time.GetElapsedTime(Volatile.Read(ref seen)) < Grace));
            }
        }
    }
}
