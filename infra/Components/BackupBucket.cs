// Where backups go, and the two addresses by which they come and go. No node, and no instance principal, has rights in the bucket: nodes know an
// address that only writes, and operators one that lists and reads. So a node that was taken over can add backups and can put other bytes under a
// name, but it can neither read nor delete, and the bytes that were there stay as a previous version.

using System.Security.Cryptography;
using System.Text;
using Pulumi;
using RedisHaInfra.Settings;
using Os = Pulumi.Oci.ObjectStorage;
using OsInputs = Pulumi.Oci.ObjectStorage.Inputs;

namespace RedisHaInfra.Components;

/// <summary>The bucket of the backups.</summary>
public sealed class BackupBucket : ComponentResource
{
    // Long enough to notice that somebody has overwritten backups, short enough not to pay twice for everything.
    private const int PreviousVersionDays = 7;

    /// <summary>Its name.</summary>
    public Output<string> Name { get; }

    /// <summary>The address that writes, ending in "/o/": a secret.</summary>
    public Output<string> WriteAddress { get; }

    /// <summary>The address that lists and reads, ending in "/o/": a secret.</summary>
    public Output<string> ReadAddress { get; }

    /// <summary>Creates the bucket, or takes the one that is named, and makes the addresses.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">The settings of backups, which are on.</param>
    /// <param name="region">The region.</param>
    /// <param name="kmsKeyId">OCID of the bucket's key; null for Oracle's own.</param>
    /// <param name="now">The time, to warn of addresses that have expired.</param>
    public BackupBucket(Deployed deployed, BackupSettings settings, Region region, string? kmsKeyId, DateTimeOffset now)
        : base("redis-ha:infra:BackupBucket", "backup-bucket")
    {
        if (settings.AddressesExpire <= now)
        {
            Log.Warn($"{SettingsSource.Namespace}:{Setting.BackupAddressesExpire.Key} = {settings.AddressesExpire:yyyy-MM-dd} has passed: nodes cannot write "
                + "backups. Set a later date.", this);
        }
        Name = settings.Bucket is { } existing ? Output.Create(existing) : Create(deployed, settings, region, kmsKeyId).Name;
        WriteAddress = Address("backup-write", "AnyObjectWrite", listing: null);
        ReadAddress = Address("backup-read", "AnyObjectRead", listing: "ListObjects");
        RegisterOutputs();

        Output<string> Address(string name, string access, string? listing) => PreauthenticatedRequest.Address(name, this, new Os.PreauthrequestArgs
        {
            Namespace = region.ObjectNamespace,
            Bucket = Name,
            Name = deployed.DisplayName(name),
            AccessType = access,
            BucketListingAction = listing!,
        }, settings.AddressesExpire).Apply(path => path.EndsWith('/') ? path : path + "/");
    }

    private Os.Bucket Create(Deployed deployed, BackupSettings settings, Region region, string? kmsKeyId)
    {
        // The last copy of the data must not go with the stack. The rules stay too, so what is left deletes itself in time.
        var survives = new CustomResourceOptions { Parent = this, RetainOnDelete = true };
        var bucket = new Os.Bucket("backups", new Os.BucketArgs
        {
            CompartmentId = deployed.CompartmentId,
            Namespace = region.ObjectNamespace,
            // One name space for a whole tenancy and region: the same stack name may exist in another compartment.
            Name = $"{deployed.Name}-backups-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(deployed.CompartmentId)))[..8]}",
            AccessType = "NoPublicAccess",
            KmsKeyId = kmsKeyId!,
            Versioning = "Enabled",
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, survives);
        if (settings.RetentionDays > 0)
        {
            _ = new Os.ObjectLifecyclePolicy("backup-retention", new Os.ObjectLifecyclePolicyArgs
            {
                Namespace = region.ObjectNamespace,
                Bucket = bucket.Name,
                Rules =
                {
                    Delete("delete-old-backups", "objects", settings.RetentionDays),
                    Delete("delete-previous-versions", "previous-object-versions", PreviousVersionDays),
                },
            }, survives);
        }
        return bucket;
    }

    private static OsInputs.ObjectLifecyclePolicyRuleArgs Delete(string name, string target, int days) => new()
    {
        Name = name,
        Action = "DELETE",
        Target = target,
        TimeAmount = days.ToString(System.Globalization.CultureInfo.InvariantCulture),
        TimeUnit = "DAYS",
        IsEnabled = true,
    };
}
