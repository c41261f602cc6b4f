// The reference architecture's acceptance, replayed against the running lab: the state at rest, a planned failover, a
// power cut, the way back, a lost proxy, and what must be refused.

using System.Globalization;
using RedisHaLab.Cluster;
using RedisHaLab.Instance;
using RedisHaLab.Load;
using RedisHaLab.Machines;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>All checks, in their order.</summary>
internal sealed class Acceptance
{
    private readonly ClusterView _cluster;
    private readonly CheckList _checks;
    private readonly StackOptions _options;
    private NodeRow? _dead;

    public Acceptance(ClusterView cluster, CheckList checks)
    {
        _cluster = cluster;
        _checks = checks;
        _options = new StackOptions(cluster);
    }

    // Whatever happens is seen after down-after at the earliest.
    private TimeSpan Settle => TimeSpan.FromSeconds(60) + TimeSpan.FromMilliseconds(_options.Settings.Sentinel.DownAfterMilliseconds);

    private Lab Lab => _cluster.Lab;

    private Whole Whole => new(_cluster);

    /// <summary>Runs all checks; the cluster is whole again afterwards, if it was before.</summary>
    public async Task RunAsync()
    {
        await _checks.RunAsync("ROLE and INFO replication on each node", Whole.RolesAsync);
        await _checks.RunAsync("SENTINEL MASTER on each node", Whole.SentinelsAsync);
        await _checks.RunAsync(WaysName("ROLE is master"), WaysAsync);
        await _checks.RunAsync("a wrong password is refused", WrongPasswordAsync);
        await _checks.RunAsync("a client cannot speak on the Sentinels' channel", SentinelChannelAsync);
        await _checks.RunAsync("a write through the balancer is read from the replicas", ReplicatedAsync);
        await _checks.RunAsync("ports from every place to every machine", () => new PortProbe(_cluster, _options.Settings.Network).CheckAsync());
        await _options.RunAsync(_checks);
        await _checks.RunAsync("redis-ha-switchover to another node, under load", SwitchoverAsync);
        await _checks.RunAsync(WaysName("after it, ROLE is master"), WaysAsync);
        await _checks.RunAsync("power cut of the master", PowerCutAsync);
        await _checks.RunAsync(WaysName("after it, ROLE is master"), WaysAsync);
        await _checks.RunAsync("the node returns as a replica", ReturnAsync);
        await _checks.RunAsync("a script that never ends: another node takes over, the watch frees the busy one", EndlessScriptAsync);
        await ProxyStopAsync();
        await _options.AgainAsync(_checks);
        await _checks.RunAsync("the stats page through a tunnel", () => new OutsideView(_cluster).StatsTunnelAsync());
        if (MonitoringView.Of(_cluster, _options.Settings.Network) is { } monitoring)
        {
            await _checks.RunAsync("metrics, and nothing else, from the networks of monitoringNetworks", monitoring.ReadAsync);
        }
    }

    private string WaysName(string what) => $"{what} through {string.Join(", ", _cluster.Ways.Select(way => way.Name))}";

    private Task<string> WaysAsync() => CheckList.EventuallyAsync(Settle, async () =>
    {
        var master = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        foreach (var way in _cluster.Ways)
        {
            using var session = await _cluster.ByAsync(way);
            var role = await ClusterView.RoleAsync(session);
            CheckList.Require(role == "master", $"ROLE through {way.Name} is {role}");
        }

        return $"{master.Name} by all {_cluster.Ways.Count} ways";
    });

    private async Task<string> WrongPasswordAsync()
    {
        using var session = await _cluster.ConnectedAsync();
        var none = await session.AskAsync("SET", "redis-ha:lab:forbidden", "1");
        CheckList.Require(none.IsError && none.Text!.StartsWith("NOAUTH", StringComparison.Ordinal), $"a write without a password was answered: {none}");
        var wrong = await session.AskAsync("AUTH", _cluster.Password + "x");
        CheckList.Require(wrong.IsError && wrong.Text!.StartsWith("WRONGPASS", StringComparison.Ordinal), $"a wrong password was answered: {wrong}");
        return "NOAUTH without, WRONGPASS with a wrong one";
    }

