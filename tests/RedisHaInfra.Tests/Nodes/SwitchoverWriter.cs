// A client of the loopback cluster that writes to whoever is master, as it would through a proxy: counts what fails, keeps what was
// acknowledged, and looks for it in the end.

using System.Globalization;
using System.Net;

namespace RedisHaInfra.Tests.Nodes;

/// <summary>One writer.</summary>
internal sealed class SwitchoverWriter : IDisposable
{
    private const string Key = "switchover-writer";

    private readonly LoopbackCluster _cluster;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<int> _acknowledged = [];
    private readonly Task _run;
    private int _count;

    public SwitchoverWriter(LoopbackCluster cluster)
    {
        _cluster = cluster;
        _run = Task.Factory.StartNew(Run, TaskCreationOptions.LongRunning);
    }

    /// <summary>What failed, by kind.</summary>
    public Dictionary<string, int> Failures { get; } = [];

    /// <summary>Waits for so many more acknowledged writes.</summary>
    public async Task AcknowledgedAsync(int more)
    {
        int target = Volatile.Read(ref _count) + more;
        await Eventually.HoldsAsync(() => Volatile.Read(ref _count) >= target, () => "writes are acknowledged");
    }

    /// <summary>Stops, and looks for all acknowledged values on every node.</summary>
    public async Task FinishAsync()
    {
        await _stop.CancelAsync();
        await _run;
        foreach (int number in _cluster.Machines.Keys)
        {
            string[] kept = [];
            await Eventually.HoldsAsync(async () =>
            {
                kept = (await _cluster.OperatorAsync(number, 6379, "LRANGE", Key, "0", "-1")).Split('\n');
                return !_acknowledged.Except(kept.Select(int.Parse)).Any();
            }, () => $"node {number} has all of {_acknowledged.Count} acknowledged writes");
        }
    }

    public void Dispose() => _stop.Dispose();

    private void Run()
    {
        int node = 1;
        for (int value = 0; !_stop.IsCancellationRequested; value++)
        {
            try
            {
                using var connection = RespConnection.Connect(
                    new IPEndPoint(IPAddress.Parse(_cluster.Address(node)), 6379), TimeSpan.FromSeconds(5), "operator", PayloadInputs.Passwords.Operator);
                while (!_stop.IsCancellationRequested)
                {
                    connection.Call("RPUSH", Key, value.ToString(CultureInfo.InvariantCulture));
                    _acknowledged.Add(value++);
                    Interlocked.Increment(ref _count);
                }
            }
            catch (RespErrorException e)
            {
                Failed(e.Message.Split(' ')[0]);
            }
            catch (IOException e)
            {
                Failed(e.Message);
            }
            node = (node % _cluster.Machines.Count) + 1;
        }
    }

    private void Failed(string kind)
    {
        if (!_stop.IsCancellationRequested)
        {
            Failures[kind] = Failures.GetValueOrDefault(kind) + 1;
        }
    }
}
