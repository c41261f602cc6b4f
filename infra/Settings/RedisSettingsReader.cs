// Reads the settings of Redis and Sentinel, with the rules that tie them to each other and to the machines.

using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

internal static partial class RedisSettingsReader
{
    // What the system, its packages, logs and the proxy's or Redis' programs take, with room.
    private const int SystemGb = 10;

    // What ext4 takes for its tables and its journal, with room.
    private const double FileSystemShare = 1.05;

    public static RedisSettings Redis(SettingsReader reader, NetworkSettings network, ComputeSettings compute, ProxySettings proxy, SentinelSettings sentinel)
    {
        int replicas = Math.Max(1, network.Redis.Length - 1);
        const string sizeRule = "a size as redis.conf writes it: a number and b, k, kb, m, mb, g or gb";
        const string bufferRule = "three words: hard limit, soft limit and seconds; the limits as redis.conf writes sizes (256mb 64mb 60)";
        const string shareRule = "a share of maxmemory from 1% to 50%, a size as redis.conf writes it, or 0 for no bound";
        var settings = new RedisSettings
        {
            Engine = reader.Choice(Setting.Engine),
            MinReplicasToWrite = reader.Integer(Setting.RedisMinReplicasToWrite, Setting.RedisMinReplicasToWrite.Minimum, replicas),
            MinReplicasMaxLagSeconds = reader.Integer(Setting.RedisMinReplicasMaxLagSeconds),
            MaxMemory = reader.OptionalText(Setting.RedisMaxMemory, SizeForm(), sizeRule + "; nothing for three quarters of the machine's memory"),
            MaxMemoryPolicy = reader.Choice(Setting.RedisMaxMemoryPolicy),
            HasAppendOnlyFile = reader.Choice(Setting.RedisAppendOnly) == "yes",
            AppendFsync = reader.Choice(Setting.RedisAppendFsync),
            Save = reader.OptionalText(Setting.RedisSave, SaveForm(),
                "one to eight pairs of seconds and changes, as redis.conf's save (3600 1 300 100); nothing for no snapshots") ?? string.Empty,
            Users = RedisUser.Read(reader),
            ReplicationBacklog = reader.Text(Setting.RedisReplicationBacklog, SizeForm(), sizeRule),
            MaxClients = MaxClients(reader, network.Proxies.Length, proxy.MaxConnections),
            ClientOutputBuffer = reader.Text(Setting.RedisClientOutputBuffer, BufferForm(), bufferRule),
            ClientMemory = reader.Text(Setting.RedisClientMemory, ShareForm(), shareRule),
            Upgrade = reader.OptionalText(Setting.RedisUpgrade, UpgradeForm(), "1 to 32 letters, digits and hyphens, such as the date of the upgrade")
                ?? string.Empty,
            ClientCommands = ClientCommands.Read(reader),
            Overrides = Overrides(reader),
        };

        CheckFence(reader, settings, sentinel.DownAfterMilliseconds);
        CheckBuffer(reader, settings.ClientOutputBuffer, compute);
        if (compute.Redis.IsFlexible && settings.MaxMemory is not null)
        {
            int threeQuarters = compute.Redis.MemoryGb * 768;
            reader.RequireOr(threeQuarters % 1024 == 0 ? $"{threeQuarters / 1024}gb" : $"{threeQuarters}mb",
                Bytes(settings.MaxMemory) <= compute.Redis.MemoryGb * 0.9 * (1L << 30), Setting.RedisMaxMemory,
                $"at most nine tenths of redisMemoryGb, {compute.Redis.MemoryGb}: the system and the fork for replication need room", Setting.RedisMemoryGb);
            reader.Require(Bytes(settings.MaxMemory) >= 1 << 20, Setting.RedisMaxMemory, "at least 1mb");
        }
        CheckDisk(reader, compute, settings);
        return settings;
    }

    // 0 follows the number of proxies, so that one more needs no second setting.
    private static int MaxClients(SettingsReader reader, int proxies, int connectionsOfEach)
    {
        int set = reader.Integer(Setting.RedisMaxClients), needed = RedisSettings.ClientsOf(proxies, connectionsOfEach);
        if (set == 0)
        {
            return needed + RedisSettings.SpareClients;
        }
        if (!reader.Failed(Setting.ProxyMaxConnections, Setting.ProxyAddresses))
        {
            reader.RequireAtLeast(set, needed, Setting.RedisMaxClients,
                $"at least {needed}: {proxies} proxies x proxyMaxConnections ({connectionsOfEach}) + 100 for replicas, Sentinels and probes; "
                + "0 follows them by itself");
        }
        return set;
    }

