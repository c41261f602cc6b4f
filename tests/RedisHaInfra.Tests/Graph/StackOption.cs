// All options of a stack with the values that tests combine. Whoever adds a setting adds a line: every value of it is then tried beside every
// value of every other option (PairwiseTests).

using RedisHaInfra.Nodes;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

/// <summary>A value of an option: the settings that make it.</summary>
/// <param name="Name">What it is called in a test's output.</param>
/// <param name="Settings">The settings; none for the default.</param>
public sealed record OptionValue(string Name, params (string Key, string? Value)[] Settings);

/// <summary>An option.</summary>
/// <param name="Name">What it is called in a test's output.</param>
/// <param name="Values">Its values besides the default, in which it is off.</param>
public sealed record StackOption(string Name, params OptionValue[] Values)
{
    // A certificate and its key that somebody gives; static members are made in their order.
    private static readonly (string Certificate, string Key) Given = new PrivateAuthority("0123456789abcdefghijklmnopqrstuv", "given")
        .Issue(["172.31.235.188"], [], new DateTimeOffset(2026, 11, 29, 0, 0, 0, TimeSpan.Zero));

    /// <summary>All options. Two of them never set the same key.</summary>
    public static IReadOnlyList<StackOption> All { get; } =
    [
        new("clients", new OptionValue("named", ("clientCidrs", """["10.0.0.0/8","192.168.0.0/16"]"""))),
        new("administrators", new OptionValue("two networks", ("adminCidrs", """["203.0.113.0/24","198.51.100.7/32"]"""))),
        new("way in", new OptionValue("service", ("bastion", "service")), new OptionValue("none", ("bastion", "none"))),
        new("endpoint name", new OptionValue("given", ("endpointName", "redis.example.internal"))),
        new("monitoring", new OptionValue("named", ("monitoringNetworks", """["10.0.9.0/24"]""")),
            new OptionValue("own password", ("monitoringNetworks", """["10.0.9.0/24","10.0.10.7/32"]"""), ("metricsPassword", "the-Metrics-own-0ne"),
                ("formerMetricsPassword", "the-Metrics-former-0ne"))),
        new("mirrors", new OptionValue("named", ("packageCidrs", """["198.18.0.0/24"]"""))),
        new("password", new OptionValue("given", ("clientPassword", "the-Clients-own-0ne")),
            new OptionValue("changing", ("clientPassword", "the-Clients-own-0ne"), ("formerClientPassword", "the-Clients-former-0ne"))),
        new("passwords", new OptionValue("changing", ("passwordVersions", "[1,2]")), new OptionValue("changed", ("passwordVersions", "[2]"))),
        new("rights", new OptionValue("wider", ("clientCommands", """["+client|kill","-flushall"]"""))),
        new("tags", new OptionValue("own", ("definedTags", """["Operations.CostCenter=42"]"""), ("freeformTags", """["owner=platform"]"""))),
        new("key", new OptionValue("own", ("kmsKeyId", "ocid1.key.oc1.eu-frankfurt-1.aaaa"))),
        new("network",
            new OptionValue("more nodes",
                ("redisAddresses", """["172.31.235.150","172.31.235.151","172.31.235.152","172.31.235.153","172.31.235.154"]"""),
                ("proxyAddresses", """["172.31.235.160","172.31.235.161","172.31.235.162"]""")),
            new OptionValue("elsewhere", ("vcnCidr", "10.9.0.0/16"), ("privateSubnetCidr", "10.9.128.0/24"), ("dnsLabel", "redis")),
            new OptionValue("existing", ("vcnId", ExistingVcn.VcnId), ("publicSubnetId", ExistingVcn.PublicId), ("privateSubnetId", ExistingVcn.PrivateId))),
        new("domains", new OptionValue("one", ("availabilityDomains", "[2]")), new OptionValue("any fault domain", ("faultDomains", "any"))),
        new("places", new OptionValue("two machines", ("machinePlaces", """["redis2=3/1","proxy1=2"]"""))),
        new("system", new OptionValue("Oracle Linux", ("operatingSystem", "oracle-linux-9"))),
        new("image", new OptionValue("own", ("imageId", "ocid1.image.oc1.eu-frankfurt-1.aaaa"))),
        new("shapes",
            new OptionValue("Ampere", ("redisShape", "VM.Standard.A1.Flex"), ("proxyShape", "VM.Standard.A1.Flex"), ("bastionShape", "VM.Standard.A1.Flex")),
            new OptionValue("larger", ("redisOcpus", "2"), ("redisMemoryGb", "16"), ("proxyMemoryGb", "8"), ("bootVolumeGb", "100"))),
        new("data volumes", new OptionValue("on", ("redisDataVolumeGb", "100")),
            new OptionValue("backed up", ("redisDataVolumeGb", "200"), ("redisDataVolumeBackupPolicy", "gold"))),
        new("redis",
            new OptionValue("cache", ("redisMaxMemory", "1gb"), ("redisMaxMemoryPolicy", "allkeys-lru"), ("redisAppendFsync", "no"),
                ("redisMinReplicasToWrite", "0")),
            new OptionValue("further directives", ("redisOverrides", """["slowlog-max-len 512"]"""), ("redisClientMemory", "0"))),
        new("sentinel",
            new OptionValue("the reference architecture's", ("sentinelDownAfterMilliseconds", "30000"), ("sentinelFailoverTimeoutMilliseconds", "180000")),
            new OptionValue("another name", ("sentinelMasterName", "orders"))),
        new("drained", new OptionValue("proxy1", ("drainedProxies", """["proxy1"]"""))),
        new("backups", new OptionValue("nightly", ("backupSchedule", "02:30")),
            new OptionValue("own bucket", ("backupSchedule", "hourly"), ("backupBucket", "redis-backups"), ("backupRetentionDays", "0"))),
        new("alarms", new OptionValue("e-mail", ("alarmEmail", "oncall@example.com")),
            new OptionValue("own topic", ("alarmTopicId", "ocid1.onstopic.oc1.eu-frankfurt-1.aaaa"))),
        new("custom metrics", new OptionValue("posted", ("customMetrics", "yes"))),
        new("logs", new OptionValue("sent", ("logsDynamicGroupId", "ocid1.dynamicgroup.oc1..aaaa"), ("logsRetentionDays", "90"))),
        new("TLS", new OptionValue("required", ("clientTls", "required"), ("readOnlyTlsPort", "6382")),
            new OptionValue("given", ("clientTls", "yes"), ("tlsPort", "7000"), ("tlsCertificate", Given.Certificate), ("tlsPrivateKey", Given.Key),
                ("tlsClientCa", Given.Certificate))),
        new("pages", new OptionValue("HTTPS", ("adminTls", "yes")),
            new OptionValue("HTTPS, given", ("adminTls", "yes"), ("adminTlsCertificate", Given.Certificate), ("adminTlsPrivateKey", Given.Key))),
        new("Redis over TLS", new OptionValue("own authority", ("redisTls", "yes"))),
        new("reads", new OptionValue("plain", ("readOnlyPort", "6381"))),
        new("header", new OptionValue("sent", ("proxyProtocol", "yes")),
            new OptionValue("sent, and clients limited", ("proxyProtocol", "yes"), ("proxyMaxConnectionsPerSource", "20"))),
        new("hand-over", new OptionValue("auto", ("proxyHandOver", "auto"))),
        new("proxy", new OptionValue("further keys", ("proxyOverrides", """{"sentinel":{"pollInterval":"50ms"},"limits":{"refusal":"BUSY later"}}"""))),
        new("time-outs", new OptionValue("longer", ("proxyConnectTimeout", "5s"), ("proxyParkTimeout", "40s"), ("proxyIdleTimeout", "1h"))),
        new("waiting", new OptionValue("few", ("proxyMaxParked", "100"))),
        new("log", new OptionValue("JSON", ("proxyLogFormat", "json"), ("proxyLogLevel", "warning"), ("proxyLogSessions", "no"))),
        new("users", new OptionValue("one",
            ("redisUsers", """[{"name":"reports","rules":["~report:*","&*","+@all"],"passwords":["the-reports-own-0ne","the-reports-former-0ne"]}]"""))),
        new("persistence", new OptionValue("snapshots", ("redisAppendOnly", "no"), ("redisSave", "3600 1 300 100"))),
        new("engine", new OptionValue("Valkey", ("engine", "valkey"))),
        new("data", new OptionValue("protected", ("protectData", "yes"))),
    ];

    /// <summary>Values that the program refuses beside each other, which a test proves; by option and value.</summary>
    public static IReadOnlyList<(string Option, string Value, string Other, string OtherValue)> Refused { get; } =
    [
        ("TLS", "required", "reads", "plain"),
        // The bastion's subnet is named beside these; without a bastion it must not be.
        ("network", "existing", "way in", "service"),
        ("network", "existing", "way in", "none"),
    ];

    /// <summary>Everything that no value of an option may leave out of secrecy's tests.</summary>
    public static IReadOnlyList<string> GivenSecrets { get; } =
    [
        "the-Clients-own-0ne", "the-Clients-former-0ne", "the-Metrics-own-0ne", "the-Metrics-former-0ne",
        "the-reports-own-0ne", "the-reports-former-0ne", GoodSettings.PrivateKey.Split('\n')[1],
        Given.Key.Split('\n')[1],
    ];
}
