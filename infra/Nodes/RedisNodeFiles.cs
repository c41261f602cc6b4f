// The files of a Redis node's payload: redis-server's and redis-sentinel's settings and users, the scripts and the units.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Renders a Redis node's files.</summary>
internal static class RedisNodeFiles
{
    /// <summary>The files, node.env last and without the payload's identifier.</summary>
    /// <exception cref="ArgumentException">An input breaks a rule of <see cref="PayloadRules"/>.</exception>
    public static IReadOnlyList<PayloadFile> Render(RedisNodeInputs inputs)
    {
        string address = PayloadRules.Address(inputs.Node.Address);
        if (!inputs.Nodes.Contains(inputs.Node))
        {
            throw new ArgumentException($"The node {inputs.Node.Name} is not one of the Redis nodes.");
        }
        return
        [
            PayloadFile.Embedded("redis/apply.sh"),
            .. CommonFiles.Render(inputs.Login),
            PayloadFile.Embedded("redis/node.sh"),
            PayloadFile.Later("redis/passwords.sh"),
            PayloadFile.Later("redis/cluster.sh"),
            PayloadFile.Later("redis/progress.sh"),
            PayloadFile.Later("redis/decide.sh"),
            PayloadFile.Later("redis/boot.sh"),
            PayloadFile.Later("redis/boot-rule.sh"),
            PayloadFile.Later("redis/joined.sh"),
            PayloadFile.Later("redis/mark.sh"),
            PayloadFile.Later("redis/sentinel-conf.sh"),
            PayloadFile.Later("redis/cli.sh"),
            PayloadFile.Later("redis/switchover.sh"),
            PayloadFile.Embedded("redis/needrestart.conf"),
            PayloadFile.Embedded("redis/sysctl.conf"),
            PayloadFile.Embedded("redis/thp.conf"),
            PayloadFile.Later("redis/redis-ha-joined.service"),
            PayloadFile.Later("redis/sentinel.dropin.conf"),
            PayloadFile.Rendered("redis/redis.dropin.conf", ("file-limit", FileLimit(inputs.Redis.MaxClients))) with { IsInUserData = false },
            Settings(inputs, address) with { IsInUserData = false },
            Users(inputs) with { IsInUserData = false },
            SentinelSettings(inputs, address) with { IsInUserData = false },
            SentinelUsers(inputs.Passwords) with { IsInUserData = false },
            // Not secret, but of no use before Redis runs, and user data has little room.
            PayloadFile.Embedded("redis/watch.sh") with { IsInUserData = false },
            PayloadFile.Rendered("redis/redis-ha-watch.service",
                ("addresses", string.Join(' ', inputs.Nodes.Select(node => PayloadRules.Address(node.Address))))) with { IsInUserData = false },
            PayloadFile.Later("redis/backup-install.sh"),
            PayloadFile.Later("redis/backup.sh"),
            PayloadFile.Later("redis/backup-cli.sh"),
            PayloadFile.Later("redis/restore.sh"),
            PayloadFile.Later("redis/room.sh"),
            PayloadFile.Later("redis/restore-fetch.sh"),
            PayloadFile.Later("redis/restore-serve.sh"),
            PayloadFile.Later("redis/redis-ha-backup@.service"),
            .. Engine(inputs.Redis.Engine),
            .. Tls(inputs.Tls),
            .. Backup(inputs.Backup),
            .. DataVolume(inputs.DataVolumeGb),
            .. Metrics(inputs),
            PayloadFile.Secret("backup.password", PayloadRules.PlainPassword(inputs.Passwords.Replication, "replication") + "\n"),
            PayloadFile.Secret("watch.password", PayloadRules.PlainPassword(inputs.Passwords.Watch, "watch") + "\n"),
            PayloadFile.Secret("operator.password", PayloadRules.PlainPassword(inputs.Passwords.Operator, "operator") + "\n"),
            new("node.env", $"""
                REDIS_HA_ROLE=redis
                REDIS_HA_NODE={PayloadRules.Name(inputs.Node.Name)}
                REDIS_HA_ADDRESS={address}
                REDIS_HA_LOGIN_USER={PayloadRules.Name(inputs.Login.User)}
                REDIS_HA_NODES='{string.Join(' ', inputs.Nodes.Select(node => $"{PayloadRules.Name(node.Name)}={PayloadRules.Address(node.Address)}"))}'
                REDIS_HA_MASTER_NAME={PayloadRules.MasterName(inputs.Sentinel.MasterName)}
                REDIS_HA_UPGRADE={PayloadRules.OptionalWord(inputs.Redis.Upgrade, "redisUpgrade")}
                REDIS_HA_DOWN_AFTER_MS={Text(inputs.Sentinel.DownAfterMilliseconds)}
                {EngineName(inputs.Redis.Engine)}{UserNames(inputs.Redis.Users)}{Options(inputs)}
                """),
        ];
    }

