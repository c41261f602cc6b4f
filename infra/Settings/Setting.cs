// Every key of the stack configuration: name, type and default. Pulumi.yaml declares the same for the command line
// and adds the descriptions; a test compares the two.

using System.Collections.Immutable;

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
/// <param name="Example">A good value, as it follows the key in <c>pulumi config set</c>; a list's values one a line.</param>
/// <param name="Secret">Whether the value must be stored encrypted.</param>
public sealed record Setting(string Key, SettingType Type, object? Default, string Example, bool Secret = false)
{
    /// <summary>Default of a list: empty.</summary>
    private static readonly ImmutableArray<string> None = [];

    internal static readonly Setting CompartmentId = new("compartmentId", SettingType.Text, null, "ocid1.compartment.oc1..aaaa");
    internal static readonly Setting DefinedTags = new("definedTags", SettingType.TextList, None, "Operations.CostCenter=42");
    internal static readonly Setting FreeformTags = new("freeformTags", SettingType.TextList, None, "owner=platform");
    internal static readonly Setting KmsKeyId = new("kmsKeyId", SettingType.Text, "", "ocid1.key.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting SshPublicKey = new("sshPublicKey", SettingType.Text, null, "\"$(cat ~/.ssh/id_ed25519.pub)\"");
    internal static readonly Setting SshPrivateKey = new("sshPrivateKey", SettingType.Text, "", "< ~/.ssh/id_ed25519", Secret: true);
    internal static readonly Setting SshPrivateKeyPath = new("sshPrivateKeyPath", SettingType.Text, "", "~/.ssh/id_ed25519");
    internal static readonly Setting AdminCidrs = new("adminCidrs", SettingType.TextList, null, "203.0.113.7/32");
    internal static readonly Setting ClientCidrs = new("clientCidrs", SettingType.TextList, None, "10.0.0.0/16");
    internal static readonly Setting ClientPassword = new("clientPassword", SettingType.Text, "", "", Secret: true);
    internal static readonly Setting FormerClientPassword = new("formerClientPassword", SettingType.Text, "", "", Secret: true);
    internal static readonly Setting PasswordVersions = new("passwordVersions", SettingType.NumberList, None, "1\n2");
    internal static readonly Setting ClientCommands = new("clientCommands", SettingType.TextList, None, "\"+client|kill\"");

    internal static readonly Setting VcnCidr = new("vcnCidr", SettingType.Text, "172.31.235.0/24", "172.31.235.0/24");
    internal static readonly Setting PublicSubnetCidr = new("publicSubnetCidr", SettingType.Text, "", "172.31.235.0/25");
    internal static readonly Setting PrivateSubnetCidr = new("privateSubnetCidr", SettingType.Text, "", "172.31.235.128/25");
    internal static readonly Setting BastionAddress = new("bastionAddress", SettingType.Text, "", "172.31.235.2");
    internal static readonly Setting RedisAddresses = new("redisAddresses", SettingType.TextList, None, "172.31.235.131\n172.31.235.132\n172.31.235.133");
    internal static readonly Setting ProxyAddresses = new("proxyAddresses", SettingType.TextList, None, "172.31.235.141\n172.31.235.142");
    internal static readonly Setting LoadBalancerAddress = new("loadBalancerAddress", SettingType.Text, "", "172.31.235.188");
    internal static readonly Setting DnsLabel = new("dnsLabel", SettingType.Text, "redisha", "redisha");
    internal static readonly Setting PackageCidrs = new("packageCidrs", SettingType.TextList, None, "203.0.113.0/24");

