// Every key of the stack configuration: name, type, default, range and a good value. Pulumi.yaml declares names, types and defaults for the
// command line and adds the descriptions; a test compares the two.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;

namespace RedisHaInfra.Settings;

/// <summary>The type of a setting. Pulumi.yaml calls them string, integer, array of string and array of integer.</summary>
public enum SettingType
{
    /// <summary>Text; empty means "not set".</summary>
    Text,

    /// <summary>A whole number.</summary>
    Number,

    /// <summary>A list of text.</summary>
    TextList,

    /// <summary>A list of whole numbers.</summary>
    NumberList,
}

/// <summary>A key of the stack configuration.</summary>
/// <param name="Key">The key, without the project's namespace.</param>
/// <param name="Type">The type.</param>
/// <param name="Default">
/// The default as Pulumi.yaml has it: text or a number; null for a required key. Empty text or an empty list mean "derived" or "none".
/// </param>
/// <param name="Example">A good value; a list's values one a line.</param>
/// <param name="Secret">Whether the value must be stored encrypted.</param>
public record Setting(string Key, SettingType Type, object? Default, string Example, bool Secret = false)
{
    /// <summary>Whether <see cref="Example"/> is a value; otherwise it is the end of a command that takes the value from elsewhere.</summary>
    public bool IsExampleValue { get; init; } = true;

    /// <summary>Default of a list: empty.</summary>
    private static readonly ImmutableArray<string> None = [];

    internal static readonly Setting CompartmentId = new("compartmentId", SettingType.Text, null, "ocid1.compartment.oc1..aaaa");
    internal static readonly Setting DefinedTags = new("definedTags", SettingType.TextList, None, "Operations.CostCenter=42");
    internal static readonly Setting FreeformTags = new("freeformTags", SettingType.TextList, None, "owner=platform");
    internal static readonly Setting KmsKeyId = new("kmsKeyId", SettingType.Text, "", "ocid1.key.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting SshPublicKey = new("sshPublicKey", SettingType.Text, null, "\"$(cat ~/.ssh/id_ed25519.pub)\"") { IsExampleValue = false };
    internal static readonly Setting SshPrivateKey = new("sshPrivateKey", SettingType.Text, "", "< ~/.ssh/id_ed25519", Secret: true) { IsExampleValue = false };
    internal static readonly Setting SshPrivateKeyPath = new("sshPrivateKeyPath", SettingType.Text, "", "~/.ssh/id_ed25519") { IsExampleValue = false };
    internal static readonly Setting AdminCidrs = new("adminCidrs", SettingType.TextList, null, "203.0.113.7/32");
    internal static readonly Setting ClientCidrs = new("clientCidrs", SettingType.TextList, None, "10.0.0.0/16");
    internal static readonly Setting ClientPassword = new("clientPassword", SettingType.Text, "", "", Secret: true) { IsExampleValue = false };
    internal static readonly Setting FormerClientPassword = new("formerClientPassword", SettingType.Text, "", "", Secret: true) { IsExampleValue = false };
    internal static readonly Setting PasswordVersions = new("passwordVersions", SettingType.NumberList, None, "1\n2");
    internal static readonly Setting ClientCommands = new("clientCommands", SettingType.TextList, None, "+client|kill");

    internal static readonly Setting RedisUsers = new("redisUsers", SettingType.Text, "", "< users.json", Secret: true) { IsExampleValue = false };

