// A client of the loopback cluster that writes to whoever is master, as it would through a proxy: counts what fails, keeps what was
// acknowledged, and looks for it in the end.

using System.Net;
using System.Net.Sockets;
using System.Text;

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
        _run = Task.Run(RunAsync);
    }

    /// <summary>What failed, by kind.</summary>
    public Dictionary<string, int> Failures { get; } = [];

    /// <summary>Waits for so many more acknowledged writes.</summary>
    public async Task AcknowledgedAsync(int more)
    {
        int target = Volatile.Read(ref _count) + more;
        await LoopbackCluster.UntilAsync(() => Task.FromResult(Volatile.Read(ref _count) >= target), "writes are not acknowledged");
    }

    /// <summary>Stops, and looks for all acknowledged values on every node.</summary>
    public async Task FinishAsync()
    {
        await _stop.CancelAsync();
        await _run;
        foreach (int number in _cluster.Machines.Keys)
        {
            string[] kept = [];
            await LoopbackCluster.UntilAsync(async () =>
            {
                kept = (await _cluster.OperatorAsync(number, 6379, "LRANGE", Key, "0", "-1")).Split('\n');
                return !_acknowledged.Except(kept.Select(int.Parse)).Any();
            }, $"node {number} does not have all of {_acknowledged.Count} acknowledged writes");
        }
    }

    public void Dispose() => _stop.Dispose();

    private async Task RunAsync()
    {
        int node = 1;
        for (int value = 0; !_stop.IsCancellationRequested; value++)
        {
            try
            {
                using var socket = new TcpClient { NoDelay = true };
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
                await socket.ConnectAsync(IPAddress.Parse(_cluster.Address(node)), 6379, limit.Token);
                string? reply = await CallAsync(socket.GetStream(), ["AUTH", "operator", PayloadInputs.Passwords.Operator], limit.Token);
                while (reply is not null && reply[0] != '-' && !_stop.IsCancellationRequested)
                {
                    reply = await CallAsync(socket.GetStream(), ["RPUSH", Key, $"{value}"], limit.Token);
                    if (reply is not null && reply[0] == ':')
                    {
                        _acknowledged.Add(value++);
                        Interlocked.Increment(ref _count);
                        limit.CancelAfter(TimeSpan.FromSeconds(5));
                    }
                }
                Failed(reply is null ? "closed" : reply.TrimStart('-').Split(' ')[0]);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                Failed(e.GetType().Name);
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

    // The answer's first line is all of it: only commands with one-line answers are sent.
    private static async Task<string?> CallAsync(NetworkStream stream, string[] words, CancellationToken cancellation)
    {
        await stream.WriteAsync(Encoding.UTF8.GetBytes($"*{words.Length}\r\n{string.Concat(words.Select(word => $"${Encoding.UTF8.GetByteCount(word)}\r\n{word}\r\n"))}"), cancellation);
        var line = new StringBuilder();
        byte[] next = new byte[1];
        while (await stream.ReadAsync(next, cancellation) == 1)
        {
            if (next[0] == '\n')
            {
                return line.ToString().TrimEnd('\r');
            }
            line.Append((char)next[0]);
        }
        return null;
    }
}
