// What a changed setting does to a stack that runs: which resources are touched, and how. Engine and provider are those of
// tests/RedisHaCloud.

using System.Collections.Immutable;
using RedisHaCloud;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class ChangeTests(DefaultDeployment deployment)
{
    private static readonly string[] Reachable = ["redis1-reachable: InPlace", "redis2-reachable: InPlace", "redis3-reachable: InPlace"];

    private static readonly string[] Chain =
        [.. new[] { "redis1", "redis2", "redis3" }.SelectMany(node => new[] { $"{node}-accept", $"{node}-complete", $"{node}-ready", $"{node}-retire" })];

    private static readonly string[] AllNodes =
        ["proxy1-reachable: InPlace", "proxy2-reachable: InPlace", .. Reachable,
            .. Chain.Select(name => $"{name}: InPlace"), "proxy1-ready: InPlace", "proxy2-ready: InPlace", "endpoint-check: InPlace"];

    [Fact]
    public async Task Nothing_changed_is_nothing_done()
    {
        StackRun again = await deployment.Run.Again();

        Assert.Empty(again.Cloud.Plan);
        Assert.Equal(deployment.Run.Cloud.Resources.Count, again.Cloud.Resources.Count);
    }

    // With all that a stack can have: nothing may depend on the time of a run, its machine, or the order of an answer.
    [Fact]
    public async Task A_second_run_of_a_large_stack_changes_nothing_either()
    {
        Dictionary<string, string?> large = new()
        {
            ["redisAddresses"] = """["172.31.235.131","172.31.235.132","172.31.235.133","172.31.235.134","172.31.235.135"]""",
            ["proxyAddresses"] = """["172.31.235.141","172.31.235.142","172.31.235.143"]""",
            ["passwordVersions"] = "[1,2]",
            ["redisUpgrade"] = "2026-12",
            ["redisOverrides"] = """["io-threads 2","slowlog-max-len 256"]""",
            ["drainedProxies"] = """["proxy2"]""",
            ["backupSchedule"] = "02:30,14:30",
            ["protectData"] = "yes",
            ["definedTags"] = """["Operations.CostCenter=42"]""",
            ["clientCidrs"] = """["10.0.0.0/16"]""",
        };
        StackRun first = await StackRun.Of(large);

        StackRun again = await first.Again(large);

        Assert.Empty(again.Cloud.Plan);
        Assert.Equal(Keys(first), Keys(again));

        // What a tenancy puts on everything by itself stays: it is in the state after `pulumi refresh`.
        StackRun refreshed = await first.Again(large, cloud => cloud with { Inputs = WithTenancyTags(cloud.Inputs) });
        Assert.Empty(refreshed.Cloud.Plan);
        RecordedResource machine = refreshed.Cloud.One(Types.Instance, "redis1");
        Assert.Equal(("42", "someone", "someone"), (PropertyPaths.Find(machine.Inputs, "definedTags[\"Operations.CostCenter\"]"),
            PropertyPaths.Find(machine.Inputs, "definedTags[\"Oracle-Tags.CreatedBy\"]"),
            PropertyPaths.Find(machine.Inputs, "createVnicDetails.definedTags[\"Oracle-Tags.CreatedBy\"]")));
        static IEnumerable<string> Keys(StackRun run) =>
            run.Cloud.Resources.Select(resource => $"{resource.Type} {resource.Name}").Order(StringComparer.Ordinal);
    }

    // Wherever the program names defined tags, at any depth.
    private static ImmutableDictionary<string, object> WithTenancyTags(ImmutableDictionary<string, object> inputs) => inputs.ToImmutableDictionary(
        input => input.Key, input => (input.Key, input.Value) switch
        {
            ("definedTags", ImmutableDictionary<string, object> tags) =>
                tags.Add("Oracle-Tags.CreatedBy", "someone").Add("Oracle-Tags.CreatedOn", "2026-11-30T04:05:06.789Z"),
            (_, ImmutableDictionary<string, object> map) => WithTenancyTags(map),
            _ => input.Value,
        });

    [Fact]
    public async Task A_payload_reaches_running_machines_by_commands_only()
    {
        await Plan(new() { ["redisMaxMemoryPolicy"] = "allkeys-lru" }, [.. Reachable, .. Chain.Select(name => $"{name}: InPlace"), "endpoint-check: InPlace"]);
    }

    [Fact]
    public async Task A_changed_list_of_keys_reaches_every_machine_by_commands_only()
    {
        await Plan(new() { ["sshPublicKey"] = $"{GoodSettings.PublicKey}\n{GoodSettings.OtherPublicKey}" },
            ["bastion-ready: InPlace", .. AllNodes]);
    }

    [Fact]
    public async Task A_newer_image_touches_nothing()
    {
        StackRun again = await deployment.Run.Again(newestImage: "2027");

        Assert.Empty(again.Cloud.Plan);
        Assert.Equal("ocid1.image.Canonical Ubuntu.VM.Standard.E5.Flex.2026", again.Cloud.One(Types.Instance, "redis1").Text("sourceDetails.sourceId"));
    }

    [Fact]
    public async Task A_machine_that_moves_boots_the_newest_image_and_its_new_payload()
    {
        StackRun again = await deployment.Run.Again(
            new() { ["redisAddresses"] = """["172.31.235.131","172.31.235.132","172.31.235.139"]""", ["redisMaxMemoryPolicy"] = "allkeys-lru" }, "2027");

        Assert.Contains("redis3: Replace", again.Cloud.Plan);
        Assert.DoesNotContain(
            again.Cloud.Plan, step => step.StartsWith("redis1:", StringComparison.Ordinal) || step.StartsWith("redis2:", StringComparison.Ordinal));
        RecordedResource moved = again.Cloud.One(Types.Instance, "redis3");
        Assert.EndsWith(".2027", moved.Text("sourceDetails.sourceId"), StringComparison.Ordinal);
        // Another machine: its commands are made again, and run, with the payload of today.
        Assert.Contains("redis3-secrets: Replace", again.Cloud.Plan);
        Assert.Contains("redis3-ready: Replace", again.Cloud.Plan);
        Assert.Contains("allkeys-lru", again.Cloud.One(Types.Command, "redis3-secrets").Text("stdin"), StringComparison.Ordinal);
        Assert.DoesNotContain("redis1-secrets: InPlace", again.Cloud.Plan);
    }

    [Fact]
    public async Task Larger_disks_grow_while_the_machines_run()
    {
        await Plan(new() { ["bootVolumeGb"] = "100" }, "bastion: InPlace", "proxy1: InPlace", "proxy2: InPlace", "redis1: InPlace", "redis2: InPlace",
            "redis3: InPlace");
    }

    [Theory]
    [InlineData("redisMemoryGb", "10")]
    [InlineData("proxyOcpus", "2")]
    [InlineData("bastionShape", "VM.Standard.E4.Flex")]
    public async Task A_size_that_needs_a_restart_is_refused_by_OCI_when_the_program_does_not_know_what_was_built(string key, string value)
    {
        RecordedCloud next = (await deployment.Run.Next()).Forgetful();

        await Assert.ThrowsAnyAsync<Exception>(() => StackRun.Run(new() { [key] = value }, next));

        Assert.NotEmpty(next.Plan);
        Assert.All(next.Plan.Where(step => !step.EndsWith(": delete", StringComparison.Ordinal)),
            step => Assert.Contains("409-Conflict", step, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_bundle_is_another_object_and_no_other_machine()
    {
        string other = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(other, "another program");
        try
        {
            StackRun again = await deployment.Run.Again(new() { ["proxyBundlePath"] = other });

            string old = deployment.Run.Cloud.All(Types.StorageObject)[0].Name;
            string name = again.Cloud.All(Types.StorageObject)[0].Name;
            Assert.Equal(
                new[]
                {
                    $"{name}: create", $"{name}: create", $"{old}: delete", $"{old}: delete", "endpoint-check: InPlace",
                    "proxy1-reachable: InPlace", "proxy1-ready: InPlace", "proxy2-reachable: InPlace", "proxy2-ready: InPlace",
                }.Order(StringComparer.Ordinal),
                again.Cloud.Plan.Order(StringComparer.Ordinal));
        }
        finally
        {
            File.Delete(other);
        }
    }

    [Fact]
    public async Task New_passwords_are_drawn_beside_the_old_ones_and_reach_every_node_by_commands()
    {
        string[] accounts = ["client", "replication", "sentinel", "health", "sentinel-watch", "operator", "admin", "watch"];
        await Plan(new() { ["passwordVersions"] = "[1,2]" }, [.. AllNodes, .. accounts.Select(account => $"{account}-password-2: create")]);
    }

    [Fact]
    public async Task A_version_that_would_lock_everybody_out_is_refused_before_anything_is_registered()
    {
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => deployment.Run.Again(new() { ["passwordVersions"] = "[2]" }));

        Assert.Contains("would lock out everybody who uses the passwords of version 1; nothing was changed", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drained_proxy_is_one_change_of_the_backend_set()
    {
        await Plan(new() { ["drainedProxies"] = """["proxy1"]""" }, "proxies: InPlace");
    }

    [Fact]
    public async Task Another_address_of_the_load_balancer_replaces_it_and_the_rules_that_name_it()
    {
        await Plan(
            new() { ["loadBalancerAddress"] = "172.31.235.189" }, "endpoint-check: Replace", "load-balancer: Replace", "proxies: Replace", "redis: Replace",
            "proxy-in-6379-172.31.235.188-32: delete", "proxy-in-1936-172.31.235.188-32: delete",
            "proxy-in-6379-172.31.235.189-32: create", "proxy-in-1936-172.31.235.189-32: create");
    }

    [Fact]
    public async Task A_later_date_renews_the_bundles_address_only()
    {
        await Plan(new() { ["proxyBundleExpires"] = "2037-01-01T00:00:00Z" }, $"{deployment.Run.Cloud.All(Types.Preauthrequest)[0].Name}: Replace");
    }

    private async Task Plan(Dictionary<string, string?> settings, params string[] expected)
    {
        StackRun again = await deployment.Run.Again(settings);

        Assert.Equal(expected.Order(StringComparer.Ordinal), again.Cloud.Plan.Order(StringComparer.Ordinal));
    }
}
