// The rollout: secrets to all new machines at once, then one node at a time, in order, through the bastion, and nothing goes on after
// a node that is not well.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Nodes;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class RolloutTests(DefaultDeployment deployment)
{
    private static readonly string[] Nodes = ["redis1", "redis2", "redis3", "proxy1", "proxy2"];

    private static readonly string[] Chain =
    [
        "redis1-accept", "redis2-accept", "redis3-accept", "membership-before", "redis3-ready", "redis2-ready", "redis1-ready",
        "redis1-complete", "redis2-complete", "redis3-complete",
        "proxy1-ready", "proxy2-ready",
        "redis1-retire", "redis2-retire", "redis3-retire", "membership-after", "endpoint-check",
    ];

    private static readonly string[] All = ["bastion-ready", .. Nodes.SelectMany(node => new[] { $"{node}-reachable", $"{node}-secrets" }), .. Chain];

    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void The_nodes_are_proven_one_after_the_other_Redis_first()
    {
        string[] names = [.. Cloud.All(Types.Command).Select(command => command.Name)];

        Assert.Equal(All.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
        Assert.Equal("bastion-ready", names[0]);
        Assert.Equal(Chain, names[^Chain.Length..]);
    }

    [Fact]
    public async Task New_machines_get_their_secrets_at_the_same_time_and_nothing_is_proven_before()
    {
        // The first node of a new cluster becomes master only when all others answer (boot rules F1 and F4).
        foreach (string node in Nodes)
        {
            Assert.Equal(["bastion-ready"], await CommandsBefore($"{node}-reachable"));
            Assert.Equal([$"{node}-reachable"], await CommandsBefore($"{node}-secrets"));
        }
        Assert.Equal(Nodes.Select(node => $"{node}-secrets"), await CommandsBefore(Chain[0]));
    }

    [Fact]
    public void Secrets_are_brought_once_in_a_machines_life()
    {
        foreach (string node in Nodes)
        {
            RecordedResource command = Cloud.One(Types.Command, $"{node}-secrets");
            var options = (CustomResourceOptions)deployment.Run.Options[(Types.Command, command.Name)];
            // A changed payload is for the passes that go one node at a time; a changed key alone changes nothing on the node.
            Assert.Equal(["connection", "create", "stdin"], options.IgnoreChanges);
            Assert.Equal([$"{node}-id"], ((ImmutableArray<object>)command["triggers"]!).Cast<string>());
            Assert.EndsWith(" 'secrets'", FirstLine(command.Name), StringComparison.Ordinal);
        }
        Assert.All(Chain, name => Assert.Empty(((CustomResourceOptions)deployment.Run.Options[(Types.Command, name)]).IgnoreChanges));
    }

    [Fact]
    public async Task Each_command_of_the_chain_depends_on_the_one_before()
    {
        for (int index = 1; index < Chain.Length; index++)
        {
            Assert.Equal([Chain[index - 1]], await CommandsBefore(Chain[index]));
        }
    }

    [Theory]
    [InlineData("redis2-accept", 2)]
    [InlineData("redis2-ready", 6)]
    [InlineData("proxy1-ready", 11)]
    [InlineData("proxy2-secrets", 0)]
    public async Task Nothing_goes_on_after_a_node_that_is_not_well(string failing, int registered)
    {
        var cloud = new RecordedCloud { Fails = resource => resource.Name == failing };

        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(null, cloud));

        Assert.Equal(Chain[..registered], cloud.All(Types.Command).Select(command => command.Name).Where(Chain.Contains));
    }

    [Fact]
    public void Nodes_are_reached_through_the_bastion_which_waits_for_them_first()
    {
        foreach (RecordedResource command in Cloud.All(Types.Command))
        {
            bool onNode = command.Name is not ("bastion-ready" or "endpoint-check") && !command.Name.EndsWith("-reachable", StringComparison.Ordinal);
            string hop = onNode ? "connection.proxy" : "connection";
            Assert.Equal("198.51.100.4", command.Text($"{hop}.host"));
            Assert.Equal(onNode, command["connection.proxy"] is not null);
            if (onNode)
            {
                Assert.Equal(Cloud.One(Types.Instance, MachineOf(command.Name)).Text("createVnicDetails.privateIp"), command.Text("connection.host"));
                Assert.Equal("sudo -n timeout --kill-after=10 2700 bash -s", command.Text("create"));
                Assert.Equal(Key(MachineOf(command.Name)), command.Text("connection.hostKey"));
            }
            // Without it the provider takes whoever answers.
            Assert.Equal(Key("bastion"), command.Text($"{hop}.hostKey"));
            foreach (string end in new[] { "connection", hop }.Distinct())
            {
                Assert.Equal(("ubuntu", 120.0, GoodSettings.PrivateKey),
                    (command.Text($"{end}.user"), command[$"{end}.dialErrorLimit"], command.Text($"{end}.privateKey")));
            }
        }
        Assert.EndsWith($"'redis2' '172.31.235.132' '900' '{Key("redis2")}'", Cloud.One(Types.Command, "redis2-reachable").Text("create"),
            StringComparison.Ordinal);

        static string Key(string machine) => HostKey.Of(Secrets.PasswordOf("host-key-seed"), machine).PublicKey;
    }

    [Fact]
    public void A_command_runs_again_when_its_machine_is_another_one_or_its_payload_changed()
    {
        RecordedResource command = Cloud.One(Types.Command, "redis3-ready");

        Assert.Equal(["redis3-id"], ((ImmutableArray<object>)command["triggers"]!).Cast<string>());
        Assert.Null(command["update"]);
        Assert.Null(command["delete"]);
        // The payload that the node got first is the one that the command carries.
        Assert.Equal(Rest(Cloud.One(Types.Command, "redis3-secrets").Text("stdin")), Rest(command.Text("stdin")));
        Assert.Equal(6, ((ImmutableArray<object>)Cloud.One(Types.Command, "endpoint-check")["triggers"]!).Length);
    }

    [Fact]
    public async Task Another_payload_gives_other_input_and_the_same_commands()
    {
        StackRun run = await StackRun.Of(new() { ["redisMaxMemoryPolicy"] = "allkeys-lru" });

        foreach (string name in All)
        {
            RecordedResource before = Cloud.One(Types.Command, name);
            RecordedResource after = run.Cloud.One(Types.Command, name);
            // Who answers by SSH is looked at again before the node is changed.
            bool followsRedisPayload = name.StartsWith("redis", StringComparison.Ordinal);
            Assert.Equal(before.Text("create"), after.Text("create"));
            Assert.Equal(followsRedisPayload || name == "endpoint-check", before.Text("stdin") != after.Text("stdin"));
        }
    }

    [Fact]
    public async Task The_first_pass_leaves_the_master_to_the_second()
    {
        Assert.EndsWith(" 'replicas'", FirstLine("redis1-ready"), StringComparison.Ordinal);
        Assert.EndsWith(" 'all'", FirstLine("redis1-complete"), StringComparison.Ordinal);
        Assert.EndsWith(" 'all'", FirstLine("proxy1-ready"), StringComparison.Ordinal);
        // Contract with the apply script: by these words it says that only the master stands in the way.
        Assert.Contains("switch the master over first",
            new StreamReader(typeof(RedisHaStack).Assembly.GetManifestResourceStream("redis/apply.sh")!).ReadToEnd(), StringComparison.Ordinal);
        await Task.CompletedTask;
    }

    [Fact]
    public void Commands_leave_with_their_machines_and_log_nothing()
    {
        foreach (RecordedResource command in Cloud.All(Types.Command))
        {
            var options = (CustomResourceOptions)deployment.Run.Options[(Types.Command, command.Name)];
            Assert.Equal(MachineOf(command.Name), options.DeletedWith!.GetResourceName());
            Assert.Equal("none", command.Text("logging"));
            Assert.Equal(false, command["addPreviousOutputInEnv"]);
            Assert.Null(command["environment"]);
        }
    }

    private static string Rest(string input) => input[(input.IndexOf('\n', StringComparison.Ordinal) + 1)..];

    private async Task<IEnumerable<string>> CommandsBefore(string command)
    {
        Output<ImmutableArray<Resource>> before = deployment.Run.Options[(Types.Command, command)].DependsOn;
        return (await OutputUtilities.GetValueAsync(before)).Where(resource => resource.GetResourceType() == Types.Command)
            .Select(resource => resource.GetResourceName());
    }

    [Fact]
    public async Task A_node_more_or_less_changes_what_the_first_node_is_told_before_and_after_the_proxies()
    {
        Assert.Equal("set -- 'before' '120' 'redis1=172.31.235.131' 'redis2=172.31.235.132' 'redis3=172.31.235.133'", FirstLine("membership-before"));
        Assert.Equal(["redis1-id"], Triggers("membership-before"));
        Assert.Equal(["redis1-id", "redis2-id", "redis3-id"], Triggers("membership-after"));

        StackRun more = await StackRun.Of(new() { ["redisAddresses"] = """["172.31.235.131","172.31.235.132","172.31.235.133","172.31.235.134"]""" });

        string[] chain = [.. more.Cloud.All(Types.Command).Select(command => command.Name)];
        foreach (string pass in new[] { "before", "after" })
        {
            Assert.NotEqual(Cloud.One(Types.Command, $"membership-{pass}").Text("stdin"), more.Cloud.One(Types.Command, $"membership-{pass}").Text("stdin"));
        }
        // The new node has its copy before the others count on it, all proxies know it before it may be promoted.
        string[] order =
            ["membership-before", "redis4-ready", "redis1-ready", "redis1-complete", "proxy1-ready", "proxy2-ready", "membership-after", "endpoint-check"];
        Assert.Equal(order, order.OrderBy(name => Array.IndexOf(chain, name)));
    }

    private string[] Triggers(string command) => [.. ((ImmutableArray<object>)Cloud.One(Types.Command, command)["triggers"]!).Cast<string>()];

    private static string MachineOf(string command) => command switch
    {
        "endpoint-check" or "bastion-ready" => "bastion",
        "membership-before" or "membership-after" => "redis1",
        _ => command.Split('-')[0],
    };

    private string FirstLine(string command) => Cloud.One(Types.Command, command).Text("stdin").Split('\n')[0];
}