    // Facts of what is not there by default.
    private static string Options(RedisNodeInputs inputs) =>
        (inputs.Tls is null ? string.Empty : "REDIS_HA_TLS=yes\n")
        + (inputs.Backup is { } backup ? $"REDIS_HA_BACKUP_SECONDS={Text(backup.LongestPause)}\n" : string.Empty)
        + (inputs.DataVolumeGb > 0 ? $"REDIS_HA_DATA_GB={Text(inputs.DataVolumeGb)}\n" : string.Empty);

    // The distribution's Redis has units of its own.
    private static PayloadFile[] Engine(string engine) => engine == Setting.Engine.Value ? []
        : [PayloadFile.Later("redis/engine-server.service"), PayloadFile.Later("redis/engine-sentinel.service")];

    // Key and certificate in one file: redis-server then reads both again at once.
    private static PayloadFile[] Tls(NodeTls? tls) => tls is null ? []
        : [PayloadFile.Secret("redis-ca.crt", tls.Authority), PayloadFile.Secret("redis-tls.pem", tls.Certificate + tls.Key)];

    // One port, with TLS or without: a server takes either kind at a port.
    private static string Port(int port, NodeTls? tls) => tls is null
        ? $"port {Text(port)}"
        : $"""
            port 0
            tls-port {Text(port)}
            tls-cert-file /etc/redis-ha/redis-tls.pem
            tls-key-file /etc/redis-ha/redis-tls.pem
            tls-ca-cert-file /etc/redis-ha/redis-ca.crt
            tls-auth-clients no
            tls-replication yes
            """;

    private static PayloadFile[] Backup(NodeBackup? backup) => backup is null
        ? []
        :
        [
            PayloadFile.Secret("backup.address", PayloadRules.Url(backup.Address) + "\n"),
            PayloadFile.Rendered("redis/redis-ha-backup.timer",
                ("calendar", string.Join('\n', backup.Calendar.Select(time => $"OnCalendar={PayloadRules.Calendar(time)}")))) with { IsInUserData = false },
        ];

    private static PayloadFile[] DataVolume(int gigabytes) => gigabytes == 0
        ? []
        :
        [
            PayloadFile.Later("redis/data-volume.sh"),
            PayloadFile.Later("redis/data-volume-install.sh"),
            PayloadFile.Later("redis/redis-ha-data.service"),
            PayloadFile.Later("redis/data-volume.dropin.conf"),
        ];

    private static PayloadFile[] Metrics(RedisNodeInputs inputs) => inputs.Metrics is not { } metrics
        ? []
        :
        [
            PayloadFile.Later("redis/metrics.sh"),
            PayloadFile.Later("redis/metrics-install.sh"),
            PayloadFile.Later("redis/redis-ha-metrics.service"),
            PayloadFile.Later("redis/redis-ha-metrics.timer"),
            new("metrics.env", $"""
                REDIS_HA_METRICS_NAMESPACE={CustomMetrics.Namespace}
                REDIS_HA_COMPARTMENT={PayloadRules.Identifier(metrics.CompartmentId)}
                REDIS_HA_DEPLOYMENT={PayloadRules.Identifier(metrics.Deployment)}
                REDIS_HA_MIN_REPLICAS={Text(inputs.Redis.MinReplicasToWrite)}

                """) { IsInUserData = false },
        ];

