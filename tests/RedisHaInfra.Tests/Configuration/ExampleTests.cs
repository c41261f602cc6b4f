// The example in a message passes the rule that it explains, beside the values of all other settings; and whoever follows the examples
// comes to a configuration that holds.

using System.Text.Json;
using System.Text.RegularExpressions;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed partial class ExampleTests
{
    // Configurations that hold, in which the usual examples often do not.
    private static readonly Dictionary<string, string?>[] Others =
    [
        [],
        new() { ["sentinelDownAfterMilliseconds"] = "2001", ["redisMinReplicasMaxLagSeconds"] = "1" },
        new() { ["sentinelDownAfterMilliseconds"] = "600000", ["sentinelFailoverTimeoutMilliseconds"] = "600000" },
        new() { ["proxyMaxConnections"] = "20000" },
        new() { ["vcnCidr"] = "10.9.0.0/16", ["redisMinReplicasToWrite"] = "0" },
        new() { ["vcnCidr"] = "10.9.0.0/16", ["publicSubnetCidr"] = "10.9.128.0/17", ["privateSubnetCidr"] = "10.9.0.0/28",
            ["loadBalancerAddress"] = "10.9.0.2" },
        new()
        {
            ["redisAddresses"] = """["172.31.235.150","172.31.235.151","172.31.235.152","172.31.235.153","172.31.235.154"]""",
            ["proxyAddresses"] = """["172.31.235.160","172.31.235.161","172.31.235.162"]""",
            ["sentinelParallelSyncs"] = "4",
            ["redisMinReplicasToWrite"] = "4",
        },
        new() { ["redisOcpus"] = "16", ["redisMemoryGb"] = "512", ["bootVolumeGb"] = "4000", ["proxyOcpus"] = "64", ["proxyMemoryGb"] = "64" },
        new() { ["redisMemoryGb"] = "1" },
        new() { ["redisShape"] = "VM.Standard.A1.Flex" },
        new() { ["imageId"] = "ocid1.image.oc1.eu-frankfurt-1.aaaa" },
    ];

    public static TheoryData<string> Keys => [.. Setting.All.Select(setting => setting.Key)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void An_example_passes_and_all_of_them_lead_to_a_good_configuration(string key)
    {
        Setting setting = Setting.All.Single(known => known.Key == key);
        int refused = 0;
        foreach (Dictionary<string, string?> others in Others)
        {
            Assert.Empty(ProblemsOf(GoodSettings.With(others)));
            foreach (string value in Values(setting))
            {
                Dictionary<string, string> stack = GoodSettings.With(others);
                stack[key] = value;
                IReadOnlyList<SettingProblem> problems = ProblemsOf(stack);
                refused += problems.Count;
                for (int round = 0; problems.Any(CanBeFollowed); round++)
                {
                    Assert.True(round < 4, $"{key} = {value}: after {round} rounds still {string.Join("; ", problems)}");
                    foreach (SettingProblem problem in problems.Where(CanBeFollowed))
                    {
                        Dictionary<string, string> followed = Follow(stack, problem);
                        Assert.DoesNotContain(ProblemsOf(followed), other => other.Key == problem.Key);
                        stack = followed;
                    }
                    problems = ProblemsOf(stack);
                }
            }
        }
        Assert.True(refused > 0, "no value was refused");
    }

    [Theory]
    [InlineData("redisMinReplicasMaxLagSeconds", "0", "pulumi config set redis-ha:redisMinReplicasMaxLagSeconds 2", "sentinelDownAfterMilliseconds", "3500")]
    [InlineData("redisMaxClients", "50", "pulumi config set redis-ha:redisMaxClients 40100", "proxyMaxConnections", "20000")]
    [InlineData("redisAddresses", """["1.2.3.4"]""", "pulumi config set --path 'redis-ha:redisAddresses[0]' 10.9.128.3 && ", "vcnCidr", "10.9.0.0/16")]
    [InlineData("redisMaxMemory", "much", "pulumi config set redis-ha:redisMaxMemory 1536mb", "redisMemoryGb", "2")]
    [InlineData("redisClientOutputBuffer", "all", "pulumi config set redis-ha:redisClientOutputBuffer \"256mb 64mb 60\"", "redisMemoryGb", "2")]
    public void It_takes_the_other_settings_into_account(string key, string value, string example, string other, string otherValue)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems((key, value), (other, otherValue)), problem => problem.Key == key);

        Assert.StartsWith(example, problem.Example, StringComparison.Ordinal);
    }

    // The ends of its range, beyond them, its own example, and what no setting takes.
    private static IEnumerable<string> Values(Setting setting) => setting switch
    {
        NumberSetting number => [$"{number.Minimum - 1L}", $"{number.Minimum}", $"{number.Maximum}", $"{number.Maximum + 1L}", "many"],
        { Type: SettingType.TextList } => ["not a list", """["!"]""", """["172.31.235.131"]""", """["0.0.0.0/0"]""", """["10.9.0.1","10.9.0.1","10.9.0.1"]"""],
        { Type: SettingType.NumberList } => ["not a list", "[0]", "[9]", "[2,1]", "[1,2,3,4]"],
        _ => ["!", "no", "0", "9999gb", "10.9.0.0/16", "10.9.0.1", "172.31.235.128/25", "VM.Standard.A1.Flex", "300gb 300gb 1", " "],
    };

    private static IReadOnlyList<SettingProblem> ProblemsOf(Dictionary<string, string> stack)
    {
        try
        {
            StackSettings.Read(new SettingsSource(stack, ["sshPrivateKey", "clientPassword", "formerClientPassword"]));
            return [];
        }
        catch (SettingsException error)
        {
            return error.Problems;
        }
    }

    // Keys, passwords and files come from elsewhere.
    private static bool CanBeFollowed(SettingProblem problem) => problem.Example.Contains("config rm ", StringComparison.Ordinal)
        || Setting.All.Single(setting => setting.Key == problem.Key).IsExampleValue;

    private static Dictionary<string, string> Follow(Dictionary<string, string> stack, SettingProblem problem)
    {
        var followed = new Dictionary<string, string>(stack);
        followed.Remove(problem.Key);
        string[] commands = problem.Example.Split(" && ");
        if (commands is [var only] && only.StartsWith("pulumi config rm ", StringComparison.Ordinal))
        {
            return followed;
        }
        bool isList = commands[0].Contains("--path", StringComparison.Ordinal);
        string[] values = [.. commands.Select((command, index) =>
        {
            Match match = Command().Match(command);
            Assert.True(match.Success, command);
            Assert.Equal(isList ? $"'redis-ha:{problem.Key}[{index}]'" : $"redis-ha:{problem.Key}", match.Groups["key"].Value);
            return match.Groups["quoted"].Success ? match.Groups["quoted"].Value : match.Groups["word"].Value;
        })];
        bool isNumbers = Setting.All.Single(setting => setting.Key == problem.Key).Type == SettingType.NumberList;
        followed[problem.Key] = !isList ? values[0] : isNumbers ? $"[{string.Join(',', values)}]" : JsonSerializer.Serialize(values);
        return followed;
    }

    [GeneratedRegex("""^pulumi config set (--path )?(?<key>\S+) ("(?<quoted>[^"]*)"|'(?<quoted>[^']*)'|(?<word>[^\s"'$*?|&;<>()]+))$""",
        RegexOptions.ExplicitCapture)]
    private static partial Regex Command();
}
