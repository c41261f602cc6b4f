// What the payloads hold, and what they refuse.

using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class NodePayloadTests
{
    [Fact]
    public void User_data_is_the_host_key_and_the_first_boots_script_compressed_and_nothing_else()
    {
        var key = HostKey.Of("seed", "redis1");
        string script = NodePayload.Of(PayloadInputs.Redis()).FirstBootScript;
        using var gzip = new GZipStream(new MemoryStream(Convert.FromBase64String(UserData.Of(key, script))), CompressionMode.Decompress);
        using var reader = new StreamReader(gzip, Encoding.UTF8);
        string text = reader.ReadToEnd();

        string[] parts = text.Split("--redis-ha-part");
        Assert.Equal(4, parts.Length);
        Assert.Equal("\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n" + script + "\n", parts[2]);
        string[] lines = parts[1].Split('\n');
        Assert.Contains("#cloud-config", lines);
        Assert.Contains("ssh_deletekeys: true", lines);
        Assert.Contains($"  ecdsa_public: {key.PublicKey}", lines);
        int start = Array.IndexOf(lines, "  ecdsa_private: |") + 1;
        Assert.Equal(key.PrivateKey.TrimEnd('\n').Split('\n').Select(line => "    " + line),
            lines[start..Array.FindIndex(lines, line => line.StartsWith("  ecdsa_public", StringComparison.Ordinal))]);
    }

    [Fact]
    public void The_largest_configuration_fits_into_the_metadata()
    {
        var random = new Random(1);
        string Secret(int length) =>
            string.Concat(Enumerable.Range(0, length).Select(_ => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[random.Next(62)]));
        NodeAddress[] nodes = [.. Enumerable.Range(1, 9)
            .Select(number => new NodeAddress($"{Secret(60).ToLowerInvariant()}-{number}", $"172.31.235.{130 + number}"))];
        var passwords = new NodePasswords
        {
            Client = Secret(512),
            Replication = Secret(128),
            Sentinel = Secret(128),
            Health = Secret(512),
            SentinelWatch = Secret(512),
            Operator = Secret(128),
            Watch = Secret(128),
            Admin = Secret(512),
        };
        var sentinel = new SentinelSettings { MasterName = Secret(64) };
        var overrides = Enumerable.Range(0, 60).ToDictionary(number => $"some-directive-{number}", _ => Secret(60));

        var key = HostKey.Of("seed", "redis1");
        int redis = UserData.Of(key, NodePayload.Of(new RedisNodeInputs
        {
            Login = PayloadInputs.Login,
            Node = nodes[8],
            Nodes = nodes,
            Redis = new RedisSettings { Overrides = overrides },
            Sentinel = sentinel,
            Passwords = passwords
        }).FirstBootScript).Length;
        int proxy = UserData.Of(key, NodePayload.Of(PayloadInputs.Proxy() with
        {
            RedisNodes = nodes,
            Sentinel = sentinel,
            Passwords = passwords,
            BundleUrl = $"https://example/{Secret(2_000)}"
        }).FirstBootScript).Length;

        // 32,000 bytes of metadata in all, of which a few keys for SSH take up to 4,000.
        Assert.InRange(redis, 1_000, 28_000);
        Assert.InRange(proxy, 1_000, 28_000);
    }

    [Fact]
    public void The_identifier_names_the_content()
    {
        RedisNodeInputs inputs = PayloadInputs.Redis();
        string identifier = NodePayload.Of(inputs).Identifier;

        Assert.Matches("^[0-9a-f]{16}$", identifier);
        Assert.Equal(identifier, NodePayload.Of(PayloadInputs.Redis()).Identifier);
        Assert.Contains($"REDIS_HA_PAYLOAD={identifier}\n", NodePayload.Of(inputs).ApplyScript, StringComparison.Ordinal);
        Assert.NotEqual(identifier, NodePayload.Of(inputs with { Sentinel = new SentinelSettings { Quorum = 3 } }).Identifier);
        Assert.NotEqual(identifier, NodePayload.Of(inputs with { Passwords = inputs.Passwords with { Client = "another one" } }).Identifier);
        Assert.NotEqual(identifier, NodePayload.Of(PayloadInputs.Redis(2)).Identifier);
    }

    [Fact]
    public void Passwords_are_where_they_are_needed_and_only_hashes_elsewhere()
    {
        string redis = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;
        string proxy = NodePayload.Of(PayloadInputs.Proxy()).ApplyScript;
        NodePasswords all = PayloadInputs.Passwords;

        foreach (string elsewhere in new[] { all.Client, all.Health, all.SentinelWatch, all.Admin })
        {
            Assert.DoesNotContain(elsewhere, redis, StringComparison.Ordinal);
        }
        foreach (string elsewhere in new[] { all.Client, all.Replication, all.Sentinel, all.Operator })
        {
            Assert.DoesNotContain(elsewhere, proxy, StringComparison.Ordinal);
        }
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all.Client)));
        Assert.Contains($"user default on #{hash} ", PayloadInputs.FileOf(redis, "users.acl"), StringComparison.Ordinal);
        Assert.Equal(all.Operator + "\n", PayloadInputs.FileOf(redis, "operator.password"));
        Assert.Equal(all.Health + "\n", PayloadInputs.FileOf(proxy, "redis.password"));
        Assert.Equal(all.SentinelWatch + "\n", PayloadInputs.FileOf(proxy, "sentinel.password"));
        Assert.Equal(all.Admin + "\n", PayloadInputs.FileOf(proxy, "admin.password"));
    }

    [Fact]
    public void A_former_password_is_accepted_everywhere_and_used_nowhere()
    {
        NodePasswords former = PayloadInputs.Passwords;
        NodePasswords all = new()
        {
            Client = "new-client",
            Replication = "new-replication",
            Sentinel = "new-sentinel",
            Health = "new-health",
            SentinelWatch = "new-sentinel-watch",
            Operator = "new-operator",
            Watch = "new-node-watch",
            Admin = "new-admin",
            Former = former,
        };
        string redis = NodePayload.Of(PayloadInputs.Redis() with { Passwords = all }).ApplyScript;
        string proxy = NodePayload.Of(PayloadInputs.Proxy() with { Passwords = all }).ApplyScript;

        foreach (string line in new[] { "users.acl", "sentinel-users.acl" }.SelectMany(file => PayloadInputs.FileOf(redis, file).Split('\n'))
            .Where(line => line.Contains('#', StringComparison.Ordinal)))
        {
            string[] hashes = [.. line.Split(' ').Where(word => word.StartsWith('#'))];
            Assert.Equal(2, hashes.Length);
            Assert.Equal(hashes.Order(StringComparer.Ordinal), hashes);
        }
        Assert.Equal($"{all.Admin}\n{former.Admin}\n", PayloadInputs.FileOf(proxy, "admin.password"));
        Assert.Equal(all.Health + "\n", PayloadInputs.FileOf(proxy, "redis.password"));
        foreach (
            string unused in new[] { former.Client, former.Replication, former.Sentinel, former.Operator, former.Watch, former.Health, former.SentinelWatch })
        {
            Assert.DoesNotContain(unused + "\n", redis + proxy, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_first_boot_knows_no_secret_and_says_so()
    {
        NodePasswords all = PayloadInputs.Passwords;
        string[] passwords = [all.Client, all.Replication, all.Sentinel, all.Health, all.SentinelWatch, all.Watch, all.Operator, all.Admin];
        string[] secrets = [.. passwords,
            .. passwords.Select(password => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(password)))), "very-secret-token"];
        string redis = NodePayload.Of(PayloadInputs.Redis()).FirstBootScript;
        string proxy = NodePayload.Of(PayloadInputs.Proxy()).FirstBootScript;

        foreach (string script in new[] { redis, proxy })
        {
            Assert.DoesNotContain(secrets, secret => script.Contains(secret, StringComparison.Ordinal));
            Assert.Equal("\n", PayloadInputs.FileOf(script, "first-boot"));
            Assert.True(script.All(char.IsAscii), "cloud-init takes user data of other characters apart");
        }
        // Other passwords are no other first boot, so nothing can be learned from the identifier either.
        Assert.Equal(redis, NodePayload.Of(PayloadInputs.Redis() with { Passwords = all with { Client = "another one" } }).FirstBootScript);
        Assert.DoesNotContain("first-boot\" <<", NodePayload.Of(PayloadInputs.Redis()).ApplyScript, StringComparison.Ordinal);
    }

    [Fact]
    public void The_unit_hands_over_each_password_of_the_configuration_and_permits_io_uring()
    {
        string proxy = NodePayload.Of(PayloadInputs.Proxy()).ApplyScript;
        string[] unit = PayloadInputs.FileOf(proxy, "redis-ha-proxy.service").Split('\n');
        IEnumerable<string> named = Regex.Matches(PayloadInputs.FileOf(proxy, "proxy.json"), "\"passwordFile\": \"([^\"]+)\"")
            .Select(match => match.Groups[1].Value);
        Assert.Equal(
            named.Select(file => $"LoadCredential={file}:/etc/redis-ha-proxy/{file}").Order(StringComparer.Ordinal),
            unit.Where(line => line.StartsWith("LoadCredential=", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        // The last word counts: permitted after what is taken away.
        string[] filters = [.. unit.Where(line => line.StartsWith("SystemCallFilter=", StringComparison.Ordinal))];
        Assert.Equal("SystemCallFilter=io_uring_setup io_uring_enter io_uring_register", filters[^1]);
        Assert.Contains("SystemCallFilter=~@privileged @obsolete", filters);
    }

    [Fact]
    public void A_proxy_records_into_its_units_state_directory_knows_how_many_replicas_are_needed_and_links_to_the_others()
    {
        ProxyNodeInputs inputs = PayloadInputs.Proxy();
        string script = NodePayload.Of(inputs with { MinReplicasToWrite = 2, Peers = [new NodeAddress("proxy2", "172.31.235.142")] }).ApplyScript;
        JsonElement json = JsonDocument.Parse(PayloadInputs.FileOf(script, "proxy.json")).RootElement;
        string folder = Path.GetDirectoryName(json.GetProperty("recording").GetProperty("file").GetString())!;
        Assert.Contains($"StateDirectory={Path.GetRelativePath("/var/lib", folder)}", PayloadInputs.FileOf(script, "redis-ha-proxy.service").Split('\n'));
        Assert.Equal(2, json.GetProperty("redis").GetProperty("minReplicasToWrite").GetInt32());
        Assert.Equal("172.31.235.142:1936", json.GetProperty("admin").GetProperty("peers").GetProperty("proxy2").GetString());
        Assert.DoesNotContain("\"peers\"", NodePayload.Of(inputs with { Peers = [] }).ApplyScript, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bind 172.31.235.131 127.0.0.1")]
    [InlineData("protected-mode yes")]
    [InlineData("aclfile /etc/redis-ha/users.acl")]
    [InlineData("masteruser replication")]
    [InlineData("masterauth replication-password")]
    [InlineData("min-replicas-to-write 1")]
    [InlineData("min-replicas-max-lag 3")]
    [InlineData("appendonly yes")]
    [InlineData("appendfsync everysec")]
    [InlineData("repl-backlog-size 256mb")]
    [InlineData("repl-diskless-sync yes")]
    [InlineData("client-output-buffer-limit normal 256mb 64mb 60")]
    [InlineData("@7.0 maxmemory-clients 20%")]
    [InlineData("sanitize-dump-payload clients")]
    [InlineData("client-output-buffer-limit replica 512mb 128mb 60")]
    [InlineData("client-output-buffer-limit pubsub 32mb 8mb 60")]
    [InlineData("tcp-keepalive 60")]
    [InlineData("timeout 0")]
    [InlineData("maxclients 20200")]
    [InlineData("maxmemory-policy noeviction")]
    public void Redis_settings_hold(string line) =>
        Assert.Contains(line, PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Redis()).ApplyScript, "settings.conf").Split('\n'));

    [Fact]
    public void An_override_takes_the_place_of_our_line_and_maxmemory_is_left_to_the_node()
    {
        RedisNodeInputs inputs = PayloadInputs.Redis() with
        {
            Redis = new RedisSettings { Overrides = new Dictionary<string, string> { ["tcp-backlog"] = "8192", ["hz"] = "50" } },
        };
        string[] lines = PayloadInputs.FileOf(NodePayload.Of(inputs).ApplyScript, "settings.conf").Split('\n');

        Assert.Equal(["tcp-backlog 8192"], lines.Where(line => line.StartsWith("tcp-backlog", StringComparison.Ordinal)));
        Assert.Contains("hz 50", lines);
        Assert.DoesNotContain(lines, line => line.StartsWith("maxmemory ", StringComparison.Ordinal));
        inputs = inputs with { Redis = new RedisSettings { MaxMemory = "6gb" } };
        Assert.Contains("maxmemory 6gb", PayloadInputs.FileOf(NodePayload.Of(inputs).ApplyScript, "settings.conf").Split('\n'));
    }

    [Fact]
    public void Sentinel_settings_follow_the_reference_architecture_when_asked()
    {
        RedisNodeInputs inputs = PayloadInputs.Redis(2) with
        {
            Sentinel = new SentinelSettings
            {
                MasterName = "main",
                Quorum = 2,
                DownAfterMilliseconds = 30_000,
                FailoverTimeoutMilliseconds = 180_000,
                ParallelSyncs = 2
            },
        };
        string[] lines = PayloadInputs.FileOf(NodePayload.Of(inputs).ApplyScript, "sentinel-settings.conf").Split('\n');

        Assert.Contains("sentinel monitor main - 6379 2", lines);
        Assert.Contains("sentinel down-after-milliseconds main 30000", lines);
        Assert.Contains("sentinel failover-timeout main 180000", lines);
        Assert.Contains("sentinel parallel-syncs main 2", lines);
        Assert.Contains("sentinel auth-pass main sentinel-password", lines);
        Assert.Contains("sentinel announce-ip 172.31.235.132", lines);
        Assert.Contains("@7.0 sentinel master-reboot-down-after-period main 30000", lines);
        Assert.Single(lines, line => System.Text.RegularExpressions.Regex.IsMatch(line, "^sentinel myid [0-9a-f]{40}$"));
    }

    [Fact]
    public void The_proxy_configuration_is_the_agreed_file()
    {
        using var json = JsonDocument.Parse(
            PayloadInputs.FileOf(
                NodePayload.Of(PayloadInputs.Proxy() with { Options = new ProxyOptions { MaxConnections = 1234 } }).ApplyScript, "proxy.json"));
        JsonElement root = json.RootElement;

        Assert.Equal(["172.31.235.141:6379"], root.GetProperty("listen").EnumerateArray().Select(item => item.GetString()));
        Assert.Equal("172.31.235.132:6379", root.GetProperty("redis").GetProperty("nodes").GetProperty("redis2").GetString());
        Assert.Equal("rp-health", root.GetProperty("redis").GetProperty("user").GetString());
        Assert.Equal("mymaster", root.GetProperty("sentinel").GetProperty("master").GetString());
        Assert.Equal("5s", root.GetProperty("sentinel").GetProperty("downAfter").GetString());
        Assert.Equal(3, root.GetProperty("sentinel").GetProperty("nodes").GetArrayLength());
        Assert.Equal("0.0.0.0:1936", root.GetProperty("admin").GetProperty("listen").GetString());
        Assert.Equal("/run/redis-ha-proxy/control.sock", root.GetProperty("admin").GetProperty("socket").GetString());
        Assert.Equal(1234, root.GetProperty("limits").GetProperty("connections").GetInt32());
    }

    [Fact]
    public void The_bundle_address_is_read_from_a_file_by_curl()
    {
        string script = NodePayload.Of(PayloadInputs.Proxy()).ApplyScript;

        Assert.Equal($"url = \"{PayloadInputs.Proxy().BundleUrl}\"\n", PayloadInputs.FileOf(script, "bundle.curl"));
        Assert.Equal(1, script.Split("very-secret-token").Length - 1);
    }

    [Theory]
    [InlineData("replicaof")]
    [InlineData("aclfile")]
    [InlineData("replica-priority")]
    [InlineData("maxmemory")]
    public void An_override_of_what_the_cluster_depends_on_is_refused(string directive)
    {
        RedisNodeInputs inputs = PayloadInputs.Redis() with { Redis = new RedisSettings { Overrides = new Dictionary<string, string> { [directive] = "1" } } };

        Assert.Contains(directive, Assert.Throws<ArgumentException>(() => NodePayload.Of(inputs).ApplyScript).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_would_break_out_of_their_file_are_refused()
    {
        RedisNodeInputs redis = PayloadInputs.Redis();
        ProxyNodeInputs proxy = PayloadInputs.Proxy();

        Refused(() => NodePayload.Of(redis with { Redis = new RedisSettings { Overrides = new Dictionary<string, string> { ["hz"] = "50\nreplicaof x 1" } } })
            .ApplyScript);
        Refused(() => NodePayload.Of(redis with { Redis = new RedisSettings { MaxMemory = "1gb\nuser" } }).ApplyScript);
        Refused(() => NodePayload.Of(redis with { Sentinel = new SentinelSettings { MasterName = "a b" } }).ApplyScript);
        Refused(() => NodePayload.Of(redis with { Node = new NodeAddress("redis9", "172.31.235.139") }).ApplyScript);
        Refused(() => NodePayload.Of(redis with { Nodes = [redis.Node, new NodeAddress("x'; reboot", "172.31.235.132")] }).ApplyScript);
        Refused(() => NodePayload.Of(proxy with { Node = new NodeAddress("proxy1", "172.31.235.0141") }).ApplyScript);
        Refused(() => NodePayload.Of(proxy with { BundleSha256 = "BA78" }).ApplyScript);

        string secret = Refused(() => NodePayload.Of(redis with { Passwords = redis.Passwords with { Sentinel = "short \"secret\"" } }).ApplyScript);
        Assert.DoesNotContain("short", secret, StringComparison.Ordinal);
        secret = Refused(() => NodePayload.Of(redis with { Passwords = redis.Passwords with { Client = "line\nbreak" } }).ApplyScript);
        Assert.DoesNotContain("break", secret, StringComparison.Ordinal);
        secret = Refused(() => NodePayload.Of(proxy with { BundleUrl = "https://host/token\"\noutput = \"/etc/passwd" }).ApplyScript);
        Assert.DoesNotContain("token", secret, StringComparison.Ordinal);

        static string Refused(Func<string> render) => Assert.Throws<ArgumentException>(render).Message;
    }

    [Fact]
    public void A_placeholder_without_a_value_or_a_value_without_a_placeholder_is_an_error()
    {
        Assert.Contains("file-limit", Assert.Throws<InvalidOperationException>(() => Template.Render("redis/redis.dropin.conf")).Message,
            StringComparison.Ordinal);
        Assert.Contains("other", Assert.Throws<InvalidOperationException>(() => Template.Render("redis/redis.dropin.conf", ("file-limit", "1"), ("other", "2")))
            .Message, StringComparison.Ordinal);
        Assert.Contains("no/such", Assert.Throws<InvalidOperationException>(() => Template.Read("no/such")).Message, StringComparison.Ordinal);
        Assert.Contains("LimitNOFILE={{x}}", Template.Render("redis/redis.dropin.conf", ("file-limit", "{{x}}")), StringComparison.Ordinal);
    }
}
