// A network that exists already and is somebody else's: nothing of it is changed. What OCI says of it is compared with the settings before
// anything is registered (Components/ExistingNetworkCheck).

using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>OCIDs of a network that exists.</summary>
/// <param name="VcnId">The VCN.</param>
/// <param name="PrivateSubnetId">The subnet of nodes and load balancer.</param>
/// <param name="PublicSubnetId">The bastion's subnet; null without a bastion of our own.</param>
public sealed partial record ExistingNetwork(string VcnId, string PrivateSubnetId, string? PublicSubnetId)
{
    /// <summary>Reads the three settings; null when the stack makes a network of its own.</summary>
    internal static ExistingNetwork? Read(SettingsReader reader, bool hasBastion)
    {
        string? vcn = reader.OptionalText(Setting.VcnId, VcnForm(), "the OCID of a VCN, or nothing for a VCN of the stack's own");
        string? inner = reader.OptionalText(Setting.PrivateSubnetId, SubnetForm(), "the OCID of a private subnet of vcnId");
        string? outer = reader.OptionalText(Setting.PublicSubnetId, SubnetForm(), "the OCID of a public subnet of vcnId");
        bool exists = reader.Text(Setting.VcnId) is not null;
        reader.Require(!exists || reader.Text(Setting.PrivateSubnetId) is not null, Setting.PrivateSubnetId, "must be set with vcnId", Setting.VcnId);
        reader.RequireOr(string.Empty, exists || inner is null, Setting.PrivateSubnetId, "goes with vcnId, the VCN that it lies in", Setting.VcnId);
        reader.Require(!exists || !hasBastion || reader.Text(Setting.PublicSubnetId) is not null, Setting.PublicSubnetId,
            "must be set with vcnId, for the bastion (or bastion service or none)", Setting.VcnId, Setting.Bastion);
        reader.RequireOr(string.Empty, (exists && hasBastion) || outer is null, Setting.PublicSubnetId, "goes with vcnId and bastion vm, which needs it",
            Setting.VcnId, Setting.Bastion);
        reader.RequireOr("ocid1.subnet.oc1.eu-frankfurt-1.cccc", inner is null || inner != outer, Setting.PrivateSubnetId,
            "another subnet than publicSubnetId", Setting.PublicSubnetId);
        return vcn is null || inner is null ? null : new ExistingNetwork(vcn, inner, hasBastion ? outer : null);
    }

    [GeneratedRegex(@"^ocid1\.vcn\.[A-Za-z0-9._-]+$")]
    private static partial Regex VcnForm();

    [GeneratedRegex(@"^ocid1\.subnet\.[A-Za-z0-9._-]+$")]
    private static partial Regex SubnetForm();
}