    /// <summary>Open files of a process that accepts this many clients: at least 65,536, and room for everything else.</summary>
    public static string FileLimit(int clients) => Text(Math.Max(65_536, 2 * clients + 1_024));

    private static PayloadFile Settings(RedisNodeInputs inputs, string address)
    {
        var settings = PayloadFile.Rendered(
            "redis/settings.conf",
            ("port", Port(Ports.Redis, inputs.Tls)),
            ("address", address),
            ("maxclients", Text(inputs.Redis.MaxClients)),
            ("replication-password", PayloadRules.PlainPassword(inputs.Passwords.Replication, "replication")),
            ("repl-backlog-size", PayloadRules.Word(inputs.Redis.ReplicationBacklog, "repl-backlog-size")),
            ("min-replicas-to-write", Text(inputs.Redis.MinReplicasToWrite)),
            ("min-replicas-max-lag", Text(inputs.Redis.MinReplicasMaxLagSeconds)),
            ("appendonly", inputs.Redis.HasAppendOnlyFile ? "yes" : "no"),
            ("save", Save(inputs.Redis.Save)),
            ("appendfsync", PayloadRules.Word(inputs.Redis.AppendFsync, "appendfsync")),
            ("maxmemory", inputs.Redis.MaxMemory is { } memory
                ? $"maxmemory {PayloadRules.Word(memory, "maxmemory")}"
                : "# maxmemory: three quarters of this machine's memory, added by the boot rule"),
            ("maxmemory-policy", PayloadRules.Word(inputs.Redis.MaxMemoryPolicy, "maxmemory-policy")),
            ("client-output-buffer", PayloadRules.DirectiveValue(inputs.Redis.ClientOutputBuffer, "client-output-buffer-limit")),
            ("client-memory", PayloadRules.DirectiveValue(inputs.Redis.ClientMemory, "maxmemory-clients")));

        // Each directive once: an override takes the place of our line.
        IEnumerable<string> lines = settings.Content.TrimEnd('\n').Split('\n')
            .Where(line => !inputs.Redis.Overrides.ContainsKey(line.Split(' ')[0]))
            .Concat(inputs.Redis.Overrides.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(Override));
        return settings with { Content = string.Join('\n', lines) + "\n" };
    }

    private static string Override(KeyValuePair<string, string> pair) =>
        RedisDirectives.Reserved.Contains(pair.Key)
            ? throw new ArgumentException($"\"{pair.Key}\" cannot be overridden: the cluster depends on it, or it has a setting of its own.")
            : $"{PayloadRules.Directive(pair.Key)} {PayloadRules.DirectiveValue(pair.Value, pair.Key)}";

    // Lines of their own for node.env, where there is something to say.
    private static string EngineName(string engine) => engine == Setting.Engine.Value ? string.Empty
        : $"REDIS_HA_ENGINE={PayloadRules.Word(engine, "engine")}\n";

    private static string UserNames(IReadOnlyList<RedisUser> users) => users.Count == 0 ? string.Empty
        : $"REDIS_HA_USERS='{string.Join(' ', users.Select(user => PayloadRules.UserName(user.Name)))}'\n";

    // Redis 6.2 takes one pair in a line, and one line is all that this file may have of a directive.
    private static string Save(string pairs) => pairs.Length == 0 ? "save \"\""
        : pairs.Split(' ') is [var seconds, var changes, _, ..] ? $"@7.0 save {PayloadRules.DirectiveValue(pairs, "save")}\n@6.2 save {seconds} {changes}"
        : $"save {PayloadRules.DirectiveValue(pairs, "save")}";