    // The fence must close before the Sentinels promote another node; one second is the resolution of Redis' clock here.
    private static void CheckFence(SettingsReader reader, RedisSettings settings, int downAfter)
    {
        if (settings.MinReplicasToWrite == 0 || reader.Failed(Setting.SentinelDownAfterMilliseconds, Setting.RedisMinReplicasToWrite))
        {
            return;
        }
        const string reason = "a lost master must stop taking writes before another one takes over";
        int longest = ((downAfter - 1) / 1_000) - 1;
        if (longest < Setting.RedisMinReplicasMaxLagSeconds.Minimum)
        {
            reader.Reject(Setting.SentinelDownAfterMilliseconds, $"above 2000 unless redisMinReplicasToWrite is 0: {reason}, and it notices after two seconds "
                + "at the earliest");
            return;
        }
        reader.RequireOr(Text(longest), settings.MinReplicasMaxLagSeconds <= longest, Setting.RedisMinReplicasMaxLagSeconds,
            $"with one second more it must stay below sentinelDownAfterMilliseconds, {downAfter}: {reason}");
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // What must fit on the disk at the worst moment: the append-only file just before it is rewritten, its rewritten form, and a copy
    // of the data that a replica receives. Each holds at most as much as the memory for data.
    private static void CheckDisk(SettingsReader reader, ComputeSettings compute, RedisSettings settings)
    {
        double? memory = settings.MaxMemory is { } size ? Bytes(size) : compute.Redis.IsFlexible ? compute.Redis.MemoryGb * 0.75 * (1L << 30) : null;
        if (memory is null || reader.Failed(Setting.RedisMaxMemory, Setting.RedisMemoryGb, Setting.RedisOverrides))
        {
            return;
        }
        // redis.conf, auto-aof-rewrite-percentage: growth over the last rewrite's size at which the file is rewritten.
        string percentage = settings.Overrides.GetValueOrDefault("auto-aof-rewrite-percentage", "100");
        double growth = int.TryParse(percentage, NumberStyles.None, CultureInfo.InvariantCulture, out int percent) ? percent / 100.0 : 1;
        double gigabytes = memory.Value / (1L << 30);
        int most = (int)Math.Min((((Setting.BootVolumeGb.Maximum - SystemGb) / FileSystemShare / gigabytes) - 3) * 100, 100_000);
        if (growth * 100 > most)
        {
            reader.Reject(Setting.RedisOverrides, $"auto-aof-rewrite-percentage of at most {most}: the append-only file would outgrow the largest boot volume, "
                + $"{Setting.BootVolumeGb.Maximum} GB");
            return;
        }
        string parts = string.Create(CultureInfo.InvariantCulture, $"{1 + growth:0.##} x {gigabytes:0.##} (append-only file before its rewrite) + "
            + $"{gigabytes:0.##} (the rewritten file) + {gigabytes:0.##} (a full copy for a replica)");
        string memoryText = string.Create(CultureInfo.InvariantCulture, $"redisMaxMemory = {gigabytes:0.##} GB");
        double data = (1 + growth + 1 + 1) * gigabytes;
        if (compute.DataVolumeGb == 0)
        {
            int needed = (int)Math.Ceiling(SystemGb + data);
            reader.RequireAtLeast(compute.BootVolumeGb, needed, Setting.BootVolumeGb,
                $"at least {needed} for {memoryText}: {SystemGb} (system, logs) + {parts}");
            return;
        }
        int volume = (int)Math.Ceiling(data * FileSystemShare);
        if (!reader.Failed(Setting.RedisDataVolumeGb))
        {
            reader.RequireAtLeast(compute.DataVolumeGb, volume, Setting.RedisDataVolumeGb,
                $"at least {volume} for {memoryText}: {parts}, and what the file system takes for itself");
        }
        // A backup is made on the boot volume before it is sent, with room for another one there.
        int boot = (int)Math.Ceiling(SystemGb + (2 * gigabytes));
        if (reader.Text(Setting.BackupSchedule) is not null && !reader.Failed(Setting.BootVolumeGb))
        {
            reader.RequireAtLeast(compute.BootVolumeGb, boot, Setting.BootVolumeGb,
                $"at least {boot} for backups of {memoryText}, which are made on the boot volume: {SystemGb} (system, logs) and twice the memory");
        }
    }

    // Unbounded, or too small for one large value, would both be a fault that shows at night only.
    private static void CheckBuffer(SettingsReader reader, string limits, ComputeSettings compute)
    {
        if (reader.Failed(Setting.RedisClientOutputBuffer))
        {
            return;
        }
        string[] words = limits.Split(' ');
        double hard = Bytes(words[0]);
        double soft = Bytes(words[1]);
        reader.Require(hard >= 1 << 20, Setting.RedisClientOutputBuffer, "a hard limit of at least 1mb: one answer must fit into it, and 0 would be no limit");
        reader.Require(soft > 0 && soft <= hard, Setting.RedisClientOutputBuffer, "a soft limit above 0 that is at most the hard one");
        reader.Require(!compute.Redis.IsFlexible || hard <= compute.Redis.MemoryGb * 0.5 * (1L << 30), Setting.RedisClientOutputBuffer,
            $"a hard limit of at most half of redisMemoryGb, {compute.Redis.MemoryGb}: a single client could use up the memory", Setting.RedisMemoryGb);
    }

    public static SentinelSettings Sentinel(SettingsReader reader, NetworkSettings network)
    {
        int nodes = network.Redis.Length;
        int majority = (nodes / 2) + 1;
        int quorum = reader.Integer(Setting.SentinelQuorum, Setting.SentinelQuorum.Minimum, int.MaxValue);
        int replicas = Math.Max(1, nodes - 1);
        int parallel = reader.Integer(Setting.SentinelParallelSyncs, Setting.SentinelParallelSyncs.Minimum, replicas);
        var settings = new SentinelSettings
        {
            MasterName = reader.Text(Setting.SentinelMasterName, NameForm(), "letters, digits and . _ - characters"),
            Quorum = quorum == 0 ? majority : quorum,
            DownAfterMilliseconds = reader.Integer(Setting.SentinelDownAfterMilliseconds),
            FailoverTimeoutMilliseconds = reader.Integer(Setting.SentinelFailoverTimeoutMilliseconds),
            // One at a time, a dead one that comes first would hold up all others, and with them writes, until failover-timeout.
            ParallelSyncs = parallel == 0 ? replicas : parallel,
        };
        reader.Require(settings.Quorum <= nodes, Setting.SentinelQuorum,
            $"at most the number of Sentinels, {nodes}, or no failover can ever begin", Setting.RedisAddresses);
        reader.Require(settings.Quorum >= majority, Setting.SentinelQuorum,
            $"0, which stands for the majority of the {nodes} Sentinels, or at least that, {majority}: with fewer, a few Sentinels that alone do not see the "
            + "master begin a failover from a healthy one, and the proxies believe a master only while more Sentinels than a majority are alive",
                Setting.RedisAddresses);
        if (!reader.Failed(Setting.SentinelDownAfterMilliseconds))
        {
            reader.RequireAtLeast(settings.FailoverTimeoutMilliseconds, settings.DownAfterMilliseconds, Setting.SentinelFailoverTimeoutMilliseconds,
                $"at least sentinelDownAfterMilliseconds, {settings.DownAfterMilliseconds}");
        }
        return settings;
    }

    private static Dictionary<string, string> Overrides(SettingsReader reader)
    {
        var overrides = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in reader.List(Setting.RedisOverrides))
        {
            string[] parts = line.Split(' ', 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            string directive = parts.Length > 0 ? parts[0] : string.Empty;
            string? owner = RedisDirectives.OwnerOf(directive);
            string? rule =
                parts.Length < 2 ? $"a directive and its value, as in redis.conf; '{line}' is not"
                : line.Length > 512 || line.Any(c => c is < ' ' or > '~')
                    ? $"one line each of at most 512 printable ASCII characters; that of {directive} has others"
                : owner is not null ? $"{directive} cannot be set here: {owner}"
                : !RedisDirectives.Tunable.Contains(directive) ? $"a directive that can be tuned "
                    + $"({string.Join(", ", RedisDirectives.Tunable.Order(StringComparer.Ordinal))}); '{directive}' is not one of them"
                : !overrides.TryAdd(directive, parts[1]) ? $"each directive once; {directive} is there twice"
                : null;
            reader.Require(rule is null, Setting.RedisOverrides, rule ?? string.Empty);
        }
        return overrides;
    }

    // Redis, memtoull() in src/util.c: k is 1000, kb is 1024.
    private static double Bytes(string size)
    {
        Match match = SizeForm().Match(size);
        double number = double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
        return number * match.Groups[2].Value.ToLowerInvariant() switch
        {
            "k" => 1e3,
            "kb" => 1L << 10,
            "m" => 1e6,
            "mb" => 1L << 20,
            "g" => 1e9,
            "gb" => 1L << 30,
            _ => 1,
        };
    }

    [GeneratedRegex("^([0-9]{1,15})(b|k|kb|m|mb|g|gb)?$", RegexOptions.IgnoreCase)]
    private static partial Regex SizeForm();

    [GeneratedRegex("^[0-9]{1,15}(b|k|kb|m|mb|g|gb)? [0-9]{1,15}(b|k|kb|m|mb|g|gb)? [1-9][0-9]{0,4}$", RegexOptions.IgnoreCase)]
    private static partial Regex BufferForm();

    [GeneratedRegex("^(([1-9]|[1-4][0-9]|50)%|0|[1-9][0-9]{0,14}(b|k|kb|m|mb|g|gb)?)$", RegexOptions.IgnoreCase)]
    private static partial Regex ShareForm();

    [GeneratedRegex(@"\A[1-9][0-9]{0,7} [1-9][0-9]{0,7}( [1-9][0-9]{0,7} [1-9][0-9]{0,7}){0,7}\z")]
    private static partial Regex SaveForm();

    [GeneratedRegex("^[A-Za-z0-9-]{1,32}$")]
    private static partial Regex UpgradeForm();

    [GeneratedRegex("^[A-Za-z0-9._-]{1,64}$")]
    private static partial Regex NameForm();
}
