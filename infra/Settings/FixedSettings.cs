// Settings that hold for a stack's whole life: OCI does not move a network under its machines, and a machine keeps the image that it
// was created with. What a stack was built with is among its outputs, and the next run compares.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace RedisHaInfra.Settings;

/// <summary>The settings that cannot change once the stack is built.</summary>
public static class FixedSettings
{
    /// <summary>Their values by key; of a shape its processor's kind, since all else of it may change.</summary>
    public static ImmutableSortedDictionary<string, string> Of(StackSettings settings) => new Dictionary<string, string?>
    {
        [Setting.VcnCidr.Key] = settings.Network.VcnCidr,
        [Setting.PublicSubnetCidr.Key] = settings.Network.PublicSubnetCidr,
        [Setting.PrivateSubnetCidr.Key] = settings.Network.PrivateSubnetCidr,
        [Setting.DnsLabel.Key] = settings.Network.DnsLabel,
        [Setting.OperatingSystem.Key] = settings.Compute.OperatingSystem.Key,
        [Setting.Engine.Key] = settings.Redis.Engine,
        [Setting.RedisTls.Key] = settings.RedisTls is null ? Setting.RedisTls.Value : "yes",
        [Setting.RedisShape.Key] = settings.Compute.Redis.Architecture,
        [Setting.ProxyShape.Key] = settings.Compute.Proxy.Architecture,
        [Setting.BastionShape.Key] = settings.Network.Bastion is null ? null : settings.Compute.Bastion.Architecture,
        [Setting.VcnId.Key] = settings.Network.Existing?.VcnId ?? string.Empty,
        [Setting.PrivateSubnetId.Key] = settings.Network.Existing?.PrivateSubnetId ?? string.Empty,
        [Setting.PublicSubnetId.Key] = settings.Network.Existing?.PublicSubnetId,
    }.Where(pair => pair.Value is not null).ToImmutableSortedDictionary(pair => pair.Key, pair => pair.Value!, StringComparer.Ordinal);

    // A stack from before there were these settings was built without them.
    private static readonly ImmutableDictionary<string, string> Newer = new Dictionary<string, string>
    {
        [Setting.VcnId.Key] = string.Empty,
        [Setting.PrivateSubnetId.Key] = string.Empty,
        [Setting.RedisTls.Key] = Setting.RedisTls.Value,
    }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>What to say when a stack is to be changed in what cannot change; null when there is nothing to say.</summary>
    /// <param name="built">What the stack was built with; empty for a new stack. Keys that are not there are not compared.</param>
    /// <param name="now">The settings.</param>
    public static string? Refusal(IReadOnlyDictionary<string, string> built, StackSettings now)
    {
        if (VolumeRefusal(built, now) is { } refusal)
        {
            return refusal;
        }
        var changed = Of(now).Where(pair => Before(built, pair.Key) is { } before && before != pair.Value).ToList();
        if (changed.Count == 0)
        {
            return null;
        }
        var text = new StringBuilder("These settings cannot change while the stack exists; nothing was changed. "
            + "Set them back, or build a second stack and copy the data:");
        foreach ((string key, string value) in changed)
        {
            bool isShape = value is "x86" or "Ampere";
            text.Append("\n\n  ").Append(SettingsSource.Namespace).Append(':').Append(key)
                .Append(isShape ? " is a shape with processor " : " = ").Append(value)
                .Append("\n    built with: ").Append(Before(built, key) is { Length: > 0 } before ? before : "nothing")
                .Append("\n    set back:   ").Append(
                    isShape ? $"pulumi config set {SettingsSource.Namespace}:{key} {(built[key] == "x86" ? "VM.Standard.E5.Flex" : "VM.Standard.A1.Flex")}   "
                        + $"(or another shape with {built[key]})"
                    : Before(built, key) is { Length: > 0 } old ? $"pulumi config set {SettingsSource.Namespace}:{key} {old}"
                    : $"pulumi config rm {SettingsSource.Namespace}:{key}");
        }
        return text.ToString();
    }

    /// <summary>What the next run compares of the data volumes; nothing where there are none.</summary>
    internal static IEnumerable<KeyValuePair<string, string>> Volumes(StackSettings settings) => settings.Compute.DataVolumeGb == 0
        ? []
        : [KeyValuePair.Create(Setting.RedisDataVolumeGb.Key, settings.Compute.DataVolumeGb.ToString(CultureInfo.InvariantCulture))];

    // Smaller is refused by OCI; none at all would delete every volume in one run, with all data.
    private static string? VolumeRefusal(IReadOnlyDictionary<string, string> built, StackSettings now)
    {
        string key = Setting.RedisDataVolumeGb.Key;
        if (!int.TryParse(built.GetValueOrDefault(key), NumberStyles.None, CultureInfo.InvariantCulture, out int before) || now.Compute.DataVolumeGb >= before)
        {
            return null;
        }
        return $"{SettingsSource.Namespace}:{key} = {now.Compute.DataVolumeGb}: data volumes can grow, never shrink or go while the stack exists, since all "
            + $"data is on them; nothing was changed.\n    built with: {before}\n    set back:   pulumi config set {SettingsSource.Namespace}:{key} {before}";
    }

    private static string? Before(IReadOnlyDictionary<string, string> built, string key) =>
        built.TryGetValue(key, out string? before) ? before : built.Count > 0 ? Newer.GetValueOrDefault(key) : null;
}
