// The reference architecture's acceptance, replayed against the running lab: the state at rest, a planned failover, a
// power cut, the way back, a lost proxy, and what must be refused.

using System.Globalization;
using RedisHaLab.Instance;
using RedisHaLab.Machines;

namespace RedisHaLab.Verification;

/// <summary>All checks, in their order.</summary>
internal sealed class Acceptance
{
    private static readonly TimeSpan Settle = TimeSpan.FromSeconds(60);

    private readonly ClusterView _cluster;
    private readonly CheckList _checks;
    private NodeRow? _dead;

    public Acceptance(ClusterView cluster, CheckList checks)
    {
        _cluster = cluster;
        _checks = checks;
    }

    private Lab Lab => _cluster.Lab;

    private int Replicas => _cluster.Redis.Count - 1;

    /// <summary>Runs all checks; the cluster is whole again afterwards, if it was before.</summary>
    public async Task RunAsync()
    {
        await _checks.RunAsync("ROLE and INFO replication on each node", RolesAsync);
        await _checks.RunAsync("SENTINEL MASTER on each node", SentinelsAsync);
        await _checks.RunAsync(WaysName("ROLE is master"), WaysAsync);
        await _checks.RunAsync("a wrong password is refused", WrongPasswordAsync);
        await _checks.RunAsync("a write through the balancer is read from the replicas", ReplicatedAsync);
        await _checks.RunAsync("FAILOVER TO another node", PlannedFailoverAsync);
        await _checks.RunAsync(WaysName("after it, ROLE is master"), WaysAsync);
        await _checks.RunAsync("power cut of the master", PowerCutAsync);
        await _checks.RunAsync(WaysName("after it, ROLE is master"), WaysAsync);
        await _checks.RunAsync("the node returns as a replica", ReturnAsync);
        await ProxyStopAsync();
        await _checks.RunAsync("the stats page through a tunnel over the bastion", () => new OutsideView(_cluster).StatsTunnelAsync());
        await _checks.RunAsync("direct SSH and direct Redis from outside are refused", () => new OutsideView(_cluster).RefusalsAsync());
    }

    private string WaysName(string what) => $"{what} through {string.Join(", ", _cluster.Ways.Select(way => way.Name))}";

