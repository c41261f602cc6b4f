// Where alarms go: an address, a topic, or nowhere.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class AlarmSettingsTests
{
    [Theory]
    [InlineData("alarmEmail", "nobody")]
    [InlineData("alarmEmail", "a@example.com,b@example.com")]
    [InlineData("alarmEmail", "a@example.com\n")]
    [InlineData("alarmTopicId", "ocid1.vcn.oc1..aaaa")]
    public void What_is_neither_an_address_nor_a_topic_is_refused(string key, string value) =>
        Assert.Equal([key], GoodSettings.Problems((key, value)).Select(problem => problem.Key));

    [Fact]
    public void Both_at_once_are_refused()
    {
        SettingProblem problem = Assert.Single(
            GoodSettings.Problems(("alarmEmail", "oncall@example.com"), ("alarmTopicId", "ocid1.onstopic.oc1.eu-frankfurt-1.aaaa")));

        Assert.Equal(("alarmTopicId", "pulumi config rm redis-ha:alarmTopicId"), (problem.Key, problem.Example));
    }

    [Fact]
    public void Nothing_set_is_no_alarms() => Assert.False(GoodSettings.Read().Alarms.IsOn);
}
