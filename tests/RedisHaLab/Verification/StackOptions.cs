// Options of a stack, used as their users do: what the settings of the last `up` say decides which of these checks there are.

using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaInfra.Settings;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Network;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>Checks of options.</summary>
internal sealed class StackOptions
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ClusterView _cluster;

    /// <summary>Reads the settings.</summary>
    public StackOptions(ClusterView cluster)
    {
        _cluster = cluster;
        var file = cluster.Lab.Paths.SettingsFile;
        Settings = File.Exists(file)
            ? StackSettings.Read(new SettingsSource(JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(file))!))
            : throw new LabException("the settings of this lab are not known: run `up` once more.");
    }

    /// <summary>The settings.</summary>
    public StackSettings Settings { get; }

    /// <summary>Runs the checks of the options that are set.</summary>
    public async Task RunAsync(CheckList checks)
    {
        await checks.RunAsync("the Sentinels have the stack's timings", SentinelsAsync);
        await checks.RunAsync($"the append-only file is {(Settings.Redis.HasAppendOnlyFile ? "on" : "off")}", AppendOnlyAsync);
        if (Settings.Compute.DataVolumeGb > 0)
        {
            await checks.RunAsync("Redis' data is on a volume of its own, as large as the setting", VolumesAsync);
        }

        foreach (var user in Settings.Redis.Users)
        {
            await checks.RunAsync($"the user {user.Name} comes in with each of its passwords", () => UserAsync(user));
        }

        if (Settings.Network.EndpointName is { } name)
        {
            await checks.RunAsync($"a client finds {name}", () => NameAsync(name));
        }

        if (Settings.Tls is { } tls)
        {
            var client = new TlsClient(_cluster, Settings);
            await checks.RunAsync("a client over TLS", client.ServedAsync);
            if (tls.ClientAuthorities is not null)
            {
                await checks.RunAsync("a client over TLS without a certificate is refused", client.RefusedAsync);
            }
        }

        if (Settings.Proxy.HandsOver)
        {
            await checks.RunAsync("the proxies hand their sessions over to the kernel", new HandOverUse(_cluster).CheckAsync);
        }

        if (PerSource is > 0 and var limit && Settings.Network.HasProxyProtocol)
        {
            await checks.RunAsync("one client's address has a limit, others are served", () => LimitAsync(limit));
        }
    }

    /// <summary>Runs those again that a machine or a service which has started again could spoil.</summary>
    public async Task AgainAsync(CheckList checks)
    {
        if (Settings.Proxy.HandsOver)
        {
            await checks.RunAsync("after all that, the proxies hand their sessions over", new HandOverUse(_cluster).CheckAsync);
        }
    }

    private int PerSource => Settings.Proxy.Keys.Length == 0 ? 0
        : JsonNode.Parse(Settings.Proxy.Keys)?["limits"]?["perSource"]?.GetValue<int>() ?? 0;

    private async Task<string> SentinelsAsync()
    {
        var wanted = new Dictionary<string, int>
        {
            ["down-after-milliseconds"] = Settings.Sentinel.DownAfterMilliseconds,
            ["failover-timeout"] = Settings.Sentinel.FailoverTimeoutMilliseconds,
            ["parallel-syncs"] = Settings.Sentinel.ParallelSyncs,
            ["quorum"] = Settings.Sentinel.Quorum,
        };
        foreach (var node in _cluster.Redis)
        {
            var lines = await _cluster.OperatorAsync(node.Name, "sentinel", "SENTINEL MASTER \"$REDIS_HA_MASTER_NAME\"");
            var fields = lines.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
            foreach (var (field, value) in wanted)
            {
                CheckList.Require(fields.GetValueOrDefault(field) == Text(value),
                    $"the Sentinel on {node.Name} has {field} {fields.GetValueOrDefault(field, "nowhere")}, {value} expected");
            }
        }

        return string.Join(", ", wanted.Select(pair => $"{pair.Key} {pair.Value}"));
    }

    private async Task<string> AppendOnlyAsync()
    {
        var wanted = Settings.Redis.HasAppendOnlyFile ? "1" : "0";
        foreach (var node in _cluster.Redis)
        {
            var persistence = await _cluster.OperatorAsync(node.Name, "redis", "INFO persistence");
            CheckList.Require(persistence.Contains("aof_enabled:" + wanted), $"{node.Name} does not say aof_enabled:{wanted}");
        }

        return $"aof_enabled:{wanted} on each node";
    }

    private async Task<string> VolumesAsync()
    {
        foreach (var node in _cluster.Redis)
        {
            var mounted = (await _cluster.ShellAsync(node.Name, "findmnt --noheadings --bytes --output LABEL,SIZE --mountpoint /var/lib/redis")).Output
                .Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            CheckList.Require(mounted is ["redis-ha-data", _], $"{node.Name} has another file system at /var/lib/redis: {string.Join(' ', mounted)}");
            // A file system's own tables take a part of the volume.
            var gigabytes = double.Parse(mounted[1], CultureInfo.InvariantCulture) / (1L << 30);
            CheckList.Require(gigabytes > Settings.Compute.DataVolumeGb * 0.95,
                $"{node.Name}'s data volume has {gigabytes:0} GB, {Settings.Compute.DataVolumeGb} expected");
        }

        return $"{Settings.Compute.DataVolumeGb} GB on each node";
    }

    private async Task<string> UserAsync(RedisUser user)
    {
        foreach (var password in user.Passwords)
        {
            using var session = await _cluster.ConnectedAsync();
            var entered = await session.AskAsync("AUTH", user.Name, password.Reveal());
            CheckList.Require(entered.Text == "OK", $"AUTH {user.Name} with one of its passwords was answered: {entered}");
            var refused = await session.AskAsync("CONFIG", "SET", "maxmemory", "1");
            CheckList.Require(refused.IsError && refused.Text.StartsWith("NOPERM", StringComparison.Ordinal),
                $"CONFIG SET as {user.Name} was answered: {refused}");
        }

        using var stranger = await _cluster.ConnectedAsync();
        var wrong = await stranger.AskAsync("AUTH", user.Name, user.Passwords[0].Reveal() + "x");
        CheckList.Require(wrong.IsError && wrong.Text.StartsWith("WRONGPASS", StringComparison.Ordinal), $"a wrong password was answered: {wrong}");
        return $"{user.Passwords.Length} of {user.Passwords.Length} passwords, none may CONFIG SET, another password is refused";
    }

    private async Task<string> NameAsync(string name)
    {
        var asked = await HostCommand.RunAsync(ClientShell.Command(_cluster.Lab, VcnNetwork.ClientRole, ["getent", "ahostsv4", name]), timeout: Patience);
        var address = asked.Output.Split(' ', '\n')[0];
        CheckList.Require(address == _cluster.Endpoint.Address.ToString(), $"{name} is \"{address}\" for a client; {_cluster.Endpoint.Address} expected");
        using var session = await _cluster.ClientAsync();
        var reply = await session.AskAsync("PING");
        CheckList.Require(reply.Text == "PONG", $"PING at {address} was answered: {reply}");
        return $"{name} is {address}, which answers";
    }

    // Each proxy counts for itself. The balancer's own address would make all clients one source.
    private async Task<string> LimitAsync(int limit)
    {
        var most = limit * _cluster.Proxies.Count;
        var sessions = new List<RespConnection>();
        try
        {
            var refused = 0;
            for (var i = 0; i < most + 10; i++)
            {
                if (await ServedAsync(VcnNetwork.ClientRole) is { } session)
                {
                    sessions.Add(session);
                }
                else
                {
                    refused++;
                }
            }

            CheckList.Require(sessions.Count >= limit && sessions.Count <= most && refused >= 10,
                $"{sessions.Count} sessions from one address were served and {refused} refused; at most {most} expected, {limit} for each proxy");
            var isInvited = Settings.Network.ClientCidrs.Any(cidr => IPNetwork.Parse(cidr).Contains(IPAddress.Parse(Addresses.Office)));
            using var other = isInvited ? await ServedAsync(VcnNetwork.OfficeRole) : null;
            CheckList.Require(!isInvited || other is not null, $"a client at {Addresses.Office} is not served either");
            return $"{sessions.Count} sessions from one address served, {refused} refused{(isInvited ? $"; {Addresses.Office} is served meanwhile" : "")}";
        }
        finally
        {
            sessions.ForEach(session => session.Dispose());
        }
    }

    private async Task<RespConnection?> ServedAsync(string role)
    {
        RespConnection? session = null;
        try
        {
            session = await _cluster.ConnectedAsync(role);
            if ((await session.AskAsync("AUTH", _cluster.Password)).Text == "OK")
            {
                return session;
            }
        }
        catch (Exception e) when (ClusterView.IsRefusal(e))
        {
            // Refused, as it may be.
        }

        session?.Dispose();
        return null;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
