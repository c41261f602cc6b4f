// The machines: where they are, what they boot, and that no later change can take their disks.

using System.Collections.Immutable;
using System.IO.Compression;
using System.Text;
using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class MachineTests(DefaultDeployment deployment)
{
    // Compute, "Instance Metadata": all keys and values together.
    private const int MetadataLimit = 32_000;

    private static readonly string[] Nodes = ["redis1", "redis2", "redis3", "proxy1", "proxy2"];

    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void A_machine_ignores_drift_that_would_wipe_it_and_makes_room_for_its_successor()
    {
        Assert.All(Nodes.Append("bastion"), name =>
        {
            var options = (CustomResourceOptions)deployment.Run.Options[(Types.Instance, name)];
            Assert.Equal(["metadata", "sourceDetails.sourceId"], options.IgnoreChanges.Order(StringComparer.Ordinal));
            Assert.True(options.DeleteBeforeReplace);
            Assert.Contains("metadata", options.AdditionalSecretOutputs);
        });
    }

    [Fact]
    public void Only_the_bastion_has_a_public_address()
    {
        Assert.Equal("true", Cloud.One(Types.Instance, "bastion").Text("createVnicDetails.assignPublicIp"));
        Assert.Equal("public-subnet-id", Cloud.One(Types.Instance, "bastion").Text("createVnicDetails.subnetId"));
        Assert.All(Nodes, name =>
        {
            Assert.Equal("false", Cloud.One(Types.Instance, name).Text("createVnicDetails.assignPublicIp"));
            Assert.Equal("private-subnet-id", Cloud.One(Types.Instance, name).Text("createVnicDetails.subnetId"));
        });
    }

    [Fact]
    public void Every_machine_has_its_address_its_group_and_the_hardened_metadata_service()
    {
        Assert.Equal(["172.31.235.131", "172.31.235.132", "172.31.235.133", "172.31.235.141", "172.31.235.142"],
            Nodes.Select(name => Cloud.One(Types.Instance, name).Text("createVnicDetails.privateIp")));
        foreach (RecordedResource machine in Cloud.All(Types.Instance))
        {
            string kind = machine.Name.TrimEnd('1', '2', '3');
            Assert.Equal($"{kind}-group-id", machine.Text("createVnicDetails.nsgIds.0"));
            Assert.Equal(machine.Name, machine.Text("createVnicDetails.hostnameLabel"));
            Assert.Equal(true, machine["instanceOptions.areLegacyImdsEndpointsDisabled"]);
            Assert.Equal("RESTORE_INSTANCE", machine.Text("availabilityConfig.recoveryAction"));
            Assert.Equal("50", machine.Text("sourceDetails.bootVolumeSizeInGbs"));
            Assert.Equal(false, machine["preserveBootVolume"]);
            Assert.StartsWith("ssh-ed25519 ", machine.Text("metadata.ssh_authorized_keys"), StringComparison.Ordinal);
            Assert.Null(machine["platformConfig"]);
        }
    }

    [Fact]
    public async Task Machines_wait_for_their_routes_and_rules()
    {
        // Their first boot needs both, and nothing else orders them. To wait for a component is to wait for all in it.
        foreach (string name in Nodes.Append("bastion"))
        {
            Output<ImmutableArray<Resource>> before = deployment.Run.Options[(Types.Instance, name)].DependsOn;
            Assert.Equal(["network", "security-groups"], (await OutputUtilities.GetValueAsync(before)).Select(resource => resource.GetResourceName()));
        }
        int lastRule = Cloud.Resources.ToList().FindLastIndex(resource => resource.Type is Types.Rule or Types.RouteTable or Types.Subnet);
        int firstMachine = Cloud.Resources.ToList().FindIndex(resource => resource.Type == Types.Instance);
        Assert.True(lastRule < firstMachine, $"machine at {firstMachine}, rule or route at {lastRule}");
    }

    [Fact]
    public void With_three_availability_domains_both_kinds_are_spread_over_them()
    {
        Assert.Equal(["lab:AD-1 FAULT-DOMAIN-1", "lab:AD-2 FAULT-DOMAIN-2", "lab:AD-3 FAULT-DOMAIN-3", "lab:AD-1 FAULT-DOMAIN-1", "lab:AD-2 FAULT-DOMAIN-2"],
            Places(Cloud));
    }

    [Fact]
    public async Task With_one_they_are_spread_over_its_fault_domains()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { AvailabilityDomains = ["lab:AD-1"] });

        Assert.Equal(["lab:AD-1 FAULT-DOMAIN-1", "lab:AD-1 FAULT-DOMAIN-2", "lab:AD-1 FAULT-DOMAIN-3", "lab:AD-1 FAULT-DOMAIN-1", "lab:AD-1 FAULT-DOMAIN-2"],
            Places(run.Cloud));
    }

    [Fact]
    public async Task Fault_domains_can_be_left_to_OCI()
    {
        StackRun run = await StackRun.Of(new() { ["faultDomains"] = "any" });

        Assert.All(run.Cloud.All(Types.Instance), machine => Assert.Null(machine["faultDomain"]));
        // For a stack that runs that is no change: each machine stays where it is.
        Assert.Empty((await deployment.Run.Again(new() { ["faultDomains"] = "any" })).Cloud.Plan);
    }

    [Fact]
    public async Task A_key_of_ones_own_encrypts_boot_volumes_and_bucket()
    {
        StackRun run = await StackRun.Of(new() { ["kmsKeyId"] = "ocid1.key.oc1.fra.mine" });

        Assert.All(run.Cloud.All(Types.Instance), machine => Assert.Equal("ocid1.key.oc1.fra.mine", machine.Text("sourceDetails.kmsKeyId")));
        Assert.Equal("ocid1.key.oc1.fra.mine", run.Cloud.One(Types.Bucket, "bundles").Text("kmsKeyId"));
        Assert.All(Cloud.All(Types.Instance), machine => Assert.Null(machine["sourceDetails.kmsKeyId"]));
        Assert.Null(Cloud.One(Types.Bucket, "bundles")["kmsKeyId"]);
    }

    [Fact]
    public async Task An_image_of_the_compartments_own_is_not_taken_for_a_platform_image()
    {
        StackRun run = await StackRun.Of(cloud: new RecordedCloud { OwnImages = ["Canonical-Ubuntu-24.04-2027"] });

        Assert.All(run.Cloud.All(Types.Instance), machine => Assert.EndsWith(".2026", machine.Text("sourceDetails.sourceId"), StringComparison.Ordinal));
    }

    [Fact]
    public async Task Chosen_availability_domains_are_counted_in_the_order_of_their_names()
    {
        StackRun run = await StackRun.Of(
            new() { ["availabilityDomains"] = "[3,2]" }, new RecordedCloud { AvailabilityDomains = ["lab:AD-3", "lab:AD-1", "lab:AD-2"] });

        Assert.Equal(["lab:AD-2", "lab:AD-3", "lab:AD-2"], Places(run.Cloud).Take(3).Select(place => place.Split(' ')[0]));
    }

    [Fact]
    public void Ubuntu_on_x86_is_the_default_and_GPU_images_are_passed_by()
    {
        RecordedResource machine = Cloud.One(Types.Instance, "redis1");

        Assert.Equal("VM.Standard.E5.Flex", machine.Text("shape"));
        Assert.Equal((1.0, 8.0), (machine["shapeConfig.ocpus"], machine["shapeConfig.memoryInGbs"]));
        Assert.Equal("ocid1.image.Canonical Ubuntu.VM.Standard.E5.Flex.2026", machine.Text("sourceDetails.sourceId"));
        Assert.All(deployment.Run.Cloud.Calls.Where(call => call.Token!.Contains("getImages", StringComparison.Ordinal)), call =>
        {
            Assert.Equal("24.04", call.Args["operatingSystemVersion"]);
            Assert.Equal(("AVAILABLE", "TIMECREATED", "DESC"), (call.Args["state"], call.Args["sortBy"], call.Args["sortOrder"]));
        });
    }

    [Fact]
    public async Task Oracle_Linux_on_Ampere()
    {
        StackRun run = await StackRun.Of(new()
        {
            ["operatingSystem"] = "oracle-linux-9",
            ["redisShape"] = "VM.Standard.A1.Flex",
            ["proxyShape"] = "VM.Standard.A1.Flex",
            ["bastionShape"] = "VM.Standard.E2.1.Micro",
        });

        Assert.Equal("ocid1.image.Oracle Linux.VM.Standard.A1.Flex.2026", run.Cloud.One(Types.Instance, "redis2").Text("sourceDetails.sourceId"));
        Assert.Equal("ocid1.image.Oracle Linux.VM.Standard.E2.1.Micro.2026", run.Cloud.One(Types.Instance, "bastion").Text("sourceDetails.sourceId"));
        Assert.Null(run.Cloud.One(Types.Instance, "bastion")["shapeConfig"]);
        Assert.Contains("AllowUsers opc\n", Text(run.Cloud.One(Types.Instance, "bastion")), StringComparison.Ordinal);
        Assert.All(run.Cloud.All(Types.Command), command => Assert.Equal("opc", command.Text("connection.user")));
        Assert.Equal("opc", await OutputUtilities.GetValueAsync(run.Stack.SshUser));
    }

    [Fact]
    public async Task An_image_of_the_stacks_own_is_taken_without_asking()
    {
        StackRun run = await StackRun.Of(new() { ["imageId"] = "ocid1.image.oc1.fra.mine" });

        Assert.All(run.Cloud.All(Types.Instance), machine => Assert.Equal("ocid1.image.oc1.fra.mine", machine.Text("sourceDetails.sourceId")));
        Assert.DoesNotContain(run.Cloud.Calls, call => call.Token!.Contains("getImages", StringComparison.Ordinal));
    }

    [Fact]
    public void The_bastion_takes_keys_only_and_forwards_nothing_but_connections()
    {
        string config = Text(Cloud.One(Types.Instance, "bastion"));

        Assert.StartsWith("#cloud-config\n", config, StringComparison.Ordinal);
        foreach (string line in new[] { "PasswordAuthentication no", "PermitRootLogin no", "AllowUsers ubuntu", "AllowTcpForwarding local",
            "AllowAgentForwarding no", "X11Forwarding no" })
        {
            Assert.Contains($"      {line}\n", config, StringComparison.Ordinal);
        }
        // cloud-init's own file opens it until the rollout has brought the other.
        Assert.DoesNotContain("AuthorizedKeysFile", config, StringComparison.Ordinal);
        Assert.DoesNotMatch("@[A-Z-]+@", config);
    }

    [Fact]
    public void A_nodes_user_data_is_its_first_boot()
    {
        string redis = Text(Cloud.One(Types.Instance, "redis2"));
        string proxy = Text(Cloud.One(Types.Instance, "proxy1"));

        Assert.All([redis, proxy], text => Assert.Matches("(?s)^Content-Type: multipart/mixed; .*\n\n#cloud-config\n.*\n\n#!/usr/bin/env bash\n", text));
        Assert.Contains("redis2", redis, StringComparison.Ordinal);
        Assert.Contains("proxy1", proxy, StringComparison.Ordinal);
        Assert.All([redis, proxy], text => Assert.Contains("\"$payload/first-boot\"", text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_largest_configurations_metadata_fits()
    {
        string[] Addresses(int first, int count) => Enumerable.Range(first, count).Select(last => $"10.100.200.{last}").ToArray();
        StackRun run = await StackRun.Of(new()
        {
            ["vcnCidr"] = "10.100.200.0/24",
            ["redisAddresses"] = System.Text.Json.JsonSerializer.Serialize(Addresses(200, 9)),
            ["proxyAddresses"] = System.Text.Json.JsonSerializer.Serialize(Addresses(220, 8)),
            ["redisMaxClients"] = "1000000",
            ["sentinelMasterName"] = new string('m', 64),
            ["clientPassword"] = string.Concat(Enumerable.Range(0, 32).Select(number => $"aZ{number:00}")),
            // Every directive there is, with values that do not compress.
            ["redisOverrides"] = System.Text.Json.JsonSerializer.Serialize(RedisHaInfra.Settings.RedisDirectives.Tunable.Order(StringComparer.Ordinal)
                .Select((directive, index) => $"{directive} {index * 7919} {index * 104729}")),
            ["sshPublicKey"] = string.Join('\n', Enumerable.Repeat(Configuration.GoodSettings.PublicKey, 10)),
        });

        Assert.Equal(18, run.Cloud.All(Types.Instance).Count);
        foreach (RecordedResource machine in run.Cloud.All(Types.Instance))
        {
            var metadata = (ImmutableDictionary<string, object>)machine["metadata"]!;
            int size = metadata.Sum(pair => Encoding.UTF8.GetByteCount(pair.Key) + Encoding.UTF8.GetByteCount((string)pair.Value));
            Assert.True(size < MetadataLimit, $"{machine.Name}: {size} bytes of metadata");
        }
    }

    internal static string Text(RecordedResource machine)
    {
        byte[] bytes = Convert.FromBase64String(machine.Text("metadata.user_data"));
        if (bytes is not [0x1f, 0x8b, ..])
        {
            return Encoding.UTF8.GetString(bytes);
        }
        using var reader = new StreamReader(new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress));
        return reader.ReadToEnd();
    }

    private static string[] Places(RecordedCloud cloud) =>
        Nodes.Select(name => cloud.One(Types.Instance, name))
            .Select(machine => $"{machine.Text("availabilityDomain")} {machine.Text("faultDomain")}").ToArray();
}
