// Networks that metrics are read from: what the stack says of them, and how the account's password changes.

using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class MonitoringTests
{
    private static readonly Dictionary<string, string?> On = new() { ["monitoringNetworks"] = """["10.0.9.0/24"]""" };

    [Fact]
    public async Task The_account_has_a_password_of_its_own_which_the_outputs_have_as_a_secret()
    {
        StackRun run = await StackRun.Of(On);

        Assert.Equal(Secrets.PasswordOf("metrics-password"), await OutputUtilities.GetValueAsync(run.Stack.MetricsPassword));
        Assert.True(await Output.IsSecretAsync(run.Stack.MetricsPassword));
        string readme = await OutputUtilities.GetValueAsync(run.Stack.Readme);
        Assert.Contains("output metricsPassword --stack", readme, StringComparison.Ordinal);
        Assert.Contains("http://172.31.235.141:1936/metrics, http://172.31.235.142:1936/metrics;", readme, StringComparison.Ordinal);
        Assert.Contains("redis://172.31.235.131:6379", readme, StringComparison.Ordinal);
        Assert.DoesNotContain(Secrets.PasswordOf("metrics-password"), readme, StringComparison.Ordinal);
        Assert.Equal(["proxy-in-1936-10.0.9.0-24", "redis-in-6379-10.0.9.0-24"], run.Cloud.All(Types.Rule).Select(rule => rule.Name)
            .Where(name => name.Contains("10.0.9.0", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        StackRun off = await StackRun.Of();
        Assert.Equal(string.Empty, await OutputUtilities.GetValueAsync(off.Stack.MetricsPassword));
        Assert.DoesNotContain("etrics", await OutputUtilities.GetValueAsync(off.Stack.Readme), StringComparison.Ordinal);
        Assert.DoesNotContain(off.Cloud.All(Types.Password), password => password.Name.Contains("metrics", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[1]", "", "generated")]
    [InlineData("[1,2]", "", "generated-2\ngenerated")]
    [InlineData("[1]", "the-given-0ne", "the-given-0ne")]
    [InlineData("[1]", "the-given-0ne the-former-0ne", "the-given-0ne\nthe-former-0ne")]
    [InlineData("[1,2]", "the-given-0ne", "the-given-0ne")]
    [InlineData("[1,2]", "the-given-0ne the-former-0ne", "the-given-0ne\nthe-former-0ne")]
    public async Task Former_and_new_passwords_are_valid_together(string versions, string given, string wanted)
    {
        string[] passwords = given.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        StackRun run = await StackRun.Of(new(On)
        {
            ["passwordVersions"] = versions,
            ["metricsPassword"] = passwords.ElementAtOrDefault(0),
            ["formerMetricsPassword"] = passwords.ElementAtOrDefault(1),
        });

        string lines = wanted.Replace("generated-2", Secrets.PasswordOf("metrics-password-2"), StringComparison.Ordinal)
            .Replace("generated", Secrets.PasswordOf("metrics-password"), StringComparison.Ordinal);
        Assert.Equal(lines + "\n", Nodes.PayloadInputs.FileOf(run.Cloud.One(Types.Command, "proxy1-ready").Text("stdin"), "metrics.password"));
        string users = Nodes.PayloadInputs.FileOf(run.Cloud.One(Types.Command, "redis1-ready").Text("stdin"), "users.acl");
        string user = users.Split('\n').Single(line => line.StartsWith("user metrics ", StringComparison.Ordinal));
        Assert.Equal(lines.Split('\n').Length, user.Count(letter => letter == '#'));
        Assert.Equal(lines.Split('\n')[0], await OutputUtilities.GetValueAsync(run.Stack.MetricsPassword));
    }
}