    private static PayloadFile Users(RedisNodeInputs inputs)
    {
        var file = PayloadFile.Rendered(
            "redis/users.acl",
            ("client-user", ClientUser.Lines(Hashes(inputs.Passwords, "default", all => all.Client), inputs.Redis.ClientCommands)),
            ("replication-password", Hashes(inputs.Passwords, "replication", all => all.Replication)),
            ("sentinel-password", Hashes(inputs.Passwords, "sentinel", all => all.Sentinel)),
            ("health-password", Hashes(inputs.Passwords, "rp-health", all => all.Health)),
            ("watch-password", Hashes(inputs.Passwords, "watch", all => all.Watch)),
            ("operator-password", Hashes(inputs.Passwords, "operator", all => all.Operator)));
        return file with
        {
            Content = file.Content + MetricsUser(inputs.Passwords) + string.Concat(inputs.Redis.Users.Select(user => ClientUser.Line(user,
                string.Join(' ', user.Passwords
                    .Select(password => $"#{Hash(password.Reveal())}").Distinct().Order(StringComparer.Ordinal))) + "\n")),
        };
    }

    // What redis_exporter asks by itself (scrapeRedisHost in its exporter.go) and that shows no data: CONFIG GET has passwords, SLOWLOG GET the
    // arguments of commands, CLIENT LIST who is connected.
    private static string MetricsUser(NodePasswords passwords) => passwords.Metrics is null ? string.Empty
        : $"user {ProxyDocument.MetricsUser} on {Hashes(passwords, ProxyDocument.MetricsUser, all => all.Metrics)} resetkeys resetchannels -@all +ping +info "
            + "+client|setname +slowlog|len +latency|latest +latency|histogram\n";

    private static PayloadFile SentinelSettings(RedisNodeInputs inputs, string address) =>
        PayloadFile.Rendered(
            "redis/sentinel-settings.conf",
            ("port", Port(Ports.Sentinel, inputs.Tls)),
            ("address", address),
            ("myid", SentinelIdentifier(inputs.Sentinel.MasterName, address)),
            ("sentinel-password", PayloadRules.PlainPassword(inputs.Passwords.Sentinel, "sentinel")),
            ("master-name", PayloadRules.MasterName(inputs.Sentinel.MasterName)),
            ("quorum", Text(inputs.Sentinel.Quorum)),
            ("down-after", Text(inputs.Sentinel.DownAfterMilliseconds)),
            ("failover-timeout", Text(inputs.Sentinel.FailoverTimeoutMilliseconds)),
            ("parallel-syncs", Text(inputs.Sentinel.ParallelSyncs)));

    private static PayloadFile SentinelUsers(NodePasswords passwords) =>
        PayloadFile.Rendered(
            "redis/sentinel-users.acl",
            ("sentinel-password", Hashes(passwords, "sentinel", all => all.Sentinel)),
            ("proxy-password", Hashes(passwords, "rp-sentinel", all => all.SentinelWatch)),
            ("watch-password", Hashes(passwords, "watch", all => all.Watch)),
            ("operator-password", Hashes(passwords, "operator", all => all.Operator)));

    /// <summary>
    /// A Sentinel's own identifier, 40 hexadecimal digits, the same whenever the machine at this address is built again: the others
    /// then meet an old acquaintance, and never count one Sentinel more than there are (a majority is of all they have ever known).
    /// </summary>
    private static string SentinelIdentifier(string masterName, string address) => Hash($"{masterName} {address}")[..40];

    /// <summary>What a file of users has behind "on": every password of a user that is valid, sorted, as passwords.sh writes them.</summary>
    private static string Hashes(NodePasswords passwords, string user, Func<NodePasswords, string?> of) =>
        string.Join(' ', new[] { passwords, passwords.Former }.OfType<NodePasswords>().Select(of).OfType<string>()
            .Select(password => $"#{Hash(PayloadRules.Password(password, user))}").Distinct().Order(StringComparer.Ordinal));

    /// <summary>SHA-256 in lower-case hexadecimal, as Redis' ACL writes password hashes.</summary>
    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
