// What OCI's provider does with a changed property, as one table. Read it from top to bottom: the first line of a type whose path
// and condition fit decides. What no line names is changed in place.
//
// From the provider's source (terraform-provider-oci 8.28: ForceNew and CustomizeDiff of each resource, the update of an instance),
// and from OCI's documentation for what is refused or reboots ("Updating an Instance", "Shape").

using System.Collections.Immutable;
using System.Globalization;

namespace RedisHaCloud;

/// <summary>What a change does. Where several properties change, the later of these decides.</summary>
public enum Effect
{
    /// <summary>No change: OCI's own value stays where the program no longer names one.</summary>
    None,

    /// <summary>The running resource is changed, and nothing else happens.</summary>
    InPlace,

    /// <summary>A running machine restarts.</summary>
    Reboot,

    /// <summary>The machine stays, its boot volume is replaced by the new image: all data on it is lost.</summary>
    Wipe,

    /// <summary>OCI answers with an error, and nothing is changed.</summary>
    Refused,

    /// <summary>The resource is removed and another one made, with all that changed: nothing is left to refuse.</summary>
    Replace,
}

/// <summary>A line of the table.</summary>
/// <param name="Type">Pulumi's type.</param>
/// <param name="Path">The property, or the object that it lies in; empty for every property.</param>
/// <param name="Effect">What a change of it does.</param>
/// <param name="Why">The error of a refusal; otherwise a remark.</param>
/// <param name="When">Whether the line fits, by the old and the new value; null for always.</param>
public sealed record Row(string Type, string Path, Effect Effect, string Why = "", Func<object?, object?, bool>? When = null);

/// <summary>The table.</summary>
public static class ProviderTable
{
    /// <summary>Pulumi's type of an instance.</summary>
    public const string Instance = "oci:Core/instance:Instance";

    /// <summary>Pulumi's type of an object in Object Storage.</summary>
    public const string StorageObject = "oci:ObjectStorage/storageObject:StorageObject";

    private const string Core = "oci:Core/";
    private const string Balancer = "oci:NetworkLoadBalancer/";
    private const string Storage = "oci:ObjectStorage/";