    // One message there could name a foreign master, or an epoch after which there is no failover (docs/security.md).
    private async Task<string> SentinelChannelAsync()
    {
        const string Channel = "__sentinel__:hello";
        using var client = await _cluster.ClientAsync();
        foreach (var command in new string[][]
        {
            ["PUBLISH", Channel, "forged"],
            ["SPUBLISH", Channel, "forged"],
            ["EVAL", "return redis.call('PUBLISH', ARGV[1], 'forged')", "0", Channel],
        })
        {
            var reply = await client.AskAsync(command);
            CheckList.Require(reply.IsError, $"{command[0]} on {Channel} was answered: {reply}");
        }

        var other = await client.AskAsync("PUBLISH", "redis-ha:lab", "hello");
        CheckList.Require(!other.IsError, $"PUBLISH on another channel was answered: {other}");
        return "refused there by PUBLISH, SPUBLISH and EVAL, allowed on another channel";
    }

    private async Task<string> ReplicatedAsync()
    {
        var master = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        var (key, value) = ("redis-ha:lab:" + Guid.NewGuid().ToString("n"), Guid.NewGuid().ToString("n"));
        using var client = await _cluster.ClientAsync();
        var written = await client.AskAsync("SET", key, value, "EX", "600");
        CheckList.Require(!written.IsError, $"SET was answered: {written}");
        var readers = _cluster.Redis.Where(node => node != master).ToList();
        foreach (var node in readers)
        {
            await CheckList.EventuallyAsync(TimeSpan.FromSeconds(5), async () =>
            {
                using var session = await _cluster.OnNodeAsync(node);
                var read = await session.AskAsync("GET", key);
                CheckList.Require(read.Text == value, $"{node.Name} has {read}");
                return "";
            });
        }

        await client.AskAsync("DEL", key);
        return $"written to {master.Name}, read from {string.Join(" and ", readers.Select(node => node.Name))}";
    }

