// The rollout: one node at a time, in order, through the bastion, and nothing goes on after a node that is not well.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class RolloutTests(DefaultDeployment deployment)
{
    private static readonly string[] Chain =
    [
        "bastion-ready",
        "redis1-reachable", "redis1-ready", "redis2-reachable", "redis2-ready", "redis3-reachable", "redis3-ready",
        "redis1-complete", "redis2-complete", "redis3-complete",
        "proxy1-reachable", "proxy1-ready", "proxy2-reachable", "proxy2-ready",
        "endpoint-check",
    ];

    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void The_commands_run_one_after_the_other_Redis_first()
    {
        Assert.Equal(Chain, Cloud.All(Types.Command).Select(command => command.Name));
    }

    [Fact]
    public async Task Each_command_depends_on_the_one_before()
    {
        for (int index = 1; index < Chain.Length; index++)
        {
            ResourceOptions options = deployment.Run.Options[(Types.Command, Chain[index])];
            Output<ImmutableArray<Resource>> before = options.DependsOn;
            Assert.Contains(Chain[index - 1], (await OutputUtilities.GetValueAsync(before)).Select(resource => resource.GetResourceName()));
        }
    }

    [Theory]
    [InlineData("redis2-ready", 5)]
    [InlineData("proxy1-reachable", 11)]
    public async Task Nothing_goes_on_after_a_node_that_is_not_well(string failing, int registered)
    {
        var cloud = new RecordedCloud { Fails = resource => resource.Name == failing };

        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(null, cloud));

        Assert.Equal(Chain[..registered], cloud.All(Types.Command).Select(command => command.Name));
    }

    [Fact]
    public void Nodes_are_reached_through_the_bastion_which_waits_for_them_first()
    {
        foreach (RecordedResource command in Cloud.All(Types.Command))
        {
            bool onNode = command.Name.EndsWith("-complete", StringComparison.Ordinal) || (command.Name.EndsWith("-ready", StringComparison.Ordinal) && command.Name != "bastion-ready");
            string hop = onNode ? "connection.proxy" : "connection";
            Assert.Equal("198.51.100.4", command.Text($"{hop}.host"));
            Assert.Equal(onNode, command["connection.proxy"] is not null);
            if (onNode)
            {
                Assert.Equal(Cloud.One(Types.Instance, command.Name.Split('-')[0]).Text("createVnicDetails.privateIp"), command.Text("connection.host"));
                Assert.Equal("sudo -n timeout --kill-after=10 2700 bash -s", command.Text("create"));
            }
            foreach (string end in new[] { "connection", hop }.Distinct())
            {
                Assert.Equal(("ubuntu", 120.0, GoodSettings.PrivateKey), (command.Text($"{end}.user"), command[$"{end}.dialErrorLimit"], command.Text($"{end}.privateKey")));
            }
        }
        Assert.Contains("'redis2' '172.31.235.132'", Cloud.One(Types.Command, "redis2-reachable").Text("create"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_runs_again_when_its_machine_is_another_one_or_its_payload_changed()
    {
        RecordedResource command = Cloud.One(Types.Command, "redis3-ready");

        Assert.Equal(["redis3-id"], ((ImmutableArray<object>)command["triggers"]!).Cast<string>());
        Assert.Null(command["update"]);
        Assert.Null(command["delete"]);
        // The payload that the node booted with is the one that the command carries.
        Assert.Contains(MachineTests.Text(Cloud.One(Types.Instance, "redis3")).TrimEnd('\n'), command.Text("stdin"), StringComparison.Ordinal);
        Assert.Equal(6, ((ImmutableArray<object>)Cloud.One(Types.Command, "endpoint-check")["triggers"]!).Length);
    }

    [Fact]
    public async Task Another_payload_gives_other_input_and_the_same_commands()
    {
        StackRun run = await StackRun.Of(new() { ["redisMaxMemoryPolicy"] = "allkeys-lru" });

        foreach (string name in Chain)
        {
            RecordedResource before = Cloud.One(Types.Command, name);
            RecordedResource after = run.Cloud.One(Types.Command, name);
            bool carriesRedisPayload = name.StartsWith("redis", StringComparison.Ordinal) && !name.EndsWith("-reachable", StringComparison.Ordinal);
            Assert.Equal(before.Text("create"), after.Text("create"));
            Assert.Equal(carriesRedisPayload || name == "endpoint-check", before.Text("stdin") != after.Text("stdin"));
        }
    }

    [Fact]
    public async Task The_first_pass_leaves_the_master_to_the_second()
    {
        Assert.EndsWith(" 'replicas'", FirstLine("redis1-ready"), StringComparison.Ordinal);
        Assert.EndsWith(" 'all'", FirstLine("redis1-complete"), StringComparison.Ordinal);
        Assert.EndsWith(" 'all'", FirstLine("proxy1-ready"), StringComparison.Ordinal);
        // Contract with the apply script: by these words it says that only the master stands in the way.
        Assert.Contains("switch the master over first", new StreamReader(typeof(RedisHaStack).Assembly.GetManifestResourceStream("redis/apply.sh")!).ReadToEnd(), StringComparison.Ordinal);
        await Task.CompletedTask;
    }

    [Fact]
    public void Commands_leave_with_their_machines_and_log_nothing()
    {
        foreach (RecordedResource command in Cloud.All(Types.Command))
        {
            var options = (CustomResourceOptions)deployment.Run.Options[(Types.Command, command.Name)];
            string machine = command.Name is "endpoint-check" or "bastion-ready" ? "bastion" : command.Name.Split('-')[0];
            Assert.Equal(machine, options.DeletedWith!.GetResourceName());
            Assert.Equal("none", command.Text("logging"));
            Assert.Equal(false, command["addPreviousOutputInEnv"]);
            Assert.Null(command["environment"]);
        }
    }

    private string FirstLine(string command) => Cloud.One(Types.Command, command).Text("stdin").Split('\n')[0];
}