    /// <summary>All lines.</summary>
    public static ImmutableArray<Row> Rows { get; } =
    [
        // Machines
        new(Instance, "metadata.user_data", Effect.Replace),
        new(Instance, "metadata.ssh_authorized_keys", Effect.Replace),
        new(Instance, "availabilityDomain", Effect.Replace),
        new(Instance, "createVnicDetails.privateIp", Effect.Replace),
        new(Instance, "createVnicDetails.subnetId", Effect.Replace),
        new(Instance, "isPvEncryptionInTransitEnabled", Effect.Replace),
        new(Instance, "sourceDetails.sourceId", Effect.Wipe),
        new(Instance, "sourceDetails.bootVolumeSizeInGbs", Effect.Refused, "a boot volume cannot become smaller", IsSmaller),
        new(Instance, "faultDomain", Effect.None, When: IsLeftToOci),
        new(Instance, "shape", Effect.Refused, "the machine's image does not run on the processor of the new shape", IsOtherArchitecture),
        new(Instance, "shape", Effect.Reboot),
        new(Instance, "shapeConfig", Effect.Reboot),
        new(Instance, "faultDomain", Effect.Reboot),

        // Data volumes
        new(Core + "volume:Volume", "availabilityDomain", Effect.Replace),
        new(Core + "volume:Volume", "sizeInGbs", Effect.Refused, "a volume cannot become smaller", IsSmaller),
        new(Core + "volumeAttachment:VolumeAttachment", "", Effect.Replace),
        new(Core + "volumeBackupPolicyAssignment:VolumeBackupPolicyAssignment", "", Effect.Replace),

        // Network
        new(Core + "vcn:Vcn", "dnsLabel", Effect.Replace),
        new(Core + "vcn:Vcn", "cidrBlocks", Effect.Refused, "subnets lie in the network's old address range"),
        new(Core + "internetGateway:InternetGateway", "vcnId", Effect.Replace),
        new(Core + "natGateway:NatGateway", "vcnId", Effect.Replace),
        new(Core + "serviceGateway:ServiceGateway", "vcnId", Effect.Replace),
        new(Core + "routeTable:RouteTable", "vcnId", Effect.Replace),
        new(Core + "securityList:SecurityList", "vcnId", Effect.Replace),
        new(Core + "subnet:Subnet", "vcnId", Effect.Replace),
        new(Core + "subnet:Subnet", "dnsLabel", Effect.Replace),
        new(Core + "subnet:Subnet", "prohibitInternetIngress", Effect.None, When: IsLeftToOci),
        new(Core + "subnet:Subnet", "prohibitInternetIngress", Effect.Replace),
        new(Core + "subnet:Subnet", "prohibitPublicIpOnVnic", Effect.Replace),
        new(Core + "subnet:Subnet", "cidrBlock", Effect.Refused, "machines have addresses in the subnet's old range"),
        new(Core + "networkSecurityGroup:NetworkSecurityGroup", "vcnId", Effect.Replace),
        new(Core + "networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule", "networkSecurityGroupId", Effect.Replace),
        new("oci:Bastion/bastion:Bastion", "bastionType", Effect.Replace),
        new("oci:Bastion/bastion:Bastion", "dnsProxyStatus", Effect.Replace),
        new("oci:Bastion/bastion:Bastion", "name", Effect.Replace),
        new("oci:Bastion/bastion:Bastion", "targetSubnetId", Effect.Replace),
        new("oci:Dns/zone:Zone", "name", Effect.Replace),
        new("oci:Dns/zone:Zone", "scope", Effect.Replace),
        new("oci:Dns/zone:Zone", "viewId", Effect.Replace),
        new("oci:Dns/zone:Zone", "zoneType", Effect.Replace),
        new("oci:Dns/rrset:Rrset", "domain", Effect.Replace),
        new("oci:Dns/rrset:Rrset", "rtype", Effect.Replace),
        new("oci:Dns/rrset:Rrset", "zoneNameOrId", Effect.Replace),

        // Load balancer
        new(Balancer + "networkLoadBalancer:NetworkLoadBalancer", "subnetId", Effect.Replace),
        new(Balancer + "networkLoadBalancer:NetworkLoadBalancer", "isPrivate", Effect.Replace),
        new(Balancer + "networkLoadBalancer:NetworkLoadBalancer", "assignedPrivateIpv4", Effect.Replace),
        new(Balancer + "networkLoadBalancersBackendSetsUnified:NetworkLoadBalancersBackendSetsUnified", "networkLoadBalancerId", Effect.Replace),
        new(Balancer + "networkLoadBalancersBackendSetsUnified:NetworkLoadBalancersBackendSetsUnified", "name", Effect.Replace),
        new(Balancer + "listener:Listener", "networkLoadBalancerId", Effect.Replace),
        new(Balancer + "listener:Listener", "name", Effect.Replace),

        // Object Storage. An object's new name is a rename in place: it keeps its old bytes.
        new(Storage + "bucket:Bucket", "name", Effect.Replace),
        new(Storage + "bucket:Bucket", "namespace", Effect.Replace),
        new(Storage + "bucket:Bucket", "storageTier", Effect.Replace),
        new(StorageObject, "bucket", Effect.Replace),
        new(StorageObject, "namespace", Effect.Replace),
        new(StorageObject, "contentType", Effect.Replace),
        new(StorageObject, "source", Effect.Replace),
        new(Storage + "preauthrequest:Preauthrequest", "", Effect.Replace),

        // Notifications
        new("oci:Ons/notificationTopic:NotificationTopic", "name", Effect.Replace),
        new("oci:Ons/subscription:Subscription", "endpoint", Effect.Replace),
        new("oci:Ons/subscription:Subscription", "protocol", Effect.Replace),
        new("oci:Ons/subscription:Subscription", "topicId", Effect.Replace),

        // Other providers
        new("random:index/randomPassword:RandomPassword", "", Effect.Replace),
        new("command:remote:Command", "triggers", Effect.Replace),
        new("command:remote:Command", "", Effect.InPlace, "runs again"),
    ];

    /// <summary>The line that decides about a changed property; null when it is changed in place.</summary>
    /// <param name="type">Pulumi's type.</param>
    /// <param name="path">The property's path, such as shapeConfig.ocpus or backends[0].isDrain.</param>
    /// <param name="old">Its old value; null for none.</param>
    /// <param name="now">Its new value; null for none.</param>
    public static Row? For(string type, string path, object? old, object? now) =>
        Rows.FirstOrDefault(row => row.Type == type && Covers(row.Path, path) && (row.When?.Invoke(old, now) ?? true));

    private static bool Covers(string row, string path) =>
        row.Length == 0 || path == row || (path.StartsWith(row, StringComparison.Ordinal) && path[row.Length] is '.' or '[');

    private static bool IsLeftToOci(object? old, object? now) => now is null;

    private static bool IsSmaller(object? old, object? now) => Number(now) < Number(old);

    private static double Number(object? value) => Convert.ToDouble(value, CultureInfo.InvariantCulture);

    private static bool IsOtherArchitecture(object? old, object? now) => IsAmpere(old) != IsAmpere(now);

    // VM.Standard.A1.Flex, A2, A4: OCI's Ampere families.
    private static bool IsAmpere(object? shape) => shape is string name && name.StartsWith("VM.Standard.A", StringComparison.Ordinal);
}
