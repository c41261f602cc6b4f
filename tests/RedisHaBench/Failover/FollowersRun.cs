// One failover of five nodes under writes, watched from all nodes.

using System.Diagnostics;
using System.Globalization;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>What was seen of a failover; seconds from the master's death.</summary>
/// <param name="ParallelSyncs">parallel-syncs.</param>
/// <param name="IsOneGone">Whether a replica's machine was gone before.</param>
/// <param name="Promoted">Until a node says that it is the master.</param>
/// <param name="Written">Until it acknowledges a write: a replica follows (min-replicas-to-write).</param>
/// <param name="AllFollow">Until all replicas that are there follow it.</param>
/// <param name="Full">Replicas that it sent all of its data.</param>
/// <param name="Partial">Replicas that went on where they were.</param>
internal sealed record Followers(int ParallelSyncs, bool IsOneGone, double Promoted, double Written, double AllFollow, int Full, int Partial);

/// <summary>Makes it and watches it.</summary>
internal static class FollowersRun
{
    /// <summary>Nodes, each with a Sentinel.</summary>
    public const int Nodes = 5;

    // Clients that write as fast as they are answered: when the master dies, some replicas have more of its stream than others.
    private const int Writers = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(150);
    private static readonly TimeSpan Timeout = TimeSpan.FromMilliseconds(500);

    /// <summary>Kills the master of a new deployment.</summary>
    /// <param name="parallelSyncs">parallel-syncs of all Sentinels.</param>
    /// <param name="isOneGone">Whether a replica's machine is gone, and known to be down, when the master dies.</param>
    /// <param name="megabytes">Data.</param>
    /// <param name="downAfter">down-after-milliseconds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="TimeoutException">Not all replicas follow within 150 s.</exception>
    public static async Task<Followers> RunAsync(int parallelSyncs, bool isOneGone, int megabytes, int downAfter, CancellationToken cancellationToken)
    {
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions
        {
            Nodes = Nodes,
            Sentinels = Nodes,
            Quorum = (Nodes / 2) + 1,
            AsProduct = true,
            Namespaces = true,
            DownAfterMilliseconds = downAfter,
            FailoverTimeoutMilliseconds = 60_000,
        }, cancellationToken);
        foreach (var sentinel in deployment.Sentinels)
        {
            sentinel.Call("SENTINEL", "SET", RedisDeployment.MasterName, "parallel-syncs", Text(parallelSyncs));
        }

        Fill(deployment.Nodes[0], megabytes);
        await deployment.ConvergedAsync(TimeSpan.FromMinutes(2), cancellationToken);
        var live = deployment.Nodes.Skip(1).ToList();
        if (isOneGone)
        {
            var gone = live[^1];
            live.Remove(gone);
            await deployment.Network!.CutAsync(gone.EndPoint.Address);
            await Eventually.HoldsAsync(() => deployment.Sentinels.Take(Nodes - 1).All(sentinel => IsKnownToBeDown(sentinel, gone)),
                () => $"the Sentinels know that {gone.Name} is down", TimeSpan.FromMinutes(1), cancellationToken: cancellationToken);
        }

        var before = live.ToDictionary(node => node, Copies);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var written = new long[Writers];
        var dead = 0L;
        var writers = Enumerable.Range(0, Writers).Select(number => Task.Factory.StartNew(
            () => Write(deployment.Nodes, live, number, () => Volatile.Read(ref dead), written, stop.Token), TaskCreationOptions.LongRunning)).ToArray();
        try
        {
            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken);
            deployment.Nodes[0].Kill();
            deployment.Sentinels[0].Kill();
            var begun = Stopwatch.GetTimestamp();
            Volatile.Write(ref dead, begun);
            double? promoted = null;
            RedisProcess? master = null;
            await Eventually.HoldsAsync(
                () =>
                {
                    var seen = live.ToDictionary(node => node, node => node.Info("replication"));
                    master = live.FirstOrDefault(node => seen[node]["role"] == "master");
                    promoted ??= master is null ? null : Stopwatch.GetElapsedTime(begun).TotalSeconds;
                    return master is not null && live.Where(node => node != master).All(node => seen[node]["role"] == "slave"
                        && seen[node]["master_port"] == Text(master.EndPoint.Port) && seen[node]["master_link_status"] == "up");
                },
                () => $"all replicas follow a new master; last seen: {deployment.Describe()}",
                Patience, TimeSpan.FromMilliseconds(20), cancellationToken);
            var allFollow = Stopwatch.GetElapsedTime(begun).TotalSeconds;
            await Eventually.HoldsAsync(() => Array.Exists(written, time => time != 0), () => "a write is acknowledged", Patience,
                cancellationToken: cancellationToken);
            var (full, partial) = Copies(master!);
            var firstWrite = Stopwatch.GetElapsedTime(begun, written.Where(time => time != 0).Min()).TotalSeconds;
            var (fullBefore, partialBefore) = before[master!];
            return new Followers(parallelSyncs, isOneGone, promoted!.Value, firstWrite, allFollow, full - fullBefore, partial - partialBefore);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        }
    }

    // Writes to whichever node takes it; notes when the first write after the master's death was acknowledged.
    private static void Write(IReadOnlyList<RedisProcess> all, List<RedisProcess> live, int number, Func<long> dead, long[] written, CancellationToken stop)
    {
        var value = new string('x', 100);
        for (var turn = 0; !stop.IsCancellationRequested; turn++)
        {
            var node = dead() == 0 ? all[0] : live[turn % live.Count];
            try
            {
                using var connection = node.Connect(Timeout);
                while (!stop.IsCancellationRequested)
                {
                    connection.Call("SET", $"writer:{Text(number)}", value);
                    if (node != all[0] && written[number] == 0)
                    {
                        Volatile.Write(ref written[number], Stopwatch.GetTimestamp());
                    }
                }
            }
            catch (Exception e) when (e is IOException or RespErrorException)
            {
                // READONLY, NOREPLICAS, or dead: the next one.
                stop.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(10));
            }
        }
    }

    private static void Fill(RedisProcess master, int megabytes)
    {
        using var connection = master.Connect(TimeSpan.FromSeconds(10));
        var value = new string('x', 100_000);
        for (var i = 0; i < megabytes * 10; i++)
        {
            connection.Call("SET", $"fill:{Text(i)}", value);
        }
    }

    private static (int Full, int Partial) Copies(RedisProcess node)
    {
        var stats = node.Info("stats");
        return (Number(stats["sync_full"]), Number(stats["sync_partial_ok"]));
    }

    private static bool IsKnownToBeDown(RedisProcess sentinel, RedisProcess node) => sentinel.Call("SENTINEL", "REPLICAS", RedisDeployment.MasterName).Items
        .Select(replica => replica.ToDictionary())
        .Any(replica => replica["port"] == Text(node.EndPoint.Port) && replica["flags"].Contains("s_down", StringComparison.Ordinal));

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
