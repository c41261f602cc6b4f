// Stack configuration.

using Pulumi;
using Pulumi.Testing;
using Pulumi.Utilities;
using Xunit;

namespace PulumiStandIn.Tests;

public sealed class ConfigTests : IDisposable
{
    private readonly string? _before = Environment.GetEnvironmentVariable("PULUMI_CONFIG");

    public void Dispose() => Environment.SetEnvironmentVariable("PULUMI_CONFIG", _before);

    [Fact]
    public async Task Values_are_read_by_type()
    {
        await WithAsync(
            """{"p:text":"t","p:number":"-12","p:yes":"true","p:half":"0.5","p:list":"[\"a\",\"b\"]","other:text":"o","p:config:old":"x"}""", async () =>
        {
            var config = new Config();
            Assert.Equal("t", config.Get("text"));
            Assert.Equal("t", config.Require("text"));
            Assert.Equal(-12, config.GetInt32("number"));
            Assert.Equal(-12, config.RequireInt32("number"));
            Assert.True(config.GetBoolean("yes"));
            Assert.True(config.RequireBoolean("yes"));
            Assert.Equal(0.5, config.GetDouble("half"));
            Assert.Equal(["a", "b"], config.RequireObject<string[]>("list"));
            Assert.Equal(["a", "b"], config.GetObject<List<string>>("list")!);
            Assert.Equal("o", new Config("other").Get("text"));
            Assert.Equal("o", new Config("other:config").Get("text"));
            Assert.Equal("x", config.Get("old"));
            Assert.Null(config.Get("Text"));
            Assert.True(await Output.IsSecretAsync(config.RequireSecret("text")));
            Assert.True(await Output.IsSecretAsync(config.GetSecretInt32("number")!));
            Assert.Equal(["a", "b"], await OutputUtilities.GetValueAsync(config.RequireSecretObject<string[]>("list")));
        });
    }

    [Fact]
    public async Task What_is_not_set_is_null()
    {
        await WithAsync("{}", () =>
        {
            var config = new Config();
            Assert.Null(config.Get("a"));
            Assert.Null(config.GetInt32("a"));
            Assert.Null(config.GetBoolean("a"));
            Assert.Null(config.GetDouble("a"));
            Assert.Null(config.GetObject<string[]>("a"));
            Assert.Null(config.GetSecret("a"));
            Assert.Null(config.GetSecretObject<string[]>("a"));
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task Errors_name_the_key()
    {
        await WithAsync("""{"p:number":"twelve","p:yes":"True","p:list":"[1"}""", () =>
        {
            var config = new Config();
            Assert.Equal(
                "Configuration 'p:number' value 'twelve' is not a valid Int32", Assert.ThrowsAny<RunException>(() => config.GetInt32("number")).Message);
            Assert.Equal(
                "Configuration 'p:yes' value 'True' is not a valid Boolean", Assert.ThrowsAny<RunException>(() => config.RequireBoolean("yes")).Message);
            Assert.StartsWith(
                "Configuration 'p:list' value '[1' is not a valid ", Assert.ThrowsAny<RunException>(() => config.GetObject<int[]>("list")).Message,
                StringComparison.Ordinal);
            string missing = Assert.ThrowsAny<RunException>(() => config.Require("gone")).Message;
            Assert.Equal(
                "Missing Required configuration variable 'p:gone'\n\tplease set a value using the command `pulumi config set p:gone <value>`", missing);
            Assert.Equal(missing, Assert.ThrowsAny<RunException>(() => config.RequireInt32("gone")).Message);
            Assert.Equal(missing, Assert.ThrowsAny<RunException>(() => config.RequireObject<int[]>("gone")).Message);
            Assert.Equal(missing, Assert.ThrowsAny<RunException>(() => config.RequireSecret("gone")).Message);
            return Task.CompletedTask;
        });
    }

    private static async Task WithAsync(string json, Func<Task> check)
    {
        Environment.SetEnvironmentVariable("PULUMI_CONFIG", json);
        await Deployment.TestAsync(new RecordingMocks(), new TestOptions { ProjectName = "p" }, check);
    }
}
