// The cluster as it has to be at rest, by its nodes' own words: roles, links, and what each Sentinel knows.

using System.Globalization;

namespace RedisHaLab.Cluster;

/// <summary>Checks that a cluster is whole.</summary>
/// <param name="cluster">The cluster.</param>
/// <param name="more">Further nodes that may follow already: those of a change that was refused when it had begun to make them.</param>
internal sealed class Whole(ClusterView cluster, int more = 0)
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(60);

    private readonly ClusterView _cluster = cluster;

    private int Replicas => _cluster.Redis.Count - 1;

    private bool AreAsExpected(int replicas) => replicas >= Replicas && replicas <= Replicas + more;

    private bool AreAsExpected(string number) => int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && AreAsExpected(count);

    private string Expected => more == 0 ? $"{Replicas} expected" : $"{Replicas} to {Replicas + more} expected";

    /// <summary>One master that has all others as its online replicas.</summary>
    /// <exception cref="CheckFailedException">It is not so within a minute; the message says what is seen.</exception>
    public Task<string> RolesAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var seen = new List<string>();
        var masters = new List<string>();
        var online = 0;
        foreach (var node in _cluster.Redis)
        {
            var role = (await _cluster.OperatorAsync(node.Name, "redis", "ROLE"))[0];
            var replication = await _cluster.OperatorAsync(node.Name, "redis", "INFO replication");
            seen.Add($"{node.Name} {role}");
            if (role == "master")
            {
                masters.Add(node.Name);
                online = replication.Count(line => line.StartsWith("slave", StringComparison.Ordinal)
                    && line.Contains("state=online", StringComparison.Ordinal));
            }
            else
            {
                CheckList.Require(replication.Contains("master_link_status:up"), $"{node.Name} is a replica whose link to its master is not up");
            }
        }

        CheckList.Require(masters.Count == 1, $"one master expected: {string.Join(", ", seen)}");
        CheckList.Require(AreAsExpected(online), $"{masters[0]} has {online} online replicas, {Expected}");
        return $"{string.Join(", ", seen)}; {online} online replicas";
    });

    /// <summary>All Sentinels name that master, call it well, and know exactly the others: none is forgotten, and none that is gone.</summary>
    /// <exception cref="CheckFailedException">It is not so within a minute; the message says what is seen.</exception>
    public Task<string> SentinelsAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var views = new List<string>();
        foreach (var node in _cluster.Redis)
        {
            var lines = await _cluster.OperatorAsync(node.Name, "sentinel", "SENTINEL MASTER \"$REDIS_HA_MASTER_NAME\"");
            var fields = lines.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
            string Field(string name) => fields.GetValueOrDefault(name, "?");
            var view = $"master {Field("ip")}, flags {Field("flags")}, slaves {Field("num-slaves")}, other sentinels {Field("num-other-sentinels")}, quorum "
                + $"{Field("quorum")}";
            views.Add(view);
            CheckList.Require(
                Field("flags") == "master" && AreAsExpected(Field("num-slaves")) && AreAsExpected(Field("num-other-sentinels")) && Field("quorum") != "1",
                $"{node.Name}: {view}; slaves and other sentinels: {Expected}");
        }

        CheckList.Require(views.Distinct().Count() == 1, $"the Sentinels differ: {string.Join(" | ", views)}");
        return views[0];
    });

    /// <summary>Nothing is left that a switchover or a change sets for its own time only.</summary>
    /// <exception cref="CheckFailedException">Something is; the message says what, and where.</exception>
    public Task<string> NothingLeftBehindAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var fences = new List<string>();
        foreach (var node in _cluster.Redis)
        {
            var priority = (await _cluster.OperatorAsync(node.Name, "redis", "CONFIG GET replica-priority"))[^1];
            CheckList.Require(priority == "100", $"{node.Name} has replica-priority {priority}, 100 expected");
            fences.Add((await _cluster.OperatorAsync(node.Name, "redis", "CONFIG GET min-replicas-to-write"))[^1]);
        }

        CheckList.Require(fences.Distinct().Count() == 1, $"the nodes differ in min-replicas-to-write: {string.Join(", ", fences)}");
        return $"replica-priority 100 and min-replicas-to-write {fences[0]} on each node";
    });
}