    private Task<string> RolesAsync() => CheckList.EventuallyAsync(Settle, async () =>
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
                online = replication.Count(line => line.StartsWith("slave", StringComparison.Ordinal) && line.Contains("state=online", StringComparison.Ordinal));
            }
            else
            {
                CheckList.Require(replication.Contains("master_link_status:up"), $"{node.Name} is a replica whose link to its master is not up");
            }
        }

        CheckList.Require(masters.Count == 1, $"one master expected: {string.Join(", ", seen)}");
        CheckList.Require(online == Replicas, $"{masters[0]} has {online} online replicas, {Replicas} expected");
        return $"{string.Join(", ", seen)}; {online} online replicas";
    });

    private Task<string> SentinelsAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var views = new List<string>();
        foreach (var node in _cluster.Redis)
        {
            var lines = await _cluster.OperatorAsync(node.Name, "sentinel", "SENTINEL MASTER \"$REDIS_HA_MASTER_NAME\"");
            var fields = lines.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
            string Field(string name) => fields.GetValueOrDefault(name, "?");
            var view = $"master {Field("ip")}, flags {Field("flags")}, slaves {Field("num-slaves")}, other sentinels {Field("num-other-sentinels")}, quorum {Field("quorum")}";
            views.Add(view);
            CheckList.Require(
                Field("flags") == "master" && Field("num-slaves") == Number(Replicas) && Field("num-other-sentinels") == Number(Replicas) && Field("quorum") == "2",
                $"{node.Name}: {view}");
        }

        CheckList.Require(views.Distinct().Count() == 1, $"the Sentinels differ: {string.Join(" | ", views)}");
        return views[0];
    });

    private Task<string> WaysAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var master = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        foreach (var way in _cluster.Ways)
        {
            await using var session = await _cluster.ByAsync(way);
            var role = await ClusterView.RoleAsync(session);
            CheckList.Require(role == "master", $"ROLE through {way.Name} is {role}");
        }

        return $"{master.Name} by all {_cluster.Ways.Count} ways";
    });

    private async Task<string> WrongPasswordAsync()
    {
        await using var session = await RespConnection.OpenAsync(Lab.Paths.Namespace(Network.VcnNetwork.ClientRole), _cluster.Endpoint, null, TimeSpan.FromSeconds(5));
        var none = await session.CallAsync("SET", "redis-ha:lab:forbidden", "1");
        CheckList.Require(none.IsError && none.Text!.StartsWith("NOAUTH", StringComparison.Ordinal), $"a write without a password was answered: {none}");
        var wrong = await session.CallAsync("AUTH", _cluster.Password + "x");
        CheckList.Require(wrong.IsError && wrong.Text!.StartsWith("WRONGPASS", StringComparison.Ordinal), $"a wrong password was answered: {wrong}");
        return "NOAUTH without, WRONGPASS with a wrong one";
    }

    private async Task<string> ReplicatedAsync()
    {
        var master = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        var (key, value) = ("redis-ha:lab:" + Guid.NewGuid().ToString("n"), Guid.NewGuid().ToString("n"));
        await using var client = await _cluster.ClientAsync();
        var written = await client.CallAsync("SET", key, value, "EX", "600");
        CheckList.Require(!written.IsError, $"SET was answered: {written}");
        var readers = _cluster.Redis.Where(node => node != master).ToList();
        foreach (var node in readers)
        {
            await CheckList.EventuallyAsync(TimeSpan.FromSeconds(5), async () =>
            {
                await using var session = await _cluster.OnNodeAsync(node);
                var read = await session.CallAsync("GET", key);
                CheckList.Require(read.Text == value, $"{node.Name} has {read}");
                return "";
            });
        }

        await client.CallAsync("DEL", key);
        return $"written to {master.Name}, read from {string.Join(" and ", readers.Select(node => node.Name))}";
    }

    // FAILOVER alone is not the whole way: the Sentinels learn nothing of it and promote a node of their own choice half a
    // minute later. So they are told whom to prefer before, and made to confirm it after.
    private async Task<string> PlannedFailoverAsync()
    {
        var old = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        var next = _cluster.Redis.SkipWhile(node => node != old).Skip(1).FirstOrDefault() ?? _cluster.Redis.First(node => node != old);
        // By the master's own word: FAILOVER TO a replica that it does not yet call online is refused.
        await RolesAsync();
        await SetPriorityAsync(next, 1);
        try
        {
            await PriorityKnownAsync(next, 1);
            await using var outage = await Outage.StartAsync(_cluster);
            var begun = outage.Now();
            var answer = await _cluster.OperatorAsync(old.Name, "redis", $"FAILOVER TO {next.Address} {_cluster.Endpoint.Port} TIMEOUT 3000");
            CheckList.Require(answer is ["OK"], $"{old.Name} answered FAILOVER TO with: {string.Join(' ', answer)}");
            await CheckList.EventuallyAsync(Settle, async () =>
            {
                var master = await _cluster.MasterAsync();
                CheckList.Require(master == next, $"{master?.Name ?? "nobody"} is master, {next.Name} expected");
                return "";
            });
            await outage.WaitForWritesAsync(5, Settle, outage.Now());
            await CheckList.EventuallyAsync(TimeSpan.FromSeconds(20), async () =>
            {
                var confirmed = await _cluster.OperatorAsync(next.Name, "sentinel", "SENTINEL FAILOVER \"$REDIS_HA_MASTER_NAME\"");
                CheckList.Require(confirmed is ["OK"], $"SENTINEL FAILOVER was answered: {string.Join(' ', confirmed)}");
                return "";
            });
            await SentinelsNameAsync(next);
            await outage.WaitForWritesAsync(5, Settle, outage.Now());
            var gap = outage.LongestGap(begun);
            var lost = await outage.LostAsync();
            await RolesAsync();
            await SentinelsAsync();
            return string.Create(CultureInfo.InvariantCulture, $"{old.Name} to {next.Name}; longest time without an acknowledged write {gap.TotalMilliseconds:0} ms, {lost} of {outage.Acknowledged} acknowledged writes lost");
        }
        finally
        {
            await SetPriorityAsync(next, 100);
        }
    }

    private async Task SetPriorityAsync(NodeRow node, int priority) =>
        await _cluster.OperatorAsync(node.Name, "redis", $"CONFIG SET replica-priority {priority}");

    private Task<string> PriorityKnownAsync(NodeRow node, int priority) => CheckList.EventuallyAsync(TimeSpan.FromSeconds(30), async () =>
    {
        foreach (var sentinel in _cluster.Redis)
        {
            // A list of lists, flattened by redis-cli: the fields of a replica follow its address.
            var lines = await _cluster.OperatorAsync(sentinel.Name, "sentinel", "SENTINEL REPLICAS \"$REDIS_HA_MASTER_NAME\"");
            var known = lines.SkipWhile(line => line != $"{node.Address}:{_cluster.Endpoint.Port}").SkipWhile(line => line != "slave-priority").ElementAtOrDefault(1);
            CheckList.Require(known == Number(priority), $"the Sentinel on {sentinel.Name} knows the priority {known} of {node.Name}, {priority} expected");
        }

        return "";
    });

    private Task<string> SentinelsNameAsync(NodeRow master) => CheckList.EventuallyAsync(Settle, async () =>
    {
        foreach (var sentinel in _cluster.Redis)
        {
            var named = await _cluster.OperatorAsync(sentinel.Name, "sentinel", "SENTINEL GET-MASTER-ADDR-BY-NAME \"$REDIS_HA_MASTER_NAME\"");
            CheckList.Require(named is [var address, ..] && address == master.Address, $"the Sentinel on {sentinel.Name} names {string.Join(':', named)}, {master.Name} expected");
        }

        return "";
    });

    private async Task<string> PowerCutAsync()
    {
        var old = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        _dead = old;
        await using var outage = await Outage.StartAsync(_cluster);
        var cut = outage.Now();
        await Lab.CutPowerAsync(old.Name);
        // Counted from writes sent after the cut was complete: what the old master acknowledged before is not an answer.
        await outage.WaitForWritesAsync(5, Settle, outage.Now());
        var gap = outage.LongestGap(cut);
        var master = await _cluster.MasterAsync();
        CheckList.Require(master is not null && master != old, $"{master?.Name ?? "nobody"} is master after {old.Name} lost its power");
        var lost = await outage.LostAsync();
        return string.Create(CultureInfo.InvariantCulture, $"{old.Name} off, {master!.Name} took over; writes again after {gap.TotalSeconds:0.0} s, {lost} of {outage.Acknowledged} acknowledged writes lost");
    }

    private async Task<string> ReturnAsync()
    {
        var node = _dead ?? throw new CheckFailedException("no node lost its power");
        await Lab.StartMachineAsync(node.Name);
        await CheckList.EventuallyAsync(Settle * 2, () =>
        {
            CheckList.Require(Lab.Machine(node.Name).Phase() == MachinePhase.Ready, $"{node.Name} does not come up; see `scripts/lab logs {node.Name}`");
            return Task.FromResult("");
        });
        await CheckList.EventuallyAsync(Settle, async () =>
        {
            var role = (await _cluster.OperatorAsync(node.Name, "redis", "ROLE"))[0];
            CheckList.Require(role == "slave", $"{node.Name} says {role}");
            return "";
        });
        var roles = await RolesAsync();
        await SentinelsAsync();
        return roles;
    }

    private async Task ProxyStopAsync()
    {
        var proxy = _cluster.Proxies[0];
        var drain = new ProxyDrain(_cluster, proxy);
        await _checks.RunAsync($"{proxy.Name} is stopped under load, the balancer goes on with {_cluster.Proxies[^1].Name}, no command fails", drain.StopAsync);
        await _checks.RunAsync($"{proxy.Name} is started under load and serves again, no command fails", async () =>
        {
            var clients = await drain.StartAsync();
            return $"{await WaysAsync()}; {clients}";
        });
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
