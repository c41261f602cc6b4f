// The shell scripts and units as tools see them: shellcheck on what is committed and on what is rendered, systemd-analyze on units.

using System.Reflection;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ScriptQualityTests
{
    private static readonly Assembly Infra = typeof(NodePayload).Assembly;

    [SkippableFact]
    public async Task Shellcheck_has_nothing_to_say_about_the_committed_scripts()
    {
        Skip.IfNot(Installed.Has("shellcheck"), "shellcheck is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-scripts").FullName;
        try
        {
            string[] scripts = [.. Infra.GetManifestResourceNames().Where(name => name.EndsWith(".sh", StringComparison.Ordinal))];
            Assert.True(scripts.Length >= 9);
            foreach (string script in scripts)
            {
                string path = Path.Combine(directory, script);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllTextAsync(path, Template.Read(script));
            }
            ShellResult result = await Shell.RunAsync("shellcheck", ["-x", .. scripts.Select(script => Path.Combine(directory, script))],
                timeout: TimeSpan.FromMinutes(3));

            Assert.True(result.ExitCode == 0, result.ToString());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [SkippableFact]
    public async Task Shellcheck_has_nothing_to_say_about_the_rendered_payloads()
    {
        Skip.IfNot(Installed.Has("shellcheck"), "shellcheck is not installed");
        foreach (string script in Payloads())
        {
            ShellResult result = await Shell.RunAsync("shellcheck", ["-"], script);

            Assert.True(result.ExitCode == 0, result.ToString());
        }
    }

    [Fact]
    public void Every_script_stops_at_its_first_error()
    {
        foreach (string name in Infra.GetManifestResourceNames().Where(name => name.EndsWith(".sh", StringComparison.Ordinal)))
        {
            string text = Template.Read(name);
            bool sourced = text.StartsWith("# shellcheck shell=bash\n", StringComparison.Ordinal);
            Assert.True(sourced || text.Contains("\nset -euo pipefail\n", StringComparison.Ordinal), name);
        }
    }

    // A reader that leaves at its first match ends the writer by a signal, and with pipefail a match becomes a failure, now and then.
    [Fact]
    public void No_pipe_ends_in_a_quiet_grep()
    {
        string[] files = [.. new[] { "scripts", "infra/Nodes/Files" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))];
        Assert.True(files.Length > 60);
        Assert.Empty(files.SelectMany(file => File.ReadLines(file).Where(line => Regex.IsMatch(line, @"[^|]\|\s*grep -[A-Za-z]*q"))
            .Select(line => $"{file}: {line.Trim()}")));
    }

    // With a circle systemd leaves out one of the units at each boot, and which one is chance: the network, for example.
    [SkippableFact]
    public async Task The_firewall_waits_for_nothing_that_waits_for_the_network()
    {
        Skip.IfNot(Installed.Has("systemd-analyze"), "systemd-analyze is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-boot").FullName;
        try
        {
            // The order of a cloud image: cloud-init waits for the network, and sysinit.target for cloud-init.
            Dictionary<string, string> units = new()
            {
                ["sysinit.target"] = "[Unit]\nDefaultDependencies=no\nWants=cloud-init.service\nAfter=cloud-init.service\n",
                ["basic.target"] = "[Unit]\nRequires=sysinit.target\nWants=timers.target\nAfter=sysinit.target timers.target\n",
                ["timers.target"] = "[Unit]\nDefaultDependencies=no\nWants=redis-ha-firewall.timer\n",
                ["multi-user.target"] = "[Unit]\nRequires=basic.target\nAfter=basic.target\nWants=redis-ha-firewall.service systemd-networkd.service\n",
                ["network-pre.target"] = "[Unit]\n",
                ["shutdown.target"] = "[Unit]\nDefaultDependencies=no\n",
                ["local-fs.target"] = "[Unit]\nDefaultDependencies=no\n",
                ["systemd-networkd.service"] = "[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\n[Service]\nExecStart=/bin/true\n",
                ["cloud-init.service"] =
                    "[Unit]\nDefaultDependencies=no\nWants=systemd-networkd.service\nAfter=systemd-networkd.service\nBefore=sysinit.target\n"
                    + "[Service]\nType=oneshot\nExecStart=/bin/true\n",
                ["redis-ha-firewall.service"] = Template.Read("common/redis-ha-firewall.service")
                    .Replace("/usr/local/libexec/redis-ha/firewall.sh", "-c true", StringComparison.Ordinal),
                ["redis-ha-firewall.timer"] = Template.Read("common/redis-ha-firewall.timer"),
            };
            foreach ((string unit, string text) in units)
            {
                await File.WriteAllTextAsync(Path.Combine(directory, unit), text);
            }
            ShellResult result = await Shell.RunAsync("systemd-analyze", ["verify", "--man=no", Path.Combine(directory, "multi-user.target")],
                environment: new Dictionary<string, string> { ["SYSTEMD_UNIT_PATH"] = directory });

            Assert.DoesNotContain("ordering cycle", result.Output + result.Error, StringComparison.Ordinal);
            Assert.Equal(0, result.ExitCode);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // A port stands once, in Ports; the files name it.
    [Fact]
    public void No_file_of_a_node_holds_the_number_of_a_port()
    {
        string folder = Path.Combine(Repository.Root, "infra", "Nodes", "Files");
        var port = new Regex($@"(?<!\d)({Ports.Redis}|{Ports.Sentinel}|{Ports.Admin})(?!\d)");
        IEnumerable<string> found =
            from file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            from line in File.ReadLines(file).Select((text, index) => (text, number: index + 1))
            where port.IsMatch(line.text)
            select $"{Path.GetRelativePath(folder, file)}:{line.number}: {line.text.Trim()}";

        Assert.Empty(found);
        Assert.Contains("change 26379 ", Template.Read("redis/passwords.sh").Replace("'", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Systemd_takes_the_units()
    {
        Skip.IfNot(Installed.Has("systemd-analyze"), "systemd-analyze is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-units").FullName;
        try
        {
            // The programs of the units need not be here: verify looks for them, so the units name one that is.
            foreach ((string unit, string text) in Units())
            {
                await File.WriteAllTextAsync(
                    Path.Combine(directory, unit), text.Replace("/usr/local/bin/redis-ha-proxy", "/bin/true", StringComparison.Ordinal));
            }
            foreach (string service in new[] { "redis", "sentinel" })
            {
                string dropIn = PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Redis()).ApplyScript, $"{service}.dropin.conf")
                    .Replace("/usr/bin/redis-server", "/bin/true", StringComparison.Ordinal)
                        .Replace("/usr/bin/redis-sentinel", "/bin/true", StringComparison.Ordinal);
                string unit = service == "redis" ? "redis-server.service" : "redis-sentinel.service";
                await File.WriteAllTextAsync(Path.Combine(directory, unit), "[Service]\nType=notify\n");
                Directory.CreateDirectory(Path.Combine(directory, $"{unit}.d"));
                await File.WriteAllTextAsync(Path.Combine(directory, $"{unit}.d", "redis-ha.conf"), dropIn);
            }
            ShellResult result = await Shell.RunAsync("systemd-analyze", ["verify", "--man=no", .. Directory.GetFiles(directory, "*.*r*")],
                environment: new Dictionary<string, string> { ["SYSTEMD_UNIT_PATH"] = $"{directory}:" });

            string[] complaints = [.. result.Error.Split('\n').Where(line => line.Contains("redis", StringComparison.Ordinal))];
            Assert.True(result.ExitCode == 0 && complaints.Length == 0, result.ToString());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    // The bar is systemd's own measure, from 0 (nothing that an attacker could use) to 10; 2.0 is written 20 here.
    [SkippableFact]
    public async Task No_unit_is_exposed_beyond_what_it_needs()
    {
        Skip.IfNot(Installed.Has("systemd-analyze"), "systemd-analyze is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-units").FullName;
        try
        {
            // What mounts for all can have no name space of its own, which most of the measure is about.
            List<(string Unit, string Text)> units = [.. Units().Where(unit => unit.Unit.EndsWith(".service", StringComparison.Ordinal)
                && unit.Unit != "redis-ha-data.service")];
            Assert.Superset(
                new HashSet<string>(["redis-ha-firewall.service", "redis-ha-joined.service", "redis-ha-proxy.service", "redis-ha-hand-over.service"]),
                units.Select(unit => unit.Unit).ToHashSet());
            // The distributions' units with our drop-ins, even where they bring no protection of their own (as on Oracle Linux).
            string redis = NodePayload.Of(PayloadInputs.Redis()).ApplyScript;
            units.Add(("redis-server.service", "[Service]\nUser=redis\nGroup=redis\nType=notify\n" + PayloadInputs.FileOf(redis, "redis.dropin.conf")));
            units.Add(("redis-sentinel.service", "[Service]\nUser=redis\nGroup=redis\nType=notify\n" + PayloadInputs.FileOf(redis, "sentinel.dropin.conf")));
            foreach ((string unit, string text) in units)
            {
                string path = Path.Combine(directory, unit);
                await File.WriteAllTextAsync(path, text);
                ShellResult result = await Shell.RunAsync("systemd-analyze", ["security", "--no-pager", "--offline=true", "--threshold=20", path]);

                Assert.True(result.ExitCode == 0, result.ToString());
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string[] Payloads() =>
        [NodePayload.Of(PayloadInputs.Redis() with { Backup = PayloadInputs.Backup, DataVolumeGb = 50, Metrics = PayloadInputs.Metrics }).ApplyScript,
            NodePayload.Of(PayloadInputs.Proxy()).ApplyScript,
            NodePayload.Of(PayloadInputs.Proxy() with { Options = new ProxyOptions { HandsOver = true } }).ApplyScript];

    // Every unit of ours, whatever payload it is in.
    private static IEnumerable<(string Unit, string Text)> Units() =>
        Payloads()
            .SelectMany(script => Regex.Matches(script, @"cat >""\$payload/(redis-ha-[a-z-]+@?\.(?:service|timer|path|socket))""")
                .Select(match => match.Groups[1].Value)
                .Select(unit => (Unit: unit, Text: PayloadInputs.FileOf(script, unit))))
            .DistinctBy(unit => unit.Unit);
}