    internal static readonly ChoiceSetting Bastion = new("bastion", ["vm", "service", "none"]);
    internal static readonly TextSetting VcnCidr = new("vcnCidr", "172.31.235.0/24", "172.31.235.0/24");
    internal static readonly Setting PublicSubnetCidr = new("publicSubnetCidr", SettingType.Text, "", "172.31.235.0/25");
    internal static readonly Setting PrivateSubnetCidr = new("privateSubnetCidr", SettingType.Text, "", "172.31.235.128/25");
    internal static readonly Setting BastionAddress = new("bastionAddress", SettingType.Text, "", "172.31.235.2");
    internal static readonly Setting RedisAddresses = new("redisAddresses", SettingType.TextList, None, "172.31.235.131\n172.31.235.132\n172.31.235.133");
    internal static readonly Setting AbsentNodes = new("absentNodes", SettingType.TextList, None, "redis4") { IsExampleValue = false };
    internal static readonly Setting ProxyAddresses = new("proxyAddresses", SettingType.TextList, None, "172.31.235.141\n172.31.235.142");
    internal static readonly Setting LoadBalancerAddress = new("loadBalancerAddress", SettingType.Text, "", "172.31.235.188");
    internal static readonly Setting DnsLabel = new("dnsLabel", SettingType.Text, "redisha", "redisha");
    internal static readonly Setting PackageCidrs = new("packageCidrs", SettingType.TextList, None, "203.0.113.0/24");
    internal static readonly Setting VcnId = new("vcnId", SettingType.Text, "", "ocid1.vcn.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting PublicSubnetId = new("publicSubnetId", SettingType.Text, "", "ocid1.subnet.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting PrivateSubnetId = new("privateSubnetId", SettingType.Text, "", "ocid1.subnet.oc1.eu-frankfurt-1.bbbb");
    internal static readonly Setting EndpointName = new("endpointName", SettingType.Text, "", "redis.example.internal");

    internal static readonly Setting MonitoringNetworks = new("monitoringNetworks", SettingType.TextList, None, "10.0.9.0/24");
    internal static readonly Setting MetricsPassword = new("metricsPassword", SettingType.Text, "", "", Secret: true) { IsExampleValue = false };
    internal static readonly Setting FormerMetricsPassword = new("formerMetricsPassword", SettingType.Text, "", "", Secret: true) { IsExampleValue = false };

    internal static readonly Setting AvailabilityDomains = new("availabilityDomains", SettingType.NumberList, None, "1");
    internal static readonly Setting MachinePlaces = new("machinePlaces", SettingType.TextList, None, "redis2=3");
    internal static readonly ChoiceSetting FaultDomains = new("faultDomains", ["spread", "any"]);
    internal static readonly ChoiceSetting OperatingSystem = new("operatingSystem", [.. NodeOperatingSystem.All.Select(system => system.Key)]);
    internal static readonly Setting ImageId = new("imageId", SettingType.Text, "", "ocid1.image.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting RedisShape = new("redisShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly NumberSetting RedisOcpus = new("redisOcpus", 1, 1, 114, "2");
    internal static readonly NumberSetting RedisMemoryGb = new("redisMemoryGb", 8, 1, 1776);
    internal static readonly Setting ProxyShape = new("proxyShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly NumberSetting ProxyOcpus = new("proxyOcpus", 1, 1, 114, "2");
    internal static readonly NumberSetting ProxyMemoryGb = new("proxyMemoryGb", 4, 1, 1776);
    internal static readonly Setting BastionShape = new("bastionShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly NumberSetting BastionOcpus = new("bastionOcpus", 1, 1, 114);
    internal static readonly NumberSetting BastionMemoryGb = new("bastionMemoryGb", 2, 1, 1776);
    internal static readonly NumberSetting BootVolumeGb = new("bootVolumeGb", 50, 50, 32_768, "100");
    internal static readonly NumberSetting RedisDataVolumeGb = new("redisDataVolumeGb", 0, 0, 32_768, "100");
    internal static readonly ChoiceSetting RedisDataVolumeBackupPolicy = new("redisDataVolumeBackupPolicy", ["none", "bronze", "silver", "gold"])
    {
        // Every other one needs a data volume.
        Example = "none",
    };

    internal static readonly ChoiceSetting Engine = new("engine", ["redis", "valkey"]);
    internal static readonly NumberSetting RedisMinReplicasToWrite = new("redisMinReplicasToWrite", 1, 0, 8);
    internal static readonly NumberSetting RedisMinReplicasMaxLagSeconds = new("redisMinReplicasMaxLagSeconds", 3, 1, 3600);
    internal static readonly Setting RedisMaxMemory = new("redisMaxMemory", SettingType.Text, "", "6gb");
    internal static readonly ChoiceSetting RedisMaxMemoryPolicy = new("redisMaxMemoryPolicy",
        ["noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"]);
    internal static readonly ChoiceSetting RedisAppendFsync = new("redisAppendFsync", ["everysec", "always", "no"]);
    internal static readonly ChoiceSetting RedisAppendOnly = new("redisAppendOnly", ["yes", "no"]);
    internal static readonly Setting RedisSave = new("redisSave", SettingType.Text, "", "3600 1 300 100");
    internal static readonly TextSetting RedisReplicationBacklog = new("redisReplicationBacklog", "256mb", "512mb");
    internal static readonly NumberSetting RedisMaxClients = new("redisMaxClients", 0, 0, 1_000_000, "20200");
    internal static readonly TextSetting RedisClientOutputBuffer = new("redisClientOutputBuffer", "256mb 64mb 60", "256mb 64mb 60");
    internal static readonly TextSetting RedisClientMemory = new("redisClientMemory", "20%", "20%");
    internal static readonly Setting RedisUpgrade = new("redisUpgrade", SettingType.Text, "", "2026-12");
    internal static readonly Setting RedisOverrides = new("redisOverrides", SettingType.TextList, None, "slowlog-max-len 512");

    internal static readonly TextSetting SentinelMasterName = new("sentinelMasterName", "mymaster", "mymaster");
    internal static readonly NumberSetting SentinelQuorum = new("sentinelQuorum", 0, 0, 9);
    internal static readonly NumberSetting SentinelDownAfterMilliseconds = new("sentinelDownAfterMilliseconds", 5_000, 1_000, 600_000);
    internal static readonly NumberSetting SentinelFailoverTimeoutMilliseconds = new("sentinelFailoverTimeoutMilliseconds", 60_000, 1_000, 3_600_000);
    internal static readonly NumberSetting SentinelParallelSyncs = new("sentinelParallelSyncs", 0, 0, 8);

    internal static readonly NumberSetting ProxyMaxConnections = new("proxyMaxConnections", 10_000, 10, 1_000_000);
    internal static readonly ChoiceSetting ProxyProtocol = new("proxyProtocol", ["no", "yes"]);
    internal static readonly ChoiceSetting ClientTls = new("clientTls", ["no", "yes", "required"]);
    internal static readonly NumberSetting TlsPort = new("tlsPort", 6380, ClientPort.First, ClientPort.Last);
    internal static readonly Setting TlsCertificate = new("tlsCertificate", SettingType.Text, "", "\"$(cat proxy.crt)\"") { IsExampleValue = false };
    internal static readonly Setting TlsPrivateKey = new("tlsPrivateKey", SettingType.Text, "", "< proxy.key", Secret: true) { IsExampleValue = false };
    internal static readonly Setting TlsClientCa = new("tlsClientCa", SettingType.Text, "", "\"$(cat clients-ca.crt)\"") { IsExampleValue = false };
    internal static readonly ChoiceSetting AdminTls = new("adminTls", ["no", "yes"]);
    internal static readonly Setting AdminTlsCertificate = new("adminTlsCertificate", SettingType.Text, "", "\"$(cat admin.crt)\"") { IsExampleValue = false };
    internal static readonly Setting AdminTlsPrivateKey = new("adminTlsPrivateKey", SettingType.Text, "", "< admin.key", Secret: true)
    {
        IsExampleValue = false,
    };

    internal static readonly ChoiceSetting RedisTls = new("redisTls", ["no", "yes"]);
    internal static readonly Setting RedisTlsCertificate = new("redisTlsCertificate", SettingType.Text, "", "\"$(cat redis.crt)\"") { IsExampleValue = false };
    internal static readonly Setting RedisTlsPrivateKey = new("redisTlsPrivateKey", SettingType.Text, "", "< redis.key", Secret: true)
    {
        IsExampleValue = false,
    };

    internal static readonly Setting RedisTlsCa = new("redisTlsCa", SettingType.Text, "", "\"$(cat redis-ca.crt)\"") { IsExampleValue = false };
    internal static readonly NumberSetting ReadOnlyPort = new("readOnlyPort", 0, 0, ClientPort.Last, "6381");
    internal static readonly NumberSetting ReadOnlyTlsPort = new("readOnlyTlsPort", 0, 0, ClientPort.Last);
    internal static readonly TextSetting ProxyConnectTimeout = new("proxyConnectTimeout", "3s", "2s");
    internal static readonly TextSetting ProxyParkTimeout = new("proxyParkTimeout", "10s", "20s");
    internal static readonly TextSetting ProxyIdleTimeout = new("proxyIdleTimeout", "0s", "1h");
    internal static readonly NumberSetting ProxyMaxConnectionsPerSource = new("proxyMaxConnectionsPerSource", 0, 0, 1_000_000);
    internal static readonly NumberSetting ProxyMaxParked = new("proxyMaxParked", 10_000, 0, 1_000_000);
    internal static readonly ChoiceSetting ProxyLogLevel = new("proxyLogLevel", ["info", "trace", "debug", "warning", "error"]) { Example = "warning" };
    internal static readonly ChoiceSetting ProxyLogFormat = new("proxyLogFormat", ["auto", "text", "json", "journal"]) { Example = "json" };
    internal static readonly ChoiceSetting ProxyLogSessions = new("proxyLogSessions", ["yes", "no"]);
    internal static readonly ChoiceSetting ProxyHandOver = new("proxyHandOver", ["off", "auto"]);
    internal static readonly Setting ProxyOverrides = new("proxyOverrides", SettingType.Text, "", """{"sentinel":{"pollInterval":"50ms"}}""");
    internal static readonly Setting DrainedProxies = new("drainedProxies", SettingType.TextList, None, "proxy1");
    internal static readonly Setting ProxyBundlePath = new("proxyBundlePath", SettingType.Text, "", "./redis-ha-proxy") { IsExampleValue = false };
    internal static readonly Setting ProxyBundleExpires = new("proxyBundleExpires", SettingType.Text, "2036-01-01T00:00:00Z", "2036-01-01T00:00:00Z");

    internal static readonly Setting BackupSchedule = new("backupSchedule", SettingType.Text, "", "02:30");
    internal static readonly NumberSetting BackupRetentionDays = new("backupRetentionDays", 14, 0, 3650);
    internal static readonly Setting BackupBucket = new("backupBucket", SettingType.Text, "", "redis-backups");
    internal static readonly TextSetting BackupAddressesExpire = new("backupAddressesExpire", "2036-01-01T00:00:00Z", "2036-01-01T00:00:00Z");
    internal static readonly ChoiceSetting ProtectData = new("protectData", ["no", "yes"]);

    internal static readonly Setting AlarmEmail = new("alarmEmail", SettingType.Text, "", "oncall@example.com");
    internal static readonly Setting AlarmTopicId = new("alarmTopicId", SettingType.Text, "", "ocid1.onstopic.oc1.eu-frankfurt-1.aaaa");
    internal static readonly ChoiceSetting CustomMetrics = new("customMetrics", ["no", "yes"]);

    internal static readonly Setting LogsDynamicGroupId = new("logsDynamicGroupId", SettingType.Text, "", "ocid1.dynamicgroup.oc1..aaaa");
    internal static readonly NumberSetting LogsRetentionDays = new("logsRetentionDays", 30, 30, 180, "90");

    /// <summary>All settings, in the order in which problems are reported.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        CompartmentId, SshPublicKey, AdminCidrs, SshPrivateKey, SshPrivateKeyPath, ClientCidrs, ClientPassword, FormerClientPassword, PasswordVersions,
        ClientCommands, RedisUsers,
        DefinedTags, FreeformTags, KmsKeyId,
        Bastion, VcnCidr, PublicSubnetCidr, PrivateSubnetCidr, BastionAddress, RedisAddresses, AbsentNodes, ProxyAddresses, LoadBalancerAddress, DnsLabel,
        PackageCidrs,
        VcnId, PublicSubnetId, PrivateSubnetId, EndpointName, MonitoringNetworks, MetricsPassword, FormerMetricsPassword,
        AvailabilityDomains, MachinePlaces, FaultDomains, OperatingSystem, ImageId,
        RedisShape, RedisOcpus, RedisMemoryGb, ProxyShape, ProxyOcpus, ProxyMemoryGb, BastionShape, BastionOcpus, BastionMemoryGb, BootVolumeGb,
        RedisDataVolumeGb, RedisDataVolumeBackupPolicy,
        Engine, RedisMinReplicasToWrite, RedisMinReplicasMaxLagSeconds, RedisMaxMemory, RedisMaxMemoryPolicy, RedisAppendOnly, RedisAppendFsync,
        RedisSave,
        RedisReplicationBacklog, RedisMaxClients, RedisClientOutputBuffer, RedisClientMemory, RedisUpgrade, RedisOverrides,
        SentinelMasterName, SentinelQuorum, SentinelDownAfterMilliseconds, SentinelFailoverTimeoutMilliseconds, SentinelParallelSyncs,
        ProxyMaxConnections, ClientTls, TlsPort, TlsCertificate, TlsPrivateKey, TlsClientCa, AdminTls, AdminTlsCertificate, AdminTlsPrivateKey,
        RedisTls, RedisTlsCertificate, RedisTlsPrivateKey, RedisTlsCa,
        ReadOnlyPort, ReadOnlyTlsPort, ProxyProtocol,
        ProxyConnectTimeout, ProxyParkTimeout, ProxyIdleTimeout, ProxyMaxConnectionsPerSource, ProxyMaxParked, ProxyLogLevel, ProxyLogFormat, ProxyLogSessions,
        ProxyHandOver,
        ProxyOverrides,
        DrainedProxies, ProxyBundlePath, ProxyBundleExpires,
        BackupSchedule, BackupRetentionDays, BackupBucket, BackupAddressesExpire, ProtectData,
        AlarmEmail, AlarmTopicId, CustomMetrics, LogsDynamicGroupId, LogsRetentionDays,
    ];

    /// <summary>The command that sets a good value.</summary>
    /// <param name="value">A value that is good beside the other settings, empty to take the setting away; null for <see cref="Example"/>.</param>
    public string ExampleCommand(string? value = null)
    {
        string key = $"{SettingsSource.Namespace}:{Key}";
        if (value is "")
        {
            return $"pulumi config rm {key}";
        }
        return Type is SettingType.TextList or SettingType.NumberList
            ? string.Join(" && ", (value ?? Example).Split('\n').Select((item, index) => $"pulumi config set --path '{key}[{index}]' {Word(item)}"))
            : $"pulumi config set {(Secret ? "--secret " : string.Empty)}{key} {(IsExampleValue ? Word(value ?? Example) : Example)}".TrimEnd();
    }

    /// <summary>A value as the configuration holds it: a list as JSON.</summary>
    /// <param name="value">As in <see cref="Example"/>.</param>
    internal string Raw(string value) => Type switch
    {
        SettingType.TextList => value.Length == 0 ? string.Empty : JsonSerializer.Serialize(value.Split('\n')),
        SettingType.NumberList => value.Length == 0 ? string.Empty : $"[{value.Replace('\n', ',')}]",
        _ => value,
    };

    // In quotes where a shell would take it for more than one word, or for more than a word.
    private static string Word(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || "_./:,=%+@-".Contains(c, StringComparison.Ordinal)) ? text
        : text.Contains('"', StringComparison.Ordinal) ? $"'{text}'"
        : $"\"{text}\"";
}

/// <summary>A whole number.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The default.</param>
/// <param name="Minimum">The least; other settings may ask for more.</param>
/// <param name="Maximum">The most; other settings may allow less.</param>
/// <param name="Example">A good value; null for the default.</param>
public sealed record NumberSetting(string Key, int Value, int Minimum, int Maximum, string? Example = null)
    : Setting(Key, SettingType.Number, Value, Example ?? Value.ToString(CultureInfo.InvariantCulture));

/// <summary>One of a few words.</summary>
/// <param name="Key">The key.</param>
/// <param name="Choices">The words, the default first.</param>
public sealed record ChoiceSetting(string Key, ImmutableArray<string> Choices) : Setting(Key, SettingType.Text, Choices[0], Choices[1])
{
    /// <summary>The default.</summary>
    public string Value => Choices[0];
}

/// <summary>Text with a default.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">The default.</param>
/// <param name="Example">A good value.</param>
public sealed record TextSetting(string Key, string Value, string Example) : Setting(Key, SettingType.Text, Value, Example);
