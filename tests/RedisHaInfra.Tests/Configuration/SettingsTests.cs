// What a stack configuration must be, setting by setting, and what is said when it is not.

using System.Text.Json;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class SettingsTests
{
    [Fact]
    public void The_required_settings_alone_give_the_reference_architecture()
    {
        StackSettings settings = GoodSettings.Read();

        Assert.Equal("172.31.235.0/24", settings.Network.VcnCidr);
        Assert.Equal("172.31.235.0/25", settings.Network.PublicSubnetCidr);
        Assert.Equal("172.31.235.128/25", settings.Network.PrivateSubnetCidr);
        Assert.Equal("172.31.235.2", settings.Network.Bastion!.Address);
        Assert.Equal(["172.31.235.131", "172.31.235.132", "172.31.235.133"], settings.Network.Redis.Select(node => node.Address));
        Assert.Equal(["redis1", "redis2", "redis3"], settings.Network.Redis.Select(node => node.Name));
        Assert.Equal(["172.31.235.141", "172.31.235.142"], settings.Network.Proxies.Select(node => node.Address));
        Assert.Equal(["proxy1", "proxy2"], settings.Network.Proxies.Select(node => node.Name));
        Assert.Equal("172.31.235.188", settings.Network.LoadBalancerAddress);
        Assert.Equal(["172.31.235.0/24"], settings.Network.ClientCidrs.AsEnumerable());
        Assert.Equal("ubuntu", settings.Compute.OperatingSystem.User);
        Assert.Equal(new RedisSettings() with { Overrides = settings.Redis.Overrides, ClientCommands = settings.Redis.ClientCommands }, settings.Redis);
        Assert.Empty(settings.Redis.ClientCommands);
        Assert.Empty(settings.Redis.Overrides);
        Assert.Equal(new SentinelSettings(), settings.Sentinel);
        Assert.Equal(10_000, settings.Proxy.MaxConnections);
        Assert.Null(settings.Proxy.BundlePath);
        Assert.Null(settings.Passwords.Client);
        Assert.Equal(GoodSettings.PrivateKey, settings.Ssh.PrivateKey.Reveal());
    }

    [Fact]
    public void Another_network_moves_every_address_along()
    {
        NetworkSettings network = GoodSettings.Read(("vcnCidr", "10.9.0.0/16")).Network;

        Assert.Equal("10.9.0.0/17", network.PublicSubnetCidr);
        Assert.Equal("10.9.128.0/17", network.PrivateSubnetCidr);
        Assert.Equal("10.9.0.2", network.Bastion!.Address);
        Assert.Equal("10.9.128.3", network.Redis[0].Address);
        Assert.Equal("10.9.128.13", network.Proxies[0].Address);
        Assert.Equal("10.9.128.60", network.LoadBalancerAddress);
    }

    [Fact]
    public void Addresses_decide_how_many_nodes_there_are()
    {
        StackSettings settings = GoodSettings.Read(
            ("redisAddresses", """["172.31.235.150","172.31.235.151","172.31.235.152","172.31.235.153","172.31.235.154"]"""),
            ("proxyAddresses", """["172.31.235.160","172.31.235.161","172.31.235.162"]"""));

        NetworkSettings network = settings.Network;
        Assert.Equal(3, settings.Sentinel.Quorum);
        Assert.Equal(["redis1", "redis2", "redis3", "redis4", "redis5"], network.Redis.Select(node => node.Name));
        Assert.Equal("172.31.235.162", network.Proxies[^1].Address);
        Assert.Equal(30_200, settings.Redis.MaxClients);
    }

    [Fact]
    public void The_reference_architectures_own_timings_are_accepted()
    {
        SentinelSettings sentinel = GoodSettings.Read(
            ("sentinelDownAfterMilliseconds", "30000"), ("sentinelFailoverTimeoutMilliseconds", "180000"), ("redisMinReplicasMaxLagSeconds", "10")).Sentinel;

        Assert.Equal((30_000, 180_000, 2, 2), (sentinel.DownAfterMilliseconds, sentinel.FailoverTimeoutMilliseconds, sentinel.ParallelSyncs, sentinel.Quorum));
    }

    [Fact]
    public void Overrides_become_directives()
    {
        RedisSettings redis = GoodSettings.Read(("redisOverrides", """["slowlog-max-len 512","hz 20"]""")).Redis;

        Assert.Equal("512", redis.Overrides["slowlog-max-len"]);
        Assert.Equal("20", redis.Overrides["hz"]);
    }

    [Fact]
    public void A_clients_password_can_be_given()
    {
        Assert.Equal("a-good-Passw0rd", GoodSettings.Read(("clientPassword", "a-good-Passw0rd")).Passwords.Client!.Reveal());
    }

    [Fact]
    public void Empty_text_means_not_set()
    {
        Assert.Null(GoodSettings.Read(("imageId", ""), ("redisMaxMemory", "")).Compute.ImageId);
    }

    [Theory]
    // Required
    [InlineData("compartmentId", null, "compartment")]
    [InlineData("compartmentId", "my-compartment", "OCID")]
    [InlineData("sshPublicKey", null, "OpenSSH public keys")]
    [InlineData("sshPublicKey", "ssh-ed25519 not/base64!", "OpenSSH public keys")]
    [InlineData("sshPublicKey", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB", "OpenSSH public keys")]
    [InlineData("adminCidrs", null, "at least one")]
    [InlineData("adminCidrs", "203.0.113.7", "list of text")]
    [InlineData("adminCidrs", "[7]", "list of text")]
    [InlineData("adminCidrs", "[null]", "list of text")]
    [InlineData("adminCidrs", """["203.0.113.7"]""", "'203.0.113.7' is not one")]
    [InlineData("adminCidrs", """["203.0.113.7/24"]""", "bits after the length zero")]
    [InlineData("adminCidrs", """["2001:db8::/32"]""", "IPv4")]
    [InlineData("adminCidrs", """["0.0.0.0/0"]""", "whole Internet")]
    [InlineData("adminCidrs", """["203.0.113.0/24","203.0.113.0/24"]""", "once")]
    [InlineData("clientCidrs", """["10.0.0.1/8"]""", "'10.0.0.1/8' is not one")]
    [InlineData("clientCommands", """["flushall"]""", "'flushall' is not one")]
    [InlineData("clientCommands", """["+get key"]""", "'+get key' is not one")]
    [InlineData("clientCommands", """["-flushal"]""", "'-flushal' does not name one")]
    [InlineData("clientCommands", """["+@admn"]""", "'+@admn' does not name one")]
    [InlineData("clientCommands", """["+@admin"]""", "'+@admin' cannot be given")]
    [InlineData("clientCommands", """["+@all"]""", "'+@all' cannot be given")]
    [InlineData("clientCommands", """["-flushall","+replicaof"]""", "'+replicaof' cannot be given to clients: it endangers the cluster")]
    [InlineData("clientCommands", """["+config|get"]""", "'+config|get' cannot be given")]
    [InlineData("clientCommands", """["+config"]""", "name its subcommands")]
    [InlineData("clientCommands", """["+client|pause"]""", "'+client|pause' cannot be given")]
    [InlineData("clientCommands", """["-ping"]""", "'-ping' cannot be taken")]
    [InlineData("clientCommands", """["-@all &*"]""", "is not one")]
    [InlineData("drainedProxies", """["proxy3"]""", "'proxy3' is not one")]
    [InlineData("drainedProxies", """["proxy1","proxy2"]""", "not all proxies")]
    // Network
    [InlineData("vcnCidr", "172.31.235.0", "/16 to /25")]
    [InlineData("vcnCidr", "10.0.0.0/8", "/16 to /25")]
    [InlineData("vcnCidr", "10.0.0.0/28", "/16 to /25")]
    [InlineData("publicSubnetCidr", "172.31.236.0/25", "within vcnCidr, 172.31.235.0/24")]
    [InlineData("privateSubnetCidr", "10.0.0.0/24", "within vcnCidr")]
    [InlineData("privateSubnetCidr", "172.31.235.64/26", "overlap")]
    [InlineData("bastionAddress", "bastion", "'bastion' is not one")]
    [InlineData("bastionAddress", "172.31.235", "'172.31.235' is not one")]
    [InlineData("bastionAddress", "172.31.235.200", "must lie in publicSubnetCidr, 172.31.235.0/25")]
    [InlineData("bastionAddress", "172.31.235.0", "OCI keeps")]
    [InlineData("bastionAddress", "172.31.235.1", "OCI keeps")]
    [InlineData("bastionAddress", "172.31.235.127", "OCI keeps")]
    [InlineData("loadBalancerAddress", "172.31.235.131", "also taken by redisAddresses")]
    [InlineData("loadBalancerAddress", "172.31.235.255", "OCI keeps")]
    [InlineData("redisAddresses", """["172.31.235.131","172.31.235.132"]""", "3 to 9 addresses")]
    [InlineData("redisAddresses", """["172.31.235.131","172.31.235.131","172.31.235.132"]""", "every address once")]
    [InlineData("proxyAddresses", """["172.31.235.141"]""", "2 to 8 addresses")]
    [InlineData("dnsLabel", "redis-ha", "1 to 15")]
    [InlineData("packageCidrs", """["archive.ubuntu.com"]""", "'archive.ubuntu.com' is not one")]
    // Machines
    [InlineData("availabilityDomains", "[0]", "1 to 3")]
    [InlineData("availabilityDomains", "[1,1]", "1 to 3")]
    [InlineData("availabilityDomains", """["1"]""", "list of whole numbers")]
    [InlineData("operatingSystem", "windows", "one of ubuntu-24.04, oracle-linux-9")]
    [InlineData("imageId", "ubuntu", "OCID of an image")]
    [InlineData("redisShape", "E5", "virtual machine shape")]
    [InlineData("redisShape", "BM.Standard.E5.192", "virtual machine shape")]
    [InlineData("proxyShape", "VM.GPU.A10.1", "virtual machine shape")]
    [InlineData("redisOcpus", "two", "a whole number from 1")]
    [InlineData("redisOcpus", "0", "a whole number from 1")]
    [InlineData("redisOcpus", "1.5", "a whole number from 1")]
    [InlineData("redisMemoryGb", "65", "1 to 64 GB for each of the 1 OCPUs")]
    [InlineData("bastionMemoryGb", "99999999999", "a whole number from 1")]
    [InlineData("bootVolumeGb", "20", "from 50 to")]
    [InlineData("redisShape", "VM.DenseIO.E5.Flex", "nor DenseIO")]
    [InlineData("faultDomains", "two", "one of spread, any")]
    // Tags and keys
    [InlineData("definedTags", """["CostCenter=42"]""", "NAMESPACE.KEY=VALUE")]
    [InlineData("definedTags", """["Operations.Cost Center=42"]""", "'Operations.Cost Center=42' is not")]
    [InlineData("definedTags", """["A.b=1","A.b=2"]""", "A.b is there twice")]
    [InlineData("freeformTags", """["owner"]""", "KEY=VALUE")]
    [InlineData("freeformTags", """["application=mine"]""", "'application' is one")]
    [InlineData("freeformTags", """["a=","b=","c=","d=","e=","f=","g=","h=","i="]""", "at most 8 tags")]
    [InlineData("kmsKeyId", "my-key", "master encryption key")]
    // Redis and Sentinel
    [InlineData("redisMinReplicasToWrite", "3", "from 0 to 2")]
    [InlineData("redisMinReplicasMaxLagSeconds", "4", "below sentinelDownAfterMilliseconds, 5000")]
    [InlineData("redisMaxMemory", "lots", "size as redis.conf")]
    [InlineData("redisMaxMemory", "8gb", "nine tenths of redisMemoryGb, 8")]
    [InlineData("redisMaxMemory", "1kb", "at least 1mb")]
    [InlineData("redisMaxMemoryPolicy", "lru", "one of noeviction")]
    [InlineData("redisAppendFsync", "sometimes", "one of everysec, always, no")]
    [InlineData("redisReplicationBacklog", "-1", "size as redis.conf")]
    [InlineData("redisMaxClients", "20099", "at least 20100")]
    [InlineData("redisMaxClients", "1", "at least 20100")]
    [InlineData("redisClientOutputBuffer", "0 0 0", "three words")]
    [InlineData("redisClientOutputBuffer", "0 0 1", "at least 1mb")]
    [InlineData("redisClientOutputBuffer", "256mb 64mb", "three words")]
    [InlineData("redisClientOutputBuffer", "64mb 256mb 60", "at most the hard one")]
    [InlineData("redisClientOutputBuffer", "64mb 0 60", "above 0")]
    [InlineData("redisClientOutputBuffer", "5gb 64mb 60", "half of redisMemoryGb, 8")]
    [InlineData("redisClientMemory", "90%", "1% to 50%")]
    [InlineData("redisClientMemory", "a lot", "1% to 50%")]
    [InlineData("redisOverrides", """["client-output-buffer-limit normal 0 0 0"]""", "use redisClientOutputBuffer")]
    [InlineData("redisOverrides", """["maxmemory-clients 0"]""", "use redisClientMemory")]
    [InlineData("redisOverrides", """["slowlog-max-len"]""", "'slowlog-max-len' is not")]
    [InlineData("redisOverrides", """["no-such-directive 1"]""", "'no-such-directive' is not one")]
    [InlineData("redisOverrides", """["hz 10","hz 20"]""", "hz is there twice")]
    [InlineData("redisOverrides", """["maxmemory 1gb"]""", "use redisMaxMemory")]
    [InlineData("redisOverrides", """["replica-priority 1"]""", "the cluster depends on it")]
    [InlineData("redisOverrides", """["save 900\n1"]""", "printable")]
    [InlineData("sentinelMasterName", "my master", "letters, digits")]
    [InlineData("sentinelQuorum", "4", "number of Sentinels, 3")]
    [InlineData("sentinelQuorum", "-1", "a whole number from 0")]
    [InlineData("sentinelQuorum", "1", "the majority of the 3 Sentinels")]
    [InlineData("sentinelDownAfterMilliseconds", "5s", "a whole number from 1000")]
    [InlineData("sentinelFailoverTimeoutMilliseconds", "4000", "at least sentinelDownAfterMilliseconds, 5000")]
    [InlineData("sentinelParallelSyncs", "3", "from 0 to 2")]
    // Proxy
    [InlineData("proxyMaxConnections", "0", "from 10 to")]
    [InlineData("proxyMaxConnections", "21501", "at most 21500: the load balancer")]
    [InlineData("proxyBundlePath", "/does/not/exist", "published proxy")]
    [InlineData("proxyBundleExpires", "2036-01-01", "time in UTC")]
    [InlineData("clientPassword", "short", "12 to 128")]
    [InlineData("clientPassword", "spaces are not good", "12 to 128")]
    public void A_bad_value_is_refused_by_its_own_rule(string key, string? value, string rule)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems((key, value)));

        Assert.Equal(key, problem.Key);
        Assert.Contains(rule, problem.Rule, StringComparison.Ordinal);
        Assert.StartsWith("pulumi config set ", problem.Example, StringComparison.Ordinal);
        Assert.Contains($"redis-ha:{key}", problem.Example, StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_told_at_once_with_key_value_rule_and_example()
    {
        SettingsException error = Assert.Throws<SettingsException>(() => GoodSettings.Read(
            ("compartmentId", null), ("redisOcpus", "two"), ("sentinelQuorum", "7"), ("sentinelQourum", "2"), ("adminCidrs", """["10.1.2.3/8"]""")));

        Assert.Equal(["sentinelQourum", "compartmentId", "adminCidrs", "redisOcpus", "sentinelQuorum"], error.Problems.Select(problem => problem.Key));
        Assert.StartsWith("The stack configuration has 5 problems; nothing was changed.", error.Message, StringComparison.Ordinal);
        Assert.Contains("""
              redis-ha:sentinelQuorum = 7
                rule:    at most the number of Sentinels, 3, or no failover can ever begin
                example: pulumi config set redis-ha:sentinelQuorum 0
            """.ReplaceLineEndings("\n"), error.Message, StringComparison.Ordinal);
        Assert.Contains("redis-ha:compartmentId is not set\n", error.Message, StringComparison.Ordinal);
        Assert.Contains("did you mean sentinelQuorum?", error.Message, StringComparison.Ordinal);
        Assert.Contains("pulumi config set --path 'redis-ha:adminCidrs[0]' 203.0.113.7/32", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_default_that_another_setting_makes_wrong_is_shown_as_the_default()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("redisMemoryGb", "64")));

        Assert.Equal("pulumi config set redis-ha:bootVolumeGb 202", problem.Example);
        Assert.Equal("bootVolumeGb", problem.Key);
        Assert.Equal("50 (the default)", problem.Value);
        Assert.Contains("at least 202", problem.Rule, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10000", 20_200)]
    [InlineData("20000", 40_200)]
    [InlineData("10", 220)]
    public void The_nodes_take_what_all_proxies_can_bring(string connections, int clients) =>
        Assert.Equal(clients, GoodSettings.Read(("proxyMaxConnections", connections)).Redis.MaxClients);

    [Fact]
    public void A_subnet_too_small_for_the_default_places_asks_for_addresses()
    {
        IReadOnlyList<SettingProblem> problems = GoodSettings.Problems(("privateSubnetCidr", "172.31.235.128/28"));

        SettingProblem problem = Assert.Single(problems);
        Assert.Equal("loadBalancerAddress", problem.Key);
        Assert.Contains("too small", problem.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void One_image_cannot_serve_two_architectures()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("imageId", "ocid1.image.oc1.fra.aaaa"), ("proxyShape", "VM.Standard.A1.Flex")));

        Assert.Equal("imageId", problem.Key);
    }

    [Fact]
    public void Fixed_shapes_ignore_OCPUs_and_memory()
    {
        Assert.False(GoodSettings.Read(("redisShape", "VM.Standard2.1"), ("redisMemoryGb", "500")).Compute.Redis.IsFlexible);
    }

    [Theory]
    [InlineData("VM.Standard.A1.Flex", "linux-arm64")]
    [InlineData("VM.Standard.A2.Flex", "linux-arm64")]
    [InlineData("VM.Standard.E5.Flex", "linux-x64")]
    [InlineData("VM.Standard3.Flex", "linux-x64")]
    [InlineData("VM.Optimized3.Flex", "linux-x64")]
    public void The_shape_decides_the_proxys_platform(string shape, string runtime)
    {
        Assert.Equal(runtime, GoodSettings.Read(("proxyShape", shape)).Compute.Proxy.RuntimeIdentifier);
    }

    [Fact]
    public void A_secret_in_plain_text_is_refused()
    {
        var source = new SettingsSource(GoodSettings.With(new() { ["clientPassword"] = "a-good-Passw0rd" }), secretKeys: []);

        SettingsException error = Assert.Throws<SettingsException>(() => StackSettings.Read(source));

        Assert.Equal(["sshPrivateKey", "clientPassword"], error.Problems.Select(problem => problem.Key));
        Assert.All(error.Problems, problem => Assert.Contains("--secret", problem.Rule, StringComparison.Ordinal));
        Assert.DoesNotContain("a-good-Passw0rd", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(GoodSettings.PrivateKey.Split('\n')[1], error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Secrets_are_in_no_message_and_no_text()
    {
        SettingsException error = Assert.Throws<SettingsException>(() => GoodSettings.Read(
            ("clientPassword", "bad but s3cret"), ("sshPrivateKey", "s3cret-key-material"), ("clientPasword", "s3cret-too")));

        Assert.DoesNotContain("s3cret", error.Message, StringComparison.Ordinal);
        string text = GoodSettings.Read(("clientPassword", "a-good-Passw0rd")).ToString();
        Assert.DoesNotContain("a-good-Passw0rd", text, StringComparison.Ordinal);
        Assert.DoesNotContain(GoodSettings.PrivateKey.Split('\n')[1], text, StringComparison.Ordinal);
    }

    public static TheoryData<string> ExamplesThatAreValues => [.. Setting.All.Where(setting => setting.IsExampleValue).Select(setting => setting.Key)];

    [Theory]
    [MemberData(nameof(ExamplesThatAreValues))]
    public void An_example_passes_every_rule(string key)
    {
        Setting setting = Setting.All.Single(setting => setting.Key == key);

        // An existing network is named whole.
        Setting[] together = [Setting.VcnId, Setting.PublicSubnetId, Setting.PrivateSubnetId];
        Assert.NotNull(GoodSettings.Read([.. (together.Contains(setting) ? together : [setting]).Select(one => (one.Key, one.Raw(one.Example)))]));
        Assert.Equal(setting.Example.Split('\n').Length, setting.ExampleCommand().Split(" && ").Length);
    }

    [Fact]
    public void The_disk_holds_what_the_memory_can_write()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("redisMemoryGb", "16")));

        Assert.Equal(("bootVolumeGb", "50 (the default)", "pulumi config set redis-ha:bootVolumeGb 58"), (problem.Key, problem.Value, problem.Example));
        Assert.Equal("at least 58 for redisMaxMemory = 12 GB: 10 (system, logs) + 2 x 12 (append-only file before its rewrite) + 12 (the rewritten file) + 12 "
            + "(a full copy for a replica)", problem.Rule);
        Assert.Equal(58, GoodSettings.Read(("redisMemoryGb", "16"), ("bootVolumeGb", "58")).Compute.BootVolumeGb);
        Assert.Equal(50, GoodSettings.Read(("redisMemoryGb", "16"), ("redisMaxMemory", "10gb")).Compute.BootVolumeGb);
        // A file that may grow to five times its size needs more.
        Assert.Contains("at least 52 ", Assert.Single(GoodSettings.Problems(("redisOverrides", """["auto-aof-rewrite-percentage 400"]"""))).Rule,
            StringComparison.Ordinal);
        // What a fixed shape has is not known here.
        Assert.NotNull(GoodSettings.Read(("redisShape", "VM.Standard2.24")));
    }

    [Fact]
    public void Metadata_that_OCI_does_not_take_is_refused_with_the_setting_that_makes_it_large()
    {
        string keys = string.Join('\n', Enumerable.Range(0, 400).Select(person => $"{GoodSettings.PublicKey}{person}"));

        StackSettings settings = GoodSettings.Read(("sshPublicKey", keys));
        SettingProblem problem = Assert.Single(Assert.Throws<SettingsException>(() => MetadataSize.Require(settings)).Problems);

        Assert.Equal("sshPublicKey", problem.Key);
        Assert.Matches("^fewer or shorter keys: (redis3|proxy2) would get [0-9]{5} bytes of metadata, [0-9]{5} of them keys, and OCI takes 32000$",
            problem.Rule);
    }

    [Fact]
    public void Every_setting_is_read_under_its_own_rule()
    {
        // No setting may be declared and then never looked at: each refuses, or is changed by, a value of its own.
        string nonsense = "\u0001 nonsense";
        foreach (Setting setting in Setting.All.Where(setting => setting != Setting.SshPrivateKey))
        {
            IReadOnlyList<SettingProblem> problems = GoodSettings.Problems((setting.Key, nonsense));
            Assert.Contains(problems, problem => problem.Key == setting.Key || (setting == Setting.SshPrivateKeyPath && problem.Key == "sshPrivateKey"));
        }
    }

    [Fact]
    public void Lists_come_as_JSON_like_Pulumi_passes_them()
    {
        string json = JsonSerializer.Serialize(new[] { "203.0.113.0/24", "198.51.100.0/24" });

        Assert.Equal(["203.0.113.0/24", "198.51.100.0/24"], GoodSettings.Read(("adminCidrs", json)).Network.AdminCidrs.AsEnumerable());
    }
}
