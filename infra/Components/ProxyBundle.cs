// The proxy's program in Object Storage, and the address that the proxy nodes fetch it from.

using System.Security.Cryptography;
using System.Text;
using Pulumi;
using RedisHaInfra.Settings;
using Os = Pulumi.Oci.ObjectStorage;

namespace RedisHaInfra.Components;

/// <summary>Puts a published proxy where the nodes can fetch it.</summary>
public sealed class ProxyBundle : ComponentResource
{
    /// <summary>SHA-256 of the file, 64 lower-case hexadecimal digits.</summary>
    public string Sha256 { get; }

    /// <summary>The pre-authenticated address: whoever knows it can fetch the file. A secret.</summary>
    public Output<string> Url { get; }

    /// <summary>Uploads a file.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">The proxies' settings.</param>
    /// <param name="region">The region.</param>
    /// <param name="kmsKeyId">OCID of the bucket's key; null for Oracle's own.</param>
    /// <param name="file">The published proxy.</param>
    /// <param name="now">The time, to warn of an address that has expired.</param>
    public ProxyBundle(Deployed deployed, ProxySettings settings, Region region, string? kmsKeyId, BundleFile file, DateTimeOffset now)
        : base("redis-ha:infra:ProxyBundle", "proxy-bundle")
    {
        Sha256 = file.Sha256;
        if (settings.BundleExpires <= now)
        {
            Log.Warn($"{SettingsSource.Namespace}:{Setting.ProxyBundleExpires.Key} = {settings.BundleExpires:yyyy-MM-dd} has passed: "
                + "new proxy nodes cannot fetch their bundle. Set a later date; it reaches the running nodes by the rollout, and none is replaced.", this);
        }

        var bucket = new Os.Bucket("bundles", new Os.BucketArgs
        {
            CompartmentId = deployed.CompartmentId,
            Namespace = region.ObjectNamespace,
            // One name space for a whole tenancy and region: the same stack name may exist in another compartment.
            Name = $"{deployed.Name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(deployed.CompartmentId)))[..8]}",
            AccessType = "NoPublicAccess",
            KmsKeyId = kmsKeyId!,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions { Parent = this });

        // The content's hash is in the names, so other content is another object. The provider would compare path and time of the
        // file, which differ from machine to machine, and a new object name alone would rename the old bytes.
        string version = Sha256[..12];
        var bundle = new Os.StorageObject($"proxy-{version}", new Os.StorageObjectArgs
        {
            Namespace = region.ObjectNamespace,
            Bucket = bucket.Name,
            Object = $"redis-ha-proxy-{version}",
            Source = file.Path,
            ContentType = "application/octet-stream",
        }, new CustomResourceOptions
        {
            Parent = this,
            IgnoreChanges = { "source" },
            // A successor has the same name: made first, it would go with its predecessor.
            DeleteBeforeReplace = true,
        });

        Url = PreauthenticatedRequest.Address($"proxy-{version}", this, new Os.PreauthrequestArgs
        {
            Namespace = region.ObjectNamespace,
            Bucket = bucket.Name,
            Name = $"redis-ha-proxy-{version}",
            ObjectName = bundle.Object,
            AccessType = "ObjectRead",
        }, settings.BundleExpires);
        RegisterOutputs();
    }
}
