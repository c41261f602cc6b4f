// Block volumes: a disk that a machine gets, and that outlives it.

using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;

namespace RedisHaLab.Provider;

/// <summary>Makes block volumes and their attachments.</summary>
internal sealed class VolumeResources
{
    private readonly Lab _lab;

    public VolumeResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers, Dictionary<string, Func<string, string, Task>> removers)
    {
        makers["oci:Core/volume:Volume"] = VolumeAsync;
        removers["oci:Core/volume:Volume"] = (_, id) => DataDisk.RemoveAsync(_lab.Paths, id);
        makers["oci:Core/volumeAttachment:VolumeAttachment"] = AttachmentAsync;
        removers["oci:Core/volumeAttachment:VolumeAttachment"] = (_, id) =>
        {
            DataDisk.Detach(_lab.Paths, id[(id.LastIndexOf('.') + 1)..]);
            return Task.CompletedTask;
        };
        // Backups of volumes are OCI's own; nothing in the lab stands for them.
        makers["oci:Core/volumeBackupPolicyAssignment:VolumeBackupPolicyAssignment"] =
            registration => Task.FromResult(new Made(registration.Id("backup-policy")));
    }

    private async Task<Made> VolumeAsync(Registration registration)
    {
        var id = registration.Id("volume");
        await DataDisk.SizeAsync(_lab.Paths, id, registration.Inputs.Number("sizeInGbs") ?? throw new LabException("a volume of the lab needs sizeInGbs."));
        return new Made(id);
    }

    private async Task<Made> AttachmentAsync(Registration registration)
    {
        var instance = registration.Inputs.Text("instanceId");
        var machine = _lab.State.Machines.FirstOrDefault(known => known.InstanceId == instance)?.Name
            ?? throw new LabException("its instance does not belong to the lab.");
        await DataDisk.AttachAsync(_lab.Paths, machine, registration.Inputs.Text("volumeId"));
        return new Made($"ocid1.volumeattachment.oc1.lab.{machine}");
    }
}
