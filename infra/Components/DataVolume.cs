// A volume that holds Redis' data of one node. It outlives the machine: whichever has the node's name and place gets it attached again.

using System.Collections.Immutable;
using System.Globalization;
using Pulumi;
using RedisHaInfra.Settings;
using Core = Pulumi.Oci.Core;

namespace RedisHaInfra.Components;

/// <summary>The data volume of a Redis node, attached.</summary>
internal static class DataVolume
{
    // The name under which OCI's images show it; infra/Nodes/Files/redis/data-volume.sh looks there first.
    private const string Device = "/dev/oracleoci/oraclevdb";

    /// <summary>Makes volume, attachment and backup policy; what a node waits for before it gets its payload. Nothing where there are no volumes.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">The stack's settings.</param>
    /// <param name="region">The region.</param>
    /// <param name="machine">The node's machine.</param>
    /// <param name="place">Where it runs: a volume can be attached in its own availability domain only.</param>
    /// <param name="parent">The component.</param>
    public static ImmutableArray<Resource> Attach(
        Deployed deployed, StackSettings settings, Region region, Machine machine, Placement place, Resource parent)
    {
        if (settings.Compute.DataVolumeGb == 0)
        {
            return [];
        }
        string name = $"{machine.Node.Name}-data";
        // Grows while it is in use; the node's payload then makes the file system follow.
        var volume = new Core.Volume(name, new Core.VolumeArgs
        {
            CompartmentId = deployed.CompartmentId,
            DisplayName = deployed.DisplayName(name),
            AvailabilityDomain = place.AvailabilityDomain,
            SizeInGbs = settings.Compute.DataVolumeGb.ToString(CultureInfo.InvariantCulture),
            KmsKeyId = settings.KmsKeyId!,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions { Parent = parent });
        if (region.VolumeBackupPolicyId is { } policy)
        {
            _ = new Core.VolumeBackupPolicyAssignment($"{name}-backups",
                new Core.VolumeBackupPolicyAssignmentArgs { AssetId = volume.Id, PolicyId = policy }, new CustomResourceOptions { Parent = parent });
        }
        var attachment = new Core.VolumeAttachment(name, new Core.VolumeAttachmentArgs
        {
            AttachmentType = "paravirtualized",
            InstanceId = machine.Instance.Id,
            VolumeId = volume.Id,
            Device = Device,
            DisplayName = deployed.DisplayName(name),
            IsPvEncryptionInTransitEnabled = true,
        }, new CustomResourceOptions
        {
            Parent = parent,
            // One machine at a time has it.
            DeleteBeforeReplace = true,
        });
        return [volume, attachment];
    }
}