    // The nodes' own command, as the rollout uses it, while clients write and read.
    private async Task<string> SwitchoverAsync()
    {
        var old = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        var next = _cluster.Redis.SkipWhile(node => node != old).Skip(1).FirstOrDefault() ?? _cluster.Redis.First(node => node != old);
        await using var clients = await LoadClients.StartAsync(_cluster);
        var since = clients.Now;
        var run = await _cluster.ShellAsync(old.Name, $"redis-ha-switchover {next.Name}");
        CheckList.Require(run.ExitCode == 0, $"redis-ha-switchover {next.Name} on {old.Name}: {Host.HostCommand.Tail(run.Output + run.Error, 3)}");
        await clients.MoreAsync(100);
        var report = await clients.FinishAsync(since);
        var master = await _cluster.MasterAsync();
        CheckList.Require(master == next, $"{master?.Name ?? "nobody"} is master, {next.Name} expected");
        CheckList.Require(report.NothingLost,
            $"{report.LostWrites} acknowledged writes lost, {report.CountedTwice} numbers given twice, {report.StaleReads} stale reads");
        CheckList.Require(report.FailedWithRetry.Count == 0, $"commands failed even with one retry: {string.Join(", ", report.FailedWithRetry)}");
        await Whole.RolesAsync();
        await Whole.SentinelsAsync();
        return string.Create(CultureInfo.InvariantCulture,
            $"{old.Name} to {next.Name}; longest time without an acknowledged write {report.LongestGapMilliseconds:0} ms; {report.Failed.Values.Sum()} of "
                + $"{report.Commands} commands failed, none of them when tried once more; nothing lost");
    }

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
        return string.Create(CultureInfo.InvariantCulture, $"{old.Name} off, {master!.Name} took over; writes again after {gap.TotalSeconds:0.0} s, {lost} "
            + $"of {outage.Acknowledged} acknowledged writes lost");
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
        var roles = await Whole.RolesAsync();
        await Whole.SentinelsAsync();
        return roles;
    }

    // A script that has written cannot be ended by a command, so the node stays as it is until its process is killed.
    private async Task<string> EndlessScriptAsync()
    {
        var old = await _cluster.MasterAsync() ?? throw new CheckFailedException("not exactly one node says that it is the master");
        await using var outage = await Outage.StartAsync(_cluster);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using (var client = await _cluster.ClientAsync(TimeSpan.FromSeconds(1)))
        {
            try
            {
                var reply = await client.AskAsync("EVAL", "redis.call('SET', KEYS[1], '1', 'EX', '600') while true do end", "1", "redis-ha:lab:endless");
                throw new CheckFailedException($"the script was answered: {reply}");
            }
            catch (Exception e) when (ClusterView.IsRefusal(e))
            {
                // No answer, as it must be.
            }
        }

        await outage.WaitForWritesAsync(5, Settle, outage.Now() + TimeSpan.FromSeconds(1));
        var writes = clock.Elapsed;
        await CheckList.EventuallyAsync(Settle, async () =>
        {
            var role = (await _cluster.OperatorAsync(old.Name, "redis", "ROLE"))[0];
            CheckList.Require(role == "slave", $"{old.Name} says {role}");
            return "";
        });
        var freed = clock.Elapsed;
        await Whole.RolesAsync();
        await Whole.SentinelsAsync();
        return string.Create(CultureInfo.InvariantCulture,
            $"{old.Name} busy; writes again after {writes.TotalSeconds:0.0} s, {old.Name} is a replica after {freed.TotalSeconds:0.0} s");
    }

    private async Task ProxyStopAsync()
    {
        var proxy = _cluster.Proxies[0];
        var drain = new ProxyDrain(_cluster, proxy);
        await _checks.RunAsync($"{proxy.Name} is stopped under load, the balancer goes on with {_cluster.Proxies[^1].Name}, no command fails",
            drain.StopAsync);
        await _checks.RunAsync($"{proxy.Name} is started under load and serves again, no command fails", async () =>
        {
            var clients = await drain.StartAsync();
            return $"{await WaysAsync()}; {clients}";
        });
        await _checks.RunAsync($"power cut of {_cluster.Proxies[^1].Name}: its silent sessions are reset, those of {proxy.Name} go on",
            () => ProxyPowerCutAsync(_cluster.Proxies[^1]));
    }

    // A dead machine says no farewell, and a client that waits for an answer sends nothing: the balancer must end its session.
    private async Task<string> ProxyPowerCutAsync(NodeRow proxy)
    {
        var sessions = new List<RespConnection>();
        try
        {
            for (var i = 0; i < 12; i++)
            {
                sessions.Add(await _cluster.ClientAsync());
            }

            var clock = System.Diagnostics.Stopwatch.StartNew();
            await Lab.CutPowerAsync(proxy.Name);
            var wasReset = await Task.WhenAll(sessions.Select(session => session.IsResetWithinAsync(TimeSpan.FromSeconds(12))));
            var count = wasReset.Count(reset => reset);
            CheckList.Require(count > 0 && count < sessions.Count,
                $"{count} of {sessions.Count} sessions were reset within 12 s; some, and not all, expected");
            foreach (var session in sessions.Zip(wasReset).Where(pair => !pair.Second).Select(pair => pair.First))
            {
                var reply = await session.AskAsync("PING");
                CheckList.Require(reply.Text == "PONG", $"a session that was not reset answered {reply}");
            }

            return string.Create(CultureInfo.InvariantCulture,
                $"{count} of {sessions.Count} sessions were reset, the others answer; {clock.Elapsed.TotalSeconds:0.0} s with the wait for both");
        }
        finally
        {
            foreach (var session in sessions)
            {
                session.Dispose();
            }

            await Lab.StartMachineAsync(proxy.Name);
            await CheckList.EventuallyAsync(Settle * 2, () =>
            {
                var seen = Services.BackendHealth.Read(Lab.Paths).FirstOrDefault(backend => backend.Address == proxy.Address);
                CheckList.Require(Lab.Machine(proxy.Name).Phase() == MachinePhase.Ready && seen?.Healthy == true,
                    $"{proxy.Name} does not come up again ({seen?.Detail})");
                return Task.FromResult("");
            });
        }
    }
}
