// The stack as a whole: what it asks the cloud for with nothing but the required settings.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class StackTests(DefaultDeployment deployment)
{
    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void Every_part_of_the_picture_is_there()
    {
        var counts = Cloud.Resources.Where(resource => !resource.Type.StartsWith("redis-ha:", StringComparison.Ordinal))
            .CountBy(resource => resource.Type).ToDictionary(group => group.Key, group => group.Value);
        Assert.Equal(1, counts[Types.Vcn]);
        Assert.Equal(1, counts[Types.InternetGateway]);
        Assert.Equal(1, counts[Types.NatGateway]);
        Assert.Equal(1, counts[Types.ServiceGateway]);
        Assert.Equal(2, counts[Types.RouteTable]);
        Assert.Equal(1, counts[Types.SecurityList]);
        Assert.Equal(2, counts[Types.Subnet]);
        Assert.Equal(4, counts[Types.Group]);
        Assert.Equal(SecurityRules.For(GoodSettings.Read().Network).Length, counts[Types.Rule]);
        Assert.Equal(6, counts[Types.Instance]);
        Assert.Equal(1, counts[Types.LoadBalancer]);
        Assert.Equal(1, counts[Types.BackendSet]);
        Assert.Equal(1, counts[Types.Listener]);
        Assert.Equal(1, counts[Types.Bucket]);
        Assert.Equal(1, counts[Types.StorageObject]);
        Assert.Equal(1, counts[Types.Preauthrequest]);
        Assert.Equal(9, counts[Types.Password]);
        Assert.Equal(16, counts.Count - counts.Keys.Count(type => type is Types.Command or Types.Password));
    }

    [Fact]
    public void Everything_goes_into_the_one_compartment_and_is_tagged()
    {
        foreach (RecordedResource resource in Cloud.Resources.Where(resource => resource.Inputs.ContainsKey("compartmentId")))
        {
            Assert.Equal("ocid1.compartment.oc1..aaaatest", resource.Text("compartmentId"));
            Assert.Equal("redis-ha-test", resource.Text("freeformTags.deployment"));
        }
    }

    [Fact]
    public async Task Whatever_takes_tags_gets_the_stacks_own()
    {
        StackRun run = await StackRun.Of(
            new() { ["definedTags"] = """["Operations.CostCenter=42","Finance.Owner=a b"]""", ["freeformTags"] = """["owner=platform"]""" });

        int tagged = 0;
        foreach (((string type, string name), ResourceArgs args) in run.Args.Where(pair => pair.Key.Type.StartsWith("oci:", StringComparison.Ordinal)))
        {
            if (args.GetType().GetProperty("DefinedTags") is not null)
            {
                tagged++;
                CheckTags(string.Empty);
            }
            if (type == Types.Instance)
            {
                CheckTags("createVnicDetails.");
            }

            void CheckTags(string within)
            {
                var defined = (ImmutableDictionary<string, object>?)run.Cloud.One(type, name)[within + "definedTags"];
                Assert.True(defined is { Count: 2 }, $"{type} {name} {within}definedTags");
                Assert.Equal(("42", "a b"), (defined["Operations.CostCenter"], defined["Finance.Owner"]));
                Assert.Equal(("platform", "redis-ha-test"),
                    (run.Cloud.One(type, name).Text(within + "freeformTags.owner"), run.Cloud.One(type, name).Text(within + "freeformTags.deployment")));
            }
        }
        Assert.Equal(21, tagged);
    }

    [Fact]
    public async Task Without_defined_tags_those_of_the_tenancy_are_left_alone()
    {
        Assert.All(Cloud.Resources, resource => Assert.False(resource.Inputs.ContainsKey("definedTags")));
        Assert.All(Cloud.All(Types.Instance), machine => Assert.Null(machine["createVnicDetails.definedTags"]));
        // Named later, they reach what exists, by updates in place.
        StackRun again = await deployment.Run.Again(new() { ["definedTags"] = """["Operations.CostCenter=42"]""" });
        Assert.Equal(21, again.Cloud.Plan.Count);
        Assert.All(again.Cloud.Plan, step => Assert.EndsWith(": InPlace", step, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stale_SSH_agent_ends_the_run_before_anything_is_registered()
    {
        var cloud = new RecordedCloud { SshAgent = "/does/not/exist/agent.1" };

        RunException error = await Assert.ThrowsAnyAsync<RunException>(() => StackRun.Run(null, cloud));

        Assert.Contains("unset SSH_AUTH_SOCK", error.ToString(), StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
    }

    [Fact]
    public async Task Outputs_say_how_to_reach_it()
    {
        RedisHaStack stack = deployment.Run.Stack;

        Assert.Equal("172.31.235.188:6379", await Value(stack.Endpoint));
        Assert.Equal("198.51.100.4", await Value(stack.BastionAddress));
        Assert.Equal("ubuntu", await Value(stack.SshUser));
        string Key(string machine) => HostKey.Of(Secrets.PasswordOf("host-key-seed"), machine).PublicKey;
        Assert.Equal(
            [
                $"198.51.100.4,172.31.235.2 {Key("bastion")}", $"172.31.235.131 {Key("redis1")}", $"172.31.235.132 {Key("redis2")}",
                $"172.31.235.133 {Key("redis3")}", $"172.31.235.141 {Key("proxy1")}", $"172.31.235.142 {Key("proxy2")}",
            ],
            (await Value(stack.KnownHosts)).Split('\n'));
        Assert.Equal("ssh -N -L 6379:172.31.235.188:6379 ubuntu@198.51.100.4", await Value(stack.Tunnel));
        Assert.Equal("ssh -N -L 1936:172.31.235.141:1936 ubuntu@198.51.100.4", await Value(stack.StatsTunnel));
        Assert.Equal("ssh -J ubuntu@198.51.100.4 ubuntu@172.31.235.131", await Value(stack.Shell));
        Assert.Contains("redis-cli -h 127.0.0.1 -p 6379", await Value(stack.RedisCli), StringComparison.Ordinal);
        Assert.Equal("http://127.0.0.1:1936/stats", await Value(stack.StatsPage));
        Assert.Equal(Secrets.PasswordOf("client-password"), await Value(stack.Password));
        Assert.Equal(Secrets.PasswordOf("admin-password"), await Value(stack.AdminPassword));
    }

    // What the page shows must be what the other outputs show, filled in for this stack.
    [Fact]
    public async Task The_readme_has_every_address_and_every_line_to_paste()
    {
        RedisHaStack stack = deployment.Run.Stack;
        string readme = await Value(stack.Readme);

        foreach (ImmutableDictionary<string, string> node in await Value(stack.Nodes))
        {
            Assert.Contains($"| {node["name"]} | {node["role"]} | {node["address"]} |", readme, StringComparison.Ordinal);
        }

        Assert.All([await Value(stack.Endpoint), await Value(stack.BastionAddress), await Value(stack.Tunnel), await Value(stack.StatsTunnel),
            await Value(stack.StatsPage)],
            line => Assert.Contains(line, readme, StringComparison.Ordinal));
        Assert.Contains("`ssh -N -L 1936:172.31.235.142:1936 ubuntu@198.51.100.4`", readme, StringComparison.Ordinal);
        Assert.All(["password", "adminPassword", "sshConfig", "knownHosts"],
            name => Assert.Contains($"pulumi stack output {name} --stack ", readme, StringComparison.Ordinal));
        Assert.DoesNotContain('{', readme);
        // In the order in which the page names them: each is a file of the repository.
        Assert.All(["scripts/tunnel", "scripts/status", "scripts/doctor", "scripts/switchover", "docs/troubleshooting.md"], file =>
        {
            Assert.Contains(file, readme, StringComparison.Ordinal);
            Assert.True(File.Exists(Path.Combine(Repository.Root, file)), file);
        });
    }

    [Fact]
    public async Task The_node_table_has_every_machine()
    {
        ImmutableArray<ImmutableDictionary<string, string>> nodes = await Value(deployment.Run.Stack.Nodes);

        Assert.Equal(["bastion", "redis1", "redis2", "redis3", "proxy1", "proxy2"], nodes.Select(node => node["name"]));
        ImmutableDictionary<string, string> second = nodes[2];
        Assert.Equal(("redis", "172.31.235.132", "lab:AD-2", "FAULT-DOMAIN-2", "Canonical Ubuntu-24.04-2026"),
            (second["role"], second["address"], second["availabilityDomain"], second["faultDomain"], second["image"]));
    }

    [Fact]
    public async Task A_machine_on_an_older_image_shows_it_and_stays()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { RunningImage = "ocid1.image.old" });

        Assert.All(await Value(run.Stack.Nodes), node => Assert.Equal("ocid1.image.old", node["image"]));
    }

    [Fact]
    public async Task A_bad_configuration_registers_nothing()
    {
        var cloud = new RecordedCloud();

        RunException error = await Assert.ThrowsAsync<RunException>(
            () => StackRun.Run(new() { ["compartmentId"] = null, ["sentinelQuorum"] = "9", ["nonsense"] = "1" }, cloud));

        Assert.Contains("The stack configuration has 3 problems; nothing was changed.", error.Message, StringComparison.Ordinal);
        Assert.Contains("redis-ha:nonsense", error.Message, StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
        Assert.Empty(cloud.Calls);
    }

    [Fact]
    public async Task A_preview_works_with_all_that_the_cloud_has_yet_to_say()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { IsPreview = true });

        Assert.Equal(deployment.Run.Cloud.Resources.Select(resource => (resource.Type, resource.Name)).Order(),
            run.Cloud.Resources.Select(resource => (resource.Type, resource.Name)).Order());
        Assert.False(run.Cloud.One(Types.Instance, "redis1").Inputs.ContainsKey("metadata")
            && run.Cloud.One(Types.Instance, "redis1")["metadata.user_data"] is not null);
        Assert.False(await OutputUtilities.GetIsKnownAsync(run.Stack.Password));
        Assert.False(await OutputUtilities.GetIsKnownAsync(run.Stack.Tunnel));
    }

    public static TheoryData<string, string, string[]> UnansweredQuestions => new()
    {
        { "oci:", "invoking: can not create client, bad configuration: did not find a proper configuration for tenancy",
            ["availability domains, services, Object Storage namespace, images for VM.Standard.E5.Flex", "oci setup config"] },
        { "oci:Core/getImages", "Error returned by ListImages operation. Http Status Code: 404. Error Code: NotAuthorizedOrNotFound",
            ["asked for: images for VM.Standard.E5.Flex\n", "check redis-ha:compartmentId (ocid1.compartment.oc1..aaaatest)"] },
        { "oci:Core/getServices", "Get \"https://iaas.nowhere.oraclecloud.com\": dial tcp: lookup: no such host",
            ["asked for: services\n", "check oci:region"] },
        { "oci:ObjectStorage", "rpc error: something new", ["something new", "correct what the answer names"] },
    };

    [Theory]
    [MemberData(nameof(UnansweredQuestions))]
    public async Task A_question_that_OCI_does_not_answer_ends_in_one_message_before_anything_is_made(string token, string words, string[] expected)
    {
        var cloud = new RecordedCloud { FailingLookUps = new Dictionary<string, string> { [token] = words } };

        string message = (await Assert.ThrowsAsync<RunException>(() => StackRun.Run(null, cloud))).Message;

        Assert.All(expected, part => Assert.Contains(part, message, StringComparison.Ordinal));
        Assert.StartsWith("OCI does not answer as this stack needs it; nothing was changed.", message, StringComparison.Ordinal);
        Assert.Equal(1, message.Split(words.Split(':')[^1].Trim()).Length - 1);
        Assert.Empty(cloud.Resources);
    }

    [Fact]
    public async Task All_unsuitable_answers_are_told_together()
    {
        var cloud = new RecordedCloud { AvailabilityDomains = ["lab:AD-1"], HasPlatformImages = false, OwnImages = ["ours"] };

        string message = (await Assert.ThrowsAsync<RunException>(() => StackRun.Run(new() { ["availabilityDomains"] = "[1,3]" }, cloud))).Message;

        Assert.Contains("this region has 1: lab:AD-1", message, StringComparison.Ordinal);
        Assert.Contains("redis-ha:availabilityDomains names number 3", message, StringComparison.Ordinal);
        Assert.Contains("no platform image of Canonical Ubuntu 24.04 for VM.Standard.E5.Flex; only the compartment's own: ours", message,
            StringComparison.Ordinal);
        Assert.Empty(cloud.Resources);
    }

    [Fact]
    public async Task A_first_run_of_a_part_ends_in_one_sentence()
    {
        var cloud = new RecordedCloud { LeavesOut = true };

        RunException error = await Assert.ThrowsAsync<RunException>(() => StackRun.Run(null, cloud));

        Assert.Equal("--target needs a stack that is complete: what it leaves out does not exist yet. Run `pulumi up` without it first.", error.Message);
    }

    [Theory]
    [InlineData("vcnCidr", "10.0.0.0/16", "vcnCidr = 10.0.0.0/16", "pulumi config set redis-ha:vcnCidr 172.31.235.0/24")]
    [InlineData("dnsLabel", "other", "dnsLabel = other", "pulumi config set redis-ha:dnsLabel redisha")]
    [InlineData("operatingSystem", "oracle-linux-9", "operatingSystem = oracle-linux-9", "pulumi config set redis-ha:operatingSystem ubuntu-24.04")]
    [InlineData("publicSubnetCidr", "172.31.235.0/26", "publicSubnetCidr = 172.31.235.0/26", "172.31.235.0/25")]
    [InlineData(
        "redisShape", "VM.Standard.A1.Flex", "redisShape is a shape with processor Ampere", "pulumi config set redis-ha:redisShape VM.Standard.E5.Flex")]
    public async Task What_cannot_change_is_refused_on_a_stack_that_exists(string key, string value, string told, string way)
    {
        RecordedCloud next = await deployment.Run.Next();

        string message = (await Assert.ThrowsAsync<RunException>(() => StackRun.Run(new() { [key] = value }, next))).Message;

        Assert.StartsWith("These settings cannot change while the stack exists; nothing was changed.", message, StringComparison.Ordinal);
        Assert.Contains(told, message, StringComparison.Ordinal);
        Assert.Contains(way, message, StringComparison.Ordinal);
        Assert.Empty(next.Resources);
        // Another shape with the same processor is no such change, nor is anything on a new stack.
        await StackRun.Of(new() { [key] = value }, new RecordedCloud());
    }

    [Fact]
    public async Task A_stack_whose_outputs_cannot_be_read_is_run_all_the_same()
    {
        // Its full name first; its own alone for stacks kept in the old layout.
        var cloud = new RecordedCloud { FailingLookUps = new Dictionary<string, string> { ["readStackOutputs"] = "unknown stack" } };

        await StackRun.Of(cloud: cloud);

        Assert.Equal(["organization/redis-ha/test", "test"],
            cloud.Calls.Where(call => call.Token!.EndsWith("readStackOutputs", StringComparison.Ordinal)).Select(call => call.Args["name"]));
    }

    private static Task<T> Value<T>(Output<T> output) => OutputUtilities.GetValueAsync(output);
}
