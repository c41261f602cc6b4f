// A change that restarts machines or replaces one, on a stack that runs: in which order, after which commands, and what is not done.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class RollingUpdateTests(DefaultDeployment deployment)
{
    // Side by side, before the first of the others.
    private static readonly string[] Found = ["redis1-found", "redis2-found", "redis3-found", "proxy1-found", "proxy2-found"];

    private static readonly string[] RedisOrder =
    [
        "redis3-answers", "redis3-let-go", "redis3", "redis2-answers", "redis2-let-go", "redis2", "redis1-answers", "redis1-let-go", "redis1",
        "redis-in-step",
    ];

    private static readonly string[] ProxyOrder =
    [
        "proxy2-others-serve", "proxy2-answers", "proxy2-let-go", "proxy2", "proxy1-others-serve", "proxy1-answers", "proxy1-let-go", "proxy1",
        "proxies-serve",
    ];

    [Theory]
    [InlineData("redisMemoryGb", "10")]
    [InlineData("redisOcpus", "2")]
    [InlineData("redisShape", "VM.Standard.E4.Flex")]
    public async Task Redis_nodes_are_resized_one_after_the_other(string key, string value)
    {
        StackRun again = await deployment.Run.Again(new() { [key] = value });

        Assert.Equal(
            RedisOrder.Concat(Found).Append("rolling-update")
                .Select(name => name.Contains('-', StringComparison.Ordinal) ? $"{name}: create" : $"{name}: Reboot").Order(StringComparer.Ordinal),
            again.Cloud.Plan.Order(StringComparer.Ordinal));
        await AssertChain(again, RedisOrder);
        await AssertFoundFirst(again, "redis3-answers");
    }

    [Fact]
    public async Task Proxies_are_resized_one_after_the_other()
    {
        StackRun again = await deployment.Run.Again(new() { ["proxyMemoryGb"] = "8" });

        Assert.Equal(ProxyOrder.Concat(Found).Append("rolling-update").Order(StringComparer.Ordinal), Names(again.Cloud.Plan).Order(StringComparer.Ordinal));
        await AssertChain(again, ProxyOrder);
        await AssertFoundFirst(again, "proxy2-others-serve");
    }

    [Fact]
    public async Task All_kinds_at_once_are_one_order_the_bastion_first()
    {
        StackRun again = await deployment.Run.Again(new() { ["proxyMemoryGb"] = "8", ["redisMemoryGb"] = "10", ["bastionMemoryGb"] = "4" });

        await AssertChain(again, ["bastion-answers", "proxy2-found", .. RedisOrder, .. ProxyOrder]);
        await AssertFoundFirst(again, "redis3-answers");
        Assert.Contains("bastion: Reboot", again.Cloud.Plan);
        int bastion = Index(again.Cloud, "bastion");
        Assert.All(again.Cloud.All(Types.Command), command => Assert.True(Index(again.Cloud, command.Name) > bastion));
    }

    [Theory]
    [InlineData("redis3-let-go", "redis3-let-go")]
    [InlineData("redis3", "redis3")]
    [InlineData("redis2-let-go", "redis2-let-go")]
    [InlineData("redis-in-step", "redis-in-step")]
    [InlineData("proxy1-others-serve", "proxy1-others-serve")]
    public async Task Nothing_is_changed_after_a_step_that_failed(string failing, string last)
    {
        RecordedCloud next = (await deployment.Run.Next()).Failing(resource => resource.Name == failing);

        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(new() { ["redisMemoryGb"] = "10", ["proxyMemoryGb"] = "8" }, next));

        string[] order = [.. RedisOrder, .. ProxyOrder];
        Assert.Equal(order[..(Array.IndexOf(order, last) + 1)],
            next.Resources.Select(resource => resource.Name).Where(order.Contains).Where(name => Changed(next, name)));
    }

    [Fact]
    public async Task A_run_after_one_that_stopped_runs_every_command_again()
    {
        Dictionary<string, string?> larger = new() { ["redisMemoryGb"] = "10" };
        RecordedCloud stopped = (await deployment.Run.Next()).Failing(resource => resource.Name == "redis2-let-go");
        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(larger, stopped));

        // Outputs are those of the last run that succeeded.
        StackRun again = await StackRun.Of(larger, new RecordedCloud { Before = stopped, LastOutputs = stopped.LastOutputs });

        Assert.Contains("redis3-let-go: InPlace", again.Cloud.Plan);
        Assert.Contains("redis2-let-go: InPlace", again.Cloud.Plan);
        Assert.DoesNotContain("redis3: Reboot", again.Cloud.Plan);
        await AssertChain(again, RedisOrder);
    }

    [Fact]
    public async Task A_resize_that_stopped_and_is_taken_back_is_refused_and_goes_by_another_size()
    {
        RecordedCloud stopped = (await deployment.Run.Next()).Failing(resource => resource.Name == "redis2-let-go");
        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(new() { ["redisMemoryGb"] = "10" }, stopped));

        // Nothing differs from what the last run that succeeded had built.
        var back = new RecordedCloud { Before = stopped, LastOutputs = stopped.LastOutputs };
        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(null, back));
        Assert.Contains(back.Plan, step => step.StartsWith("redis3: 409-Conflict", StringComparison.Ordinal));

        StackRun other = await StackRun.Of(new() { ["redisMemoryGb"] = "9" }, new RecordedCloud { Before = stopped, LastOutputs = stopped.LastOutputs });
        Assert.Contains("redis3: Reboot", other.Cloud.Plan);
        await AssertChain(other, RedisOrder);
    }

    [Fact]
    public async Task The_commands_go_with_the_next_run_and_no_machine_restarts()
    {
        Dictionary<string, string?> larger = new() { ["redisMemoryGb"] = "10" };
        StackRun resized = await deployment.Run.Again(larger);

        StackRun after = await resized.Again(larger);

        Assert.Equal(
            RedisOrder.Concat(Found).Append("rolling-update")
                .Select(name => name.Contains('-', StringComparison.Ordinal) ? $"{name}: delete" : $"{name}: InPlace").Order(StringComparer.Ordinal),
            after.Cloud.Plan.Order(StringComparer.Ordinal));
        Assert.Equal("AVOID_DOWNTIME", after.Cloud.One(Types.Instance, "redis1").Text("updateOperationConstraint"));
    }

    [Fact]
    public async Task The_master_goes_to_a_node_that_has_changed_already()
    {
        StackRun again = await deployment.Run.Again(new() { ["redisMemoryGb"] = "10" });

        Assert.Equal("set -- 'before' 'redis3' '60' 'redis1' 'VM.Standard.E5.Flex' '1' '10' 'FAULT-DOMAIN-3'", Arguments(again, "redis3-let-go"));
        Assert.Contains("'before' 'redis2' '900' 'redis3' ", Arguments(again, "redis2-let-go"), StringComparison.Ordinal);
        Assert.Contains("'before' 'redis1' '900' 'redis2' ", Arguments(again, "redis1-let-go"), StringComparison.Ordinal);
        // Not on the machine that has just restarted.
        Assert.Equal("172.31.235.132", again.Cloud.One(Types.Command, "redis-in-step").Text("connection.host"));
        Assert.Contains("set -- '900' '8' '1936' 'proxy1=172.31.235.141'\n",
            (await deployment.Run.Again(new() { ["proxyMemoryGb"] = "8" })).Cloud.One(Types.Command, "proxy2-others-serve").Text("stdin"),
                StringComparison.Ordinal);
    }

    [Fact]
    public async Task Machines_move_to_another_availability_domain_one_in_each_run()
    {
        // Index 0 and 1 change their domains; redis3 and the first of the others keep theirs.
        Dictionary<string, string?> two = new() { ["availabilityDomains"] = "[2,3]" };
        StackRun run = deployment.Run;
        var moved = new List<string>();
        for (int round = 0; round < 10; round++)
        {
            run = await run.Again(two);
            string[] replaced = [.. run.Cloud.All(Types.Instance).Where(machine => machine.Step!.Effect == RedisHaCloud.Effect.Replace)
                .Select(machine => machine.Name)];
            if (replaced.Length == 0)
            {
                break;
            }
            moved.Add(Assert.Single(replaced));
        }

        Assert.Equal(["redis3", "redis2", "redis1", "proxy2", "proxy1", "bastion"], moved);
        Assert.Equal(["lab:AD-2", "lab:AD-3", "lab:AD-2"],
            new[] { "redis1", "redis2", "redis3" }.Select(name => run.Cloud.One(Types.Instance, name).Text("availabilityDomain")));
    }

    [Fact]
    public async Task A_node_that_is_replaced_lets_go_of_its_work_first()
    {
        StackRun again = await deployment.Run.Again(new() { ["redisAddresses"] = """["172.31.235.131","172.31.235.139","172.31.235.133"]""" });

        Assert.Equal(["redis2: Replace"], again.Cloud.Plan.Where(step => step is "redis1: Replace" or "redis2: Replace" or "redis3: Replace"));
        // Another node sees to it: the one that is replaced may be dead.
        Assert.Equal("172.31.235.131", again.Cloud.One(Types.Command, "redis2-let-go").Text("connection.host"));
        Assert.Contains("'before' 'redis2' '60' '' '-' ", Arguments(again, "redis2-let-go"), StringComparison.Ordinal);
        await AssertChain(again, ["redis2-let-go", "redis2"]);
        await AssertFoundFirst(again, "redis2-answers", except: "redis2-found");
    }

    // Whatever changes, and whichever is dead: no switchover, and no proxy that ends its sessions.
    [Theory]
    [InlineData("redis3", "redisAddresses", """["172.31.235.131","172.31.235.139","172.31.235.133"]""")]
    [InlineData("redis3", "proxyMemoryGb", "8")]
    [InlineData("proxy1", "redisMemoryGb", "10")]
    [InlineData("proxy1", "proxyMemoryGb", "8")]
    public async Task While_another_machine_is_dead_nothing_is_begun(string dead, string key, string value)
    {
        RecordedCloud next = (await deployment.Run.Next()).Failing(resource => resource.Name == $"{dead}-found");

        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(new() { [key] = value }, next));

        Assert.Contains(next.Resources, resource => resource.Name == $"{dead}-found");
        Assert.DoesNotContain(next.Resources, resource => resource.Name.EndsWith("-let-go", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""["172.31.235.131","172.31.235.138","172.31.235.139"]""", null, "redis2: 172.31.235.132 to be 172.31.235.138", "pulumi config set --path 'redis-ha:redisAddresses[1]' 172.31.235.138 && pulumi up")]
    [InlineData("""["172.31.235.132","172.31.235.133","172.31.235.134"]""", null, "redis1: 172.31.235.131 to be 172.31.235.132", "pulumi config set --path 'redis-ha:redisAddresses[0]' 172.31.235.131")]
    [InlineData("""["172.31.235.131","172.31.235.132","172.31.235.139"]""", "4", "redis3: 172.31.235.133 to be 172.31.235.139", "pulumi config set --path 'redis-ha:redisAddresses[2]' 172.31.235.133\n  pulumi up")]
    public async Task Several_new_addresses_are_refused_before_anything_is_registered(string addresses, string? ocpus, params string[] said)
    {
        RecordedCloud next = await deployment.Run.Next();
        Dictionary<string, string?> settings = new() { ["redisAddresses"] = addresses };
        if (ocpus is not null)
        {
            settings["proxyOcpus"] = ocpus;
        }

        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(settings, next));

        Assert.Empty(next.Resources);
        Assert.All(said, text => Assert.Contains(text, error.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_more_and_a_node_less_restart_nobody()
    {
        StackRun four = await deployment.Run.Again(new() { ["redisAddresses"] = """["172.31.235.131","172.31.235.132","172.31.235.133","172.31.235.134"]""" });
        Assert.DoesNotContain(four.Resources, resource => resource is Components.RollingUpdate);

        StackRun three = await four.Again();
        Assert.DoesNotContain(three.Resources, resource => resource is Components.RollingUpdate);
    }

    [Fact]
    public async Task A_new_proxy_is_in_the_balancer_only_when_it_serves()
    {
        StackRun three = await deployment.Run.Again(Proxies("141", "142", "143"));

        Assert.DoesNotContain(three.Resources, resource => resource is Components.RollingUpdate);
        await AssertChain(three, ["proxy3-secrets", "redis1-accept"]);
        await AssertChain(three, ["proxy3-ready", "proxies"]);
    }

    [Fact]
    public async Task A_proxy_that_leaves_ends_its_sessions_before_the_balancer_forgets_it()
    {
        StackRun three = await deployment.Run.Again(Proxies("141", "142", "143"));
        StackRun two = await three.Again(Proxies("141", "142"));

        await AssertChain(two, ["proxy3-others-serve", "proxy3-answers", "proxy3-let-go", "proxies"]);
        Assert.Equal("172.31.235.143", two.Cloud.One(Types.Command, "proxy3-let-go").Text("connection.host"));
        Assert.Contains("'before' 'proxy3' '900' '' '-' ", Arguments(two, "proxy3-let-go"), StringComparison.Ordinal);
        Assert.Contains("'proxy1=172.31.235.141' 'proxy2=172.31.235.142'\n", two.Cloud.One(Types.Command, "proxy3-others-serve").Text("stdin"),
            StringComparison.Ordinal);

        // Of the machines that stay all are reached first: one that is dead ends the run while the proxy serves.
        RecordedCloud silent = (await three.Next()).Failing(resource => resource.Name == "redis2-reachable");
        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(Proxies("141", "142"), silent));
        Assert.DoesNotContain(silent.Resources, resource => resource.Name.StartsWith("proxy3-", StringComparison.Ordinal));

        // It may be dead, and drained by the run before: nobody has to reach it.
        Dictionary<string, string?> draining = Proxies("141", "142", "143");
        draining["drainedProxies"] = """["proxy3"]""";
        StackRun without = await (await three.Again(draining)).Again(Proxies("141", "142"));
        Assert.DoesNotContain(without.Cloud.All(Types.Command), command => command.Name.StartsWith("proxy3", StringComparison.Ordinal));
    }

    private static Dictionary<string, string?> Proxies(params string[] last) => new()
    {
        ["proxyAddresses"] = $"[{string.Join(',', last.Select(number => $"\"172.31.235.{number}\""))}]",
    };

    private static string Arguments(StackRun run, string command) => run.Cloud.One(Types.Command, command).Text("stdin").Split('\n')[1];

    private static IEnumerable<string> Names(IEnumerable<string> plan) => plan.Select(step => step.Split(':')[0]);

    private static int Index(RecordedCloud cloud, string name) => cloud.Resources.Select(resource => resource.Name).ToList().IndexOf(name);

    private static bool Changed(RecordedCloud cloud, string name) => cloud.Resources
        .Single(resource => resource.Name == name && resource.Type is Types.Command or Types.Instance).Step is { IsNew: true } or { Effect: not null };

    private static async Task AssertFoundFirst(StackRun run, string first, string? except = null)
    {
        foreach (string found in Found.Where(name => name != except))
        {
            await AssertChain(run, [found, first]);
        }
        IEnumerable<string> made = run.Cloud.All(Types.Command).Select(command => command.Name);
        Assert.Equal(Found.Where(name => name != except).Order(StringComparer.Ordinal),
            made.Where(name => name.EndsWith("-found", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    // Each depends on the one before it: the engine then keeps the order, however fast or slow each is.
    private static async Task AssertChain(StackRun run, string[] order)
    {
        foreach ((string before, string after) in order.Zip(order.Skip(1)))
        {
            string type = run.Cloud.All(Types.Command).Any(command => command.Name == after) ? Types.Command
                : after == "proxies" ? Types.BackendSet : Types.Instance;
            ImmutableArray<Resource> dependsOn = await OutputUtilities.GetValueAsync(((InputList<Resource>)run.Options[(type, after)].DependsOn).ToOutput());
            Assert.Contains(before, dependsOn.Select(resource => resource.GetResourceName()));
        }
    }
}