    internal static readonly Setting AvailabilityDomains = new("availabilityDomains", SettingType.NumberList, None, "1");
    internal static readonly Setting FaultDomains = new("faultDomains", SettingType.Text, "spread", "spread");
    internal static readonly Setting OperatingSystem = new("operatingSystem", SettingType.Text, "ubuntu-24.04", "oracle-linux-9");
    internal static readonly Setting ImageId = new("imageId", SettingType.Text, "", "ocid1.image.oc1.eu-frankfurt-1.aaaa");
    internal static readonly Setting RedisShape = new("redisShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly Setting RedisOcpus = new("redisOcpus", SettingType.Number, 1, "2");
    internal static readonly Setting RedisMemoryGb = new("redisMemoryGb", SettingType.Number, 8, "8");
    internal static readonly Setting ProxyShape = new("proxyShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly Setting ProxyOcpus = new("proxyOcpus", SettingType.Number, 1, "2");
    internal static readonly Setting ProxyMemoryGb = new("proxyMemoryGb", SettingType.Number, 4, "4");
    internal static readonly Setting BastionShape = new("bastionShape", SettingType.Text, "VM.Standard.E5.Flex", "VM.Standard.A1.Flex");
    internal static readonly Setting BastionOcpus = new("bastionOcpus", SettingType.Number, 1, "1");
    internal static readonly Setting BastionMemoryGb = new("bastionMemoryGb", SettingType.Number, 2, "2");
    internal static readonly Setting BootVolumeGb = new("bootVolumeGb", SettingType.Number, 50, "100");

    internal static readonly Setting RedisMinReplicasToWrite = new("redisMinReplicasToWrite", SettingType.Number, 1, "1");
    internal static readonly Setting RedisMinReplicasMaxLagSeconds = new("redisMinReplicasMaxLagSeconds", SettingType.Number, 3, "3");
    internal static readonly Setting RedisMaxMemory = new("redisMaxMemory", SettingType.Text, "", "6gb");
    internal static readonly Setting RedisMaxMemoryPolicy = new("redisMaxMemoryPolicy", SettingType.Text, "noeviction", "allkeys-lru");
    internal static readonly Setting RedisAppendFsync = new("redisAppendFsync", SettingType.Text, "everysec", "always");
    internal static readonly Setting RedisReplicationBacklog = new("redisReplicationBacklog", SettingType.Text, "256mb", "512mb");
    internal static readonly Setting RedisMaxClients = new("redisMaxClients", SettingType.Number, 20_200, "20200");
    internal static readonly Setting RedisClientOutputBuffer = new("redisClientOutputBuffer", SettingType.Text, "256mb 64mb 60", "\"256mb 64mb 60\"");
    internal static readonly Setting RedisClientMemory = new("redisClientMemory", SettingType.Text, "20%", "20%");
    internal static readonly Setting RedisUpgrade = new("redisUpgrade", SettingType.Text, "", "2026-12");
    internal static readonly Setting RedisOverrides = new("redisOverrides", SettingType.TextList, None, "\"slowlog-max-len 512\"");

    internal static readonly Setting SentinelMasterName = new("sentinelMasterName", SettingType.Text, "mymaster", "mymaster");
    internal static readonly Setting SentinelQuorum = new("sentinelQuorum", SettingType.Number, 0, "0");
    internal static readonly Setting SentinelDownAfterMilliseconds = new("sentinelDownAfterMilliseconds", SettingType.Number, 5_000, "5000");
    internal static readonly Setting SentinelFailoverTimeoutMilliseconds = new("sentinelFailoverTimeoutMilliseconds", SettingType.Number, 60_000, "60000");
    internal static readonly Setting SentinelParallelSyncs = new("sentinelParallelSyncs", SettingType.Number, 1, "1");

    internal static readonly Setting ProxyMaxConnections = new("proxyMaxConnections", SettingType.Number, 10_000, "10000");
    internal static readonly Setting DrainedProxies = new("drainedProxies", SettingType.TextList, None, "proxy1");
    internal static readonly Setting ProxyBundlePath = new("proxyBundlePath", SettingType.Text, "", "./redis-ha-proxy");
    internal static readonly Setting ProxyBundleExpires = new("proxyBundleExpires", SettingType.Text, "2036-01-01T00:00:00Z", "2036-01-01T00:00:00Z");

    /// <summary>All settings, in the order in which problems are reported.</summary>
    public static IReadOnlyList<Setting> All { get; } =
    [
        CompartmentId, SshPublicKey, AdminCidrs, SshPrivateKey, SshPrivateKeyPath, ClientCidrs, ClientPassword, FormerClientPassword, PasswordVersions, ClientCommands,
        DefinedTags, FreeformTags, KmsKeyId,
        VcnCidr, PublicSubnetCidr, PrivateSubnetCidr, BastionAddress, RedisAddresses, ProxyAddresses, LoadBalancerAddress, DnsLabel, PackageCidrs,
        AvailabilityDomains, FaultDomains, OperatingSystem, ImageId,
        RedisShape, RedisOcpus, RedisMemoryGb, ProxyShape, ProxyOcpus, ProxyMemoryGb, BastionShape, BastionOcpus, BastionMemoryGb, BootVolumeGb,
        RedisMinReplicasToWrite, RedisMinReplicasMaxLagSeconds, RedisMaxMemory, RedisMaxMemoryPolicy, RedisAppendFsync,
        RedisReplicationBacklog, RedisMaxClients, RedisClientOutputBuffer, RedisClientMemory, RedisUpgrade, RedisOverrides,
        SentinelMasterName, SentinelQuorum, SentinelDownAfterMilliseconds, SentinelFailoverTimeoutMilliseconds, SentinelParallelSyncs,
        ProxyMaxConnections, DrainedProxies, ProxyBundlePath, ProxyBundleExpires,
    ];

    /// <summary>The command that sets a good value.</summary>
    /// <param name="value">A value that is good beside the other settings; null for <see cref="Example"/>.</param>
    public string ExampleCommand(string? value = null)
    {
        string flags = Secret ? "--secret " : string.Empty;
        return Type is SettingType.TextList or SettingType.NumberList
            ? string.Join(" && ", (value ?? Example).Split('\n').Select((item, index) => $"pulumi config set --path '{SettingsSource.Namespace}:{Key}[{index}]' {item}"))
            : $"pulumi config set {flags}{SettingsSource.Namespace}:{Key} {value ?? Example}".TrimEnd();
    }
}
