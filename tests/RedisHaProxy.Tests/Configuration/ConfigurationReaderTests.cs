// What proxy.json may say, what it means, and what is said about each mistake.

using System.Net;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class ConfigurationReaderTests : IDisposable
{
    private const string Full = """
        { "listen": ["172.31.235.141:6379", "[fd00::1]:6379"],
          "readOnly": { "listen": ["172.31.235.141:6380"], "maxLag": "30s", "master": true },
          "proxyProtocol": { "from": ["172.31.235.188", "10.0.0.0/8", "fd00::/8"], "timeout": "5s" },
          "redis":    { "nodes": { "redis1": "172.31.235.131:6379", "redis2": "172.31.235.132:6379" }, "user": "rp-health", "passwordFile": "redis.password", "probeInterval": "25ms" },
          "sentinel": { "master": "mymaster", "nodes": ["172.31.235.131:26379", "172.31.235.132:26379", "172.31.235.133:26379"], "user": "rp-sentinel", "passwordFile": "sentinel.password", "downAfter": "4s", "pollInterval": "150ms" },
          "admin":    { "listen": "0.0.0.0:1936", "user": "operator", "passwordFile": "admin.password", "socket": "/run/redis-ha-proxy/control.sock" },
          "timeouts": { "connect": "2s", "park": "0s", "idle": "1h", "drainDelay": "5s", "drain": "1m" },
          "limits":   { "connections": 20000, "perSource": 100, "parked": 500, "refusal": "TRYAGAIN no master" },
          "recording": { "file": "record.jsonl", "maxBytes": 5000000000 },
          "log":      { "level": "debug", "format": "json", "sessions": false } }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_full_file_is_read_as_written()
    {
        _folder.Write("redis.password", "one\n");
        _folder.Write("sentinel.password", "two\r\n");
        _folder.Write("admin.password", "three");

        var reading = Read(Full);

        Assert.Empty(reading.Errors);
        Assert.Empty(reading.Warnings);
        var c = reading.Configuration!;
        Assert.Equal([IPEndPoint.Parse("172.31.235.141:6379"), IPEndPoint.Parse("[fd00::1]:6379")], c.Listen);
        Assert.Equal([IPNetwork.Parse("172.31.235.188/32"), IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("fd00::/8")], c.ProxyProtocol!.From);
        Assert.Equal(TimeSpan.FromSeconds(5), c.ProxyProtocol.Timeout);
        Assert.Equal((IPEndPoint.Parse("172.31.235.141:6380"), TimeSpan.FromSeconds(30), true),
            (Assert.Single(c.ReadOnly!.Listen), c.ReadOnly.MaxLag, c.ReadOnly.Master));
        Assert.Equal([new RedisNode("redis1", IPEndPoint.Parse("172.31.235.131:6379")), new RedisNode("redis2", IPEndPoint.Parse("172.31.235.132:6379"))],
            c.Redis.Nodes);
        Assert.Equal(new RedisCredentials("rp-health", "one"), c.Redis.Credentials);
        Assert.Equal(TimeSpan.FromMilliseconds(25), c.Redis.ProbeInterval);
        Assert.Equal("mymaster", c.Sentinel!.Master);
        Assert.Equal(3, c.Sentinel.Nodes.Count);
        Assert.Equal(new RedisCredentials("rp-sentinel", "two"), c.Sentinel.Credentials);
        Assert.Equal(TimeSpan.FromSeconds(4), c.Sentinel.DownAfter);
        Assert.Equal(TimeSpan.FromMilliseconds(150), c.Sentinel.PollInterval);
        Assert.Equal((IPEndPoint.Parse("0.0.0.0:1936"), "operator", "three", "/run/redis-ha-proxy/control.sock"),
            (c.Admin!.Listen, c.Admin.User, c.Admin.Password, c.Admin.Socket));
        Assert.Equal(new TimeoutConfiguration
        {
            Connect = TimeSpan.FromSeconds(2),
            Park = TimeSpan.Zero,
            Idle = TimeSpan.FromHours(1),
            DrainDelay = TimeSpan.FromSeconds(5),
            Drain = TimeSpan.FromMinutes(1)
        }, c.Timeouts);
        Assert.Equal(new LimitConfiguration { Connections = 20000, PerSource = 100, Parked = 500, Refusal = "TRYAGAIN no master" }, c.Limits);
        Assert.Equal(new RecordingConfiguration { File = Path.Combine(_folder.Path, "record.jsonl"), MaxBytes = 5_000_000_000 }, c.Recording);
        Assert.Equal(new LogConfiguration { Level = LogLevel.Debug, Format = LogFormat.Json, Sessions = false }, c.Log);
    }

    [Fact]
    public void The_sections_that_do_not_apply_may_be_absent_and_the_defaults_are_those_of_the_records()
    {
        var reading = Read("""{ "listen": ["127.0.0.1:6379"], "redis": { "nodes": { "a": "127.0.0.2:6379" } } }""");

        Assert.Empty(reading.Errors);
        Assert.Empty(reading.Warnings);
        var c = reading.Configuration!;
        Assert.Null(c.Sentinel);
        Assert.Null(c.Admin);
        Assert.Null(c.Redis.Credentials);
        Assert.Null(c.Recording);
        Assert.Null(c.ProxyProtocol);
        Assert.Null(c.ReadOnly);
        Assert.Equal(new TimeoutConfiguration(), c.Timeouts);
        Assert.Equal(new LimitConfiguration(), c.Limits);
        Assert.Equal(new LogConfiguration(), c.Log);
        Assert.Equal(new RedisConfiguration { Nodes = c.Redis.Nodes }.ProbeInterval, c.Redis.ProbeInterval);
    }

    [Fact]
    public void The_defaults_of_a_section_are_those_of_its_record()
    {
        var c = Read("""
            { "listen": ["127.0.0.1:6379"], "redis": { "nodes": { "a": "127.0.0.2:6379" } },
              "sentinel": { "master": "m", "nodes": ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"] }, "admin": {}, "timeouts": {}, "limits": {}, "log": {}, "proxyProtocol": { "from": ["127.0.0.1"] }, "readOnly": { "listen": ["127.0.0.1:6380"] } }
            """).Configuration!;

        var sentinel = new SentinelConfiguration { Master = "m", Nodes = c.Sentinel!.Nodes };
        Assert.Equal(sentinel, c.Sentinel);
        Assert.Equal(new ReadOnlyConfiguration { Listen = c.ReadOnly!.Listen }, c.ReadOnly);
        Assert.Equal(new ProxyProtocolConfiguration { From = c.ProxyProtocol!.From }, c.ProxyProtocol);
        Assert.Equal(new TimeoutConfiguration(), c.Timeouts);
        Assert.Equal(new LimitConfiguration(), c.Limits);
        Assert.Equal(new LogConfiguration(), c.Log);
        Assert.Equal(new AdminConfiguration(), c.Admin);
    }

    [Theory]
    // The file as a whole.
    [InlineData("", "1:1: the file is empty; a JSON object is expected")]
    [InlineData(" \n\t", "1:1: the file is empty; a JSON object is expected")]
    [InlineData("[]", "1:1: a JSON object is expected, found an array")]
    [InlineData("\"x\"", "1:1: a JSON object is expected, found the text \"x\"")]
    [InlineData("{\n  // note\n}", "2:3: comments are not allowed in JSON; remove it")]
    [InlineData("{ \"listen\": [\"127.0.0.1:1\",] }", "1:28: a comma after the last entry; remove it")]
    [InlineData("{ \"log\": {},\n}", "2:1: a comma after the last entry; remove it")]
    [InlineData("{} {}", "1:4: not valid JSON:")]
    [InlineData("{ \"log\": {\"level\":\"\\ud800\"}}", "1:19: a text with an incomplete \\u escape")]
    [InlineData("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1",
        "not valid JSON: The maximum configured depth of 16 has been exceeded")]
    [InlineData("{}", "1:1: listen: missing; at least one \"ADDRESS:PORT\" is required")]
    [InlineData("{}", "1:1: redis: missing; this section is required")]
    // Keys.
    [InlineData("{ \"timeouts\": { \"conect\": \"1s\" } }", "1:17: timeouts.conect: unknown key; did you mean \"connect\"?")]
    [InlineData("{ \"timeouts\": { \"drianDelay\": \"1s\" } }", "unknown key; did you mean \"drainDelay\"?")]
    [InlineData("{ \"sentinels\": {} }", "1:3: sentinels: unknown key; did you mean \"sentinel\"?")]
    [InlineData("{ \"Listen\": [] }", "1:3: Listen: unknown key; did you mean \"listen\"?")]
    [InlineData("{ \"downAfter\": \"5s\" }", "downAfter: unknown key; did you mean \"downAfter\" in section \"sentinel\"?")]
    [InlineData("{ \"limits\": { \"colour\": 1 } }", "limits.colour: unknown key; connections, perSource, parked, refusal are known here")]
    [InlineData("{ \"limits\": { \"parked\": 1,\n \"parked\": 2 } }", "2:2: limits.parked: given twice, first in line 1; remove one")]
    [InlineData("{ \"redis\": 5 }", "1:12: redis: an object is expected, found the number 5")]
    [InlineData("{ \"log\": null }", "1:10: log: an object is expected, found null")]
    // The read-only listener.
    [InlineData("{ \"listen\": [\"127.0.0.1:1\"], \"readOnly\": { \"listen\": [\"127.0.0.1:1\"] } }", "readOnly.listen: 127.0.0.1:1 is an address of listen, "
        + "whose sessions go to the master; choose another port, such as 6380")]
    [InlineData("{ \"readOnly\": {} }", "1:15: readOnly.listen: missing; at least one \"ADDRESS:PORT\" is required")]
    [InlineData("{ \"readOnly\": { \"maxLag\": \"500ms\" } }", "readOnly.maxLag: \"500ms\" is out of range; 1s to 1h is accepted")]
    [InlineData("{ \"readOnly\": { \"master\": \"yes\" } }", "readOnly.master: true or false is expected, found the text \"yes\"")]
    [InlineData(
        "{ \"readOnly\": { \"listen\": [\"127.0.0.1:7\"] }, \"admin\": { \"listen\": \"127.0.0.1:7\" } }", "admin.listen: 127.0.0.1:7 is an address of listen")]
    // Networks.
    [InlineData("{ \"proxyProtocol\": {} }", "1:20: proxyProtocol.from: missing; at least one \"ADDRESS/BITS\" is required, such as [\"172.31.235.188/32\"]")]
    [InlineData(
        "{ \"proxyProtocol\": { \"from\": \"10.0.0.1\" } }", "proxyProtocol.from: an array of \"ADDRESS/BITS\" is expected, found the text \"10.0.0.1\"")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [] } }", "proxyProtocol.from: is empty; at least one \"ADDRESS/BITS\" is required, such as "
        + "[\"172.31.235.188/32\"]")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [1] } }", "proxyProtocol.from[0]: \"ADDRESS/BITS\" is expected, found the number 1")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1/33\"] } }", "proxyProtocol.from[0]: \"10.0.0.1/33\" has a bad number of bits; 0 to 32 is "
        + "accepted for this address")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1/+8\"] } }", "\"10.0.0.1/+8\" has a bad number of bits; 0 to 32")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1/\"] } }", "\"10.0.0.1/\" has a bad number of bits; 0 to 32")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"fd00::1/129\"] } }", "\"fd00::1/129\" has a bad number of bits; 0 to 128")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.1.2.3/8\"] } }", "\"10.1.2.3/8\" has bits beyond the first 8; write 10.0.0.0/8 for the network or "
        + "10.1.2.3/32 for the machine")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.1/16\"] } }", "\"10.1/16\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"010.0.0.1\"] } }", "\"010.0.0.1\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"balancer\"] } }", "\"balancer\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1:6379\"] } }", "\"10.0.0.1:6379\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"fe80::1%1\"] } }", "\"fe80::1%1\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"[fd00::1]\"] } }", "\"[fd00::1]\" is not a network;")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1\", \"10.0.0.1/32\"] } }", "proxyProtocol.from[1]: 10.0.0.1/32 is listed twice; remove one")]
    [InlineData("{ \"proxyProtocol\": { \"from\": [\"10.0.0.1\"], \"timeout\": \"0s\" } }", "proxyProtocol.timeout: \"0s\" is out of range; 100ms to 1m is "
        + "accepted")]
    // Addresses.
    [InlineData("{ \"listen\": \"127.0.0.1:1\" }", "listen: an array of \"ADDRESS:PORT\" is expected, found the text \"127.0.0.1:1\"")]
    [InlineData("{ \"listen\": [] }", "listen: is empty; at least one \"ADDRESS:PORT\" is required")]
    [InlineData("{ \"listen\": [6379] }", "listen[0]: \"ADDRESS:PORT\" is expected, found the number 6379")]
    [InlineData("{ \"listen\": [\"127.0.0.1\"] }", "listen[0]: \"127.0.0.1\" has no port; write ADDRESS:PORT, such as")]
    [InlineData("{ \"listen\": [\"127.0.0.1:0\"] }", "\"127.0.0.1:0\" has a bad port; 1 to 65535 is accepted")]
    [InlineData("{ \"listen\": [\"127.0.0.1:65536\"] }", "has a bad port; 1 to 65535 is accepted")]
    [InlineData("{ \"listen\": [\"127.0.0.1:+1\"] }", "has a bad port; 1 to 65535 is accepted")]
    [InlineData("{ \"listen\": [\"1:6379\"] }", "\"1:6379\" is not an address;")]
    [InlineData("{ \"listen\": [\"127.0.0.01:6379\"] }", "is not an address;")]
    [InlineData("{ \"listen\": [\"redis1:6379\"] }", "Host names are not accepted")]
    [InlineData("{ \"listen\": [\"fd00::1:6379\"] }", "write an IPv6 address in brackets")]
    [InlineData("{ \"listen\": [\"[127.0.0.1]:6379\"] }", "is not an address;")]
    [InlineData("{ \"listen\": [\"127.0.0.1:1\",\n\"127.0.0.1:1\"] }", "2:1: listen[1]: 127.0.0.1:1 is listed twice; remove one")]
    [InlineData("{ \"redis\": { \"nodes\": { \"a\": \"0.0.0.0:6379\" } } }", "redis.nodes.a: \"0.0.0.0:6379\" means every address of this machine")]
    [InlineData("{ \"redis\": { \"nodes\": { \"a\": \"239.0.0.1:6379\" } } }", "is not the address of one machine")]
    // Nodes.
    [InlineData("{ \"redis\": { } }", "1:12: redis.nodes: missing; at least one node")]
    [InlineData("{ \"redis\": { \"nodes\": { } } }", "redis.nodes: is empty; at least one node")]
    [InlineData("{ \"redis\": { \"nodes\": [] } }", "redis.nodes: an object of names and addresses is expected, found an array; for example { \"redis1\": "
        + "\"172.31.235.131:6379\" }")]
    [InlineData("{ \"redis\": { \"nodes\": { \"a b\": \"127.0.0.1:1\" } } }", "redis.nodes: \"a b\" is not a node name")]
    [InlineData("{ \"redis\": { \"nodes\": { \"\": \"127.0.0.1:1\" } } }", "redis.nodes: \"\" is not a node name")]
    [InlineData("{ \"redis\": { \"nodes\": { \"a\": \"127.0.0.1:1\", \"a\": \"127.0.0.1:2\" } } }", "redis.nodes.a: given twice, first in line 1; remove or "
        + "rename one")]
    [InlineData("{ \"redis\": { \"nodes\": { \"a\": \"127.0.0.1:1\", \"b\": \"127.0.0.1:1\" } } }", "redis.nodes.b: 127.0.0.1:1 is a already; each node has "
        + "its own address")]
    [InlineData("{ \"listen\": [\"127.0.0.1:1\"], \"redis\": { \"nodes\": { \"a\": \"127.0.0.1:1\" } } }", "redis.nodes.a: 127.0.0.1:1 is an address of "
        + "listen: the proxy would connect to itself")]
    // Sentinels.
    [InlineData("{ \"sentinel\": { } }", "sentinel.master: missing; it is required")]
    [InlineData("{ \"sentinel\": { } }", "sentinel.nodes: missing; at least one \"ADDRESS:PORT\" is required")]
    [InlineData("{ \"sentinel\": { \"master\": \"\" } }", "sentinel.master: is empty; remove the key or give a value")]
    [InlineData("{ \"sentinel\": { \"master\": \"my master\" } }", "sentinel.master: \"my master\" is not accepted: required; no blanks")]
    // Users and secrets.
    [InlineData("{ \"redis\": { \"user\": \"u\" } }", "redis.user: has no effect without redis.passwordFile; add it, or remove the user")]
    [InlineData("{ \"sentinel\": { \"user\": \"u\" } }", "sentinel.user: has no effect without sentinel.passwordFile")]
    [InlineData("{ \"admin\": { \"user\": \"u\" } }", "admin.user: has no effect without admin.passwordFile")]
    [InlineData("{ \"admin\": { \"metricsUser\": \"m\" } }", "admin.metricsUser: has no effect without admin.metricsPasswordFile")]
    [InlineData("{ \"admin\": { \"metricsPasswordFile\": \"admin.password\" } }", "admin.metricsPasswordFile: has no effect without admin.passwordFile")]
    [InlineData("{ \"admin\": { \"passwordFile\": \"admin.password\", \"metricsPasswordFile\": \"admin.password\", \"metricsUser\": \"admin\" } }",
        "admin.metricsUser: admin is the user of admin.user")]
    [InlineData("{ \"admin\": { \"user\": \"a:b\" } }", "admin.user: \"a:b\" is not accepted: no blanks, no colon")]
    [InlineData("{ \"redis\": { \"passwordFile\": \"absent\" } }", "redis.passwordFile: FOLDER/absent does not exist")]
    [InlineData("{ \"redis\": { \"passwordFile\": \".\" } }", "redis.passwordFile: FOLDER is a directory; a file is expected")]
    [InlineData("{ \"redis\": { \"passwordFile\": \"\" } }", "redis.passwordFile: is not a path; remove the key or give a file")]
    [InlineData("{ \"redis\": { \"passwordFile\": 7 } }", "redis.passwordFile: a path is expected, found the number 7")]
    // Admin.
    [InlineData("{ \"listen\": [\"127.0.0.1:1\"], \"admin\": { \"listen\": \"127.0.0.1:1\" } }", "admin.listen: 127.0.0.1:1 is an address of listen, where the "
        + "clients connect")]
    [InlineData(
        "{ \"admin\": { \"socket\": \"/run/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012\" } }",
        "is longer than 107 bytes, the limit of a Unix socket's path")]
    [InlineData("{ \"recording\": { } }", "recording.file: missing; it is required")]
    [InlineData("{ \"recording\": { \"file\": \".\" } }", "recording.file: FOLDER is a directory; a file is expected")]
    [InlineData("{ \"recording\": { \"maxBytes\": 1 } }", "recording.maxBytes: 1 is not accepted; a whole number from 1000000 to 10000000000 is expected")]
    // Durations, numbers, words.
    [InlineData("{ \"timeouts\": { \"park\": 10 } }", "timeouts.park: a duration in quotes is expected, found the number 10; for example \"10s\"")]
    [InlineData("{ \"timeouts\": { \"park\": \"10\" } }", "timeouts.park: \"10\" is not a duration; write a whole number and ms, s, m or h")]
    [InlineData("{ \"timeouts\": { \"park\": \"-1s\" } }", "\"-1s\" is not a duration")]
    [InlineData("{ \"timeouts\": { \"park\": \"1.5s\" } }", "\"1.5s\" is not a duration")]
    [InlineData("{ \"timeouts\": { \"park\": \"9999999999s\" } }", "\"9999999999s\" is not a duration")]
    [InlineData("{ \"timeouts\": { \"connect\": \"0s\" } }", "timeouts.connect: \"0s\" is out of range; 10ms to 10m is accepted")]
    [InlineData("{ \"timeouts\": { \"idle\": \"500ms\" } }", "timeouts.idle: \"500ms\" is out of range; 0s, or 1s to 168h is accepted")]
    [InlineData("{ \"redis\": { \"probeInterval\": \"1ms\" } }", "redis.probeInterval: \"1ms\" is out of range; 10ms to 10s is accepted")]
    [InlineData("{ \"limits\": { \"refusal\": \"\" } }", "limits.refusal: \"\" is not accepted: an error code in capitals, then a text")]
    [InlineData("{ \"limits\": { \"refusal\": \"-ERR x\" } }", "limits.refusal: \"-ERR x\" is not accepted")]
    [InlineData("{ \"limits\": { \"refusal\": \"ERR x\\r\\n+OK\" } }", "limits.refusal: \"ERR x")]
    [InlineData("{ \"limits\": { \"refusal\": \"ERR \u00fc\" } }", "limits.refusal: \"ERR ")]
    [InlineData("{ \"limits\": { \"refusal\": 5 } }", "limits.refusal: a text is expected, found the number 5")]
    [InlineData("{ \"limits\": { \"connections\": 0 } }", "limits.connections: 0 is not accepted; a whole number from 1 to 1000000 is expected")]
    [InlineData("{ \"limits\": { \"connections\": 1.5 } }", "limits.connections: 1.5 is not accepted")]
    [InlineData("{ \"limits\": { \"connections\": 1e3 } }", "limits.connections: 1e3 is not accepted")]
    [InlineData("{ \"limits\": { \"connections\": 99999999999999999999 } }", "limits.connections: 99999999999999999999 is not accepted")]
    [InlineData("{ \"limits\": { \"connections\": \"10\" } }", "limits.connections: a whole number is expected, found the text \"10\"")]
    [InlineData("{ \"log\": { \"level\": \"loud\" } }", "log.level: \"loud\" is not accepted; one of trace, debug, info, warning, error is expected")]
    [InlineData("{ \"log\": { \"sessions\": \"yes\" } }", "log.sessions: true or false is expected, found the text \"yes\"")]
    public void Each_mistake_is_named_with_its_place_and_cause(string content, string expected)
    {
        var reading = Read(content);

        Assert.Null(reading.Configuration);
        string file = Path.Combine(_folder.Path, "proxy.json");
        Assert.All(reading.Errors, e => Assert.StartsWith(file + ":", e.ToString(), StringComparison.Ordinal));
        Assert.Contains(
            reading.Errors, e => e.ToString().Contains(expected.Replace("FOLDER", _folder.Path, StringComparison.Ordinal), StringComparison.Ordinal));
        Assert.All(reading.Errors, e => Assert.DoesNotContain('\n', e.ToString()));
    }

    [Fact]
    public void All_mistakes_are_listed_together_in_file_order()
    {
        var reading = Read("""
            { "listen": ["nowhere"],
              "redis": { "nodes": { "a": "127.0.0.1:0" } },
              "limits": { "connections": 0 },
              "timeout": {} }
            """);

        Assert.Equal(
            [(1, "listen[0]"), (2, "redis.nodes.a"), (3, "limits.connections"), (4, "timeout")], reading.Errors.Select(e => (e.Position!.Value.Line, e.Key)));
    }

    [Fact]
    public void A_recording_without_a_folder_is_a_warning_because_a_proxy_serves_without_it()
    {
        var reading = Read("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" } }, "recording": { "file": "absent/x" } }""");

        Assert.Empty(reading.Errors);
        var warning = Assert.Single(reading.Warnings);
        Assert.Equal(("recording.file", $"the folder of {_folder.Path}/absent/x does not exist, so nothing is recorded until it does; create it"),
            (warning.Key, warning.Cause));
    }

    [Fact]
    public void A_byte_order_mark_is_skipped_and_bytes_that_are_no_UTF8_are_refused()
    {
        string file = _folder.Write("proxy.json", "");
        File.WriteAllBytes(file, [0xEF, 0xBB, 0xBF, .. "{ \"listen\": [\"127.0.0.1:1\"], \"redis\": { \"nodes\": { \"a\": \"127.0.0.2:1\" } } }"u8]);
        Assert.Empty(ConfigurationReader.Read(file).Errors);

        File.WriteAllBytes(file, [.. "{\n  \"listen"u8, 0xC3, 0x28]);
        Assert.Equal($"{file}:2:10: not UTF-8", Assert.Single(ConfigurationReader.Read(file).Errors).ToString());
    }

    [Theory]
    [InlineData("", "is empty; one line with the secret is expected")]
    [InlineData("\n", "is empty; one line with the secret is expected")]
    [InlineData("a\nb\n", "holds more than one line, or control characters")]
    [InlineData("a\0b", "holds more than one line, or control characters")]
    public void A_file_that_holds_no_secret_is_refused(string content, string cause)
    {
        string secret = _folder.Write("secret", content);

        var error = Assert.Single(ReadWithSecret().Errors);

        Assert.Equal("redis.passwordFile", error.Key);
        Assert.StartsWith($"{secret} {cause}", error.Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_that_others_can_read_is_a_warning_and_one_that_others_can_write_an_error()
    {
        string secret = _folder.Write("secret", "s", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var reading = ReadWithSecret();
        Assert.Empty(reading.Errors);
        Assert.Equal($"{secret} can be read by every user; chmod 600 it", Assert.Single(reading.Warnings).Cause);

        _folder.Write("secret", "s", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        Assert.Contains("can be written by every user", Assert.Single(ReadWithSecret().Errors).Cause, StringComparison.Ordinal);
    }

    [Fact]
    public void No_secret_is_in_the_text_of_the_settings_or_of_a_problem()
    {
        _folder.Write("secret", "hunter2hunter2");
        var reading = Read("""
            { "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" }, "passwordFile": "secret" },
              "admin": { "listen": "0.0.0.0:2", "passwordFile": "secret" } }
            """);

        Assert.NotNull(reading.Configuration);
        Assert.DoesNotContain("hunter2", reading.Configuration.ToString(), StringComparison.Ordinal);
        Assert.Equal("admin", reading.Configuration.Admin!.User);
    }

    [Fact]
    public void Risky_settings_are_warned_about()
    {
        var reading = Read("""
            { "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" } },
              "proxyProtocol": { "from": ["10.0.0.0/8", "0.0.0.0/0"] },
              "sentinel": { "master": "m", "nodes": ["127.0.0.1:2"] },
              "admin": { "listen": "0.0.0.0:3" } }
            """);

        Assert.Empty(reading.Errors);
        Assert.Equal(["proxyProtocol.from", "sentinel.nodes", "admin.listen"], reading.Warnings.Select(w => w.Key));
    }

    private ConfigurationReading ReadWithSecret() =>
        Read("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" }, "passwordFile": "secret" } }""");

    private ConfigurationReading Read(string content) => ConfigurationReader.Read(_folder.Write("proxy.json", content));
}
