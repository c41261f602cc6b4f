// The machines' logs in OCI's Logging.

using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>Where the machines' logs go.</summary>
/// <param name="MachinesGroupId">OCID of the dynamic group that the machines are in: whose agents take the configuration.</param>
/// <param name="RetentionDays">Days that a line is kept.</param>
public sealed partial record LogSettings(string MachinesGroupId, int RetentionDays)
{
    // Logging counts it in steps of 30 days (Log, "retentionDuration").
    private const int Step = 30;

    /// <summary>Null when logs stay on the machines.</summary>
    internal static LogSettings? Read(SettingsReader reader)
    {
        string? group = reader.OptionalText(Setting.LogsDynamicGroupId, GroupForm(),
            "the OCID of the machines' dynamic group, or nothing to keep logs on the machines");
        int days = reader.Integer(Setting.LogsRetentionDays);
        reader.RequireOr((Math.Clamp(days / Step, 1, Setting.LogsRetentionDays.Maximum / Step) * Step).ToString(CultureInfo.InvariantCulture),
            days % Step == 0, Setting.LogsRetentionDays, $"a multiple of {Step}, up to {Setting.LogsRetentionDays.Maximum}");
        return group is null ? null : new LogSettings(group, days);
    }

    [GeneratedRegex(@"\Aocid1\.dynamicgroup\.[A-Za-z0-9._-]+\z")]
    private static partial Regex GroupForm();
}
