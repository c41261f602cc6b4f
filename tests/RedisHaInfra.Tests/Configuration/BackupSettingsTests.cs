// When backups are made, and which schedules are none.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class BackupSettingsTests
{
    [Theory]
    [InlineData("", "", 86_400)]
    [InlineData("hourly", "*-*-* *:00:00 UTC", 3_600)]
    [InlineData("02:30", "*-*-* 02:30:00 UTC", 86_400)]
    [InlineData("14:30,02:30,14:30", "*-*-* 02:30:00 UTC,*-*-* 14:30:00 UTC", 43_200)]
    [InlineData("23:00,01:00", "*-*-* 01:00:00 UTC,*-*-* 23:00:00 UTC", 79_200)]
    public void A_schedule_is_times_of_day_in_UTC(string schedule, string calendar, int pause)
    {
        BackupSettings backup = GoodSettings.Read(("backupSchedule", schedule.Length == 0 ? null : schedule)).Backup;

        Assert.Equal((calendar, calendar.Length > 0, pause), (string.Join(',', backup.Calendar), backup.IsOn, backup.LongestPause));
    }

    [Theory]
    [InlineData("backupSchedule", "daily")]
    [InlineData("backupSchedule", "24:00")]
    [InlineData("backupSchedule", "2:30")]
    [InlineData("backupSchedule", "02:30, 14:30")]
    [InlineData("backupSchedule", "02:30,")]
    [InlineData("backupSchedule", "02:30\n")]
    [InlineData("backupRetentionDays", "-1")]
    [InlineData("backupAddressesExpire", "soon")]
    [InlineData("protectData", "perhaps")]
    public void What_it_cannot_be_is_refused_by_name(string key, string value) => Assert.Equal(key, Assert.Single(GoodSettings.Problems((key, value))).Key);

    [Theory]
    [InlineData("two words")]
    [InlineData("a/b")]
    public void A_bucket_has_a_name(string bucket) =>
        Assert.Equal("backupBucket", Assert.Single(GoodSettings.Problems(("backupSchedule", "02:30"), ("backupBucket", bucket))).Key);
}
