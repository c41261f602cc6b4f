// Backups of the data: when, how long they are kept, and where. And whether the data is protected from "pulumi destroy".

using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>Settings of backups.</summary>
public sealed partial record BackupSettings
{
    /// <summary>When, as systemd.time(7) calendar events, in UTC; empty for no backups.</summary>
    public required ImmutableArray<string> Calendar { get; init; }

    /// <summary>Days that a backup is kept; 0 to keep them until somebody deletes them.</summary>
    public required int RetentionDays { get; init; }

    /// <summary>A bucket that exists already; null to create one.</summary>
    public required string? Bucket { get; init; }

    /// <summary>Until when nodes can write backups and operators read them. Fixed, not counted from now: a changed date renews both addresses.</summary>
    public required DateTimeOffset AddressesExpire { get; init; }

    /// <summary>Whether "pulumi destroy" refuses.</summary>
    public required bool IsDataProtected { get; init; }

    /// <summary>The longest time between two backups, in seconds: at most a day.</summary>
    public required int LongestPause { get; init; }

    /// <summary>Whether there are backups.</summary>
    public bool IsOn => !Calendar.IsEmpty;

    internal static BackupSettings Read(SettingsReader reader)
    {
        string schedule = reader.Text(Setting.BackupSchedule) ?? string.Empty;
        bool good = schedule.Length == 0 || ScheduleForm().IsMatch(schedule);
        reader.Require(good, Setting.BackupSchedule, "hourly, or times of day in UTC, as 02:30 or 02:30,14:30; nothing for no backups");
        string? bucket = reader.OptionalText(Setting.BackupBucket, BucketForm(),
            "the name of a bucket in the stack's region, 1 to 256 letters, digits and . _ - characters; nothing to have one created");
        string[] times = !good || schedule.Length == 0 || schedule == "hourly" ? [] : [.. schedule.Split(',').Order(StringComparer.Ordinal).Distinct()];
        return new BackupSettings
        {
            Calendar = schedule == "hourly" ? ["*-*-* *:00:00 UTC"] : [.. times.Select(time => $"*-*-* {time}:00 UTC")],
            LongestPause = schedule == "hourly" ? 3600 : Pauses(times).DefaultIfEmpty(Day).Max(),
            RetentionDays = reader.Integer(Setting.BackupRetentionDays),
            Bucket = bucket,
            AddressesExpire = reader.UtcTime(Setting.BackupAddressesExpire),
            IsDataProtected = reader.Choice(Setting.ProtectData) == "yes",
        };
    }

    private const int Day = 86_400;

    // From each time of day to the next one, around midnight too.
    private static IEnumerable<int> Pauses(string[] times)
    {
        int[] seconds = [.. times.Select(time => (int)TimeSpan.ParseExact(time, @"hh\:mm", CultureInfo.InvariantCulture).TotalSeconds)];
        return seconds.Select((at, index) => (seconds[(index + 1) % seconds.Length] - at + Day - 1) % Day + 1);
    }

    /// <summary>A time as OCI takes it.</summary>
    internal static string Utc(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\A(hourly|([01][0-9]|2[0-3]):[0-5][0-9](,([01][0-9]|2[0-3]):[0-5][0-9]){0,23})\z")]
    private static partial Regex ScheduleForm();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,256}\z")]
    private static partial Regex BucketForm();
}
