// The shell scripts and units as tools see them: shellcheck on what is committed and on what is rendered, systemd-analyze on units.

using System.Reflection;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ScriptQualityTests
{
    private static readonly Assembly Infra = typeof(NodePayload).Assembly;

    [SkippableFact]
    public async Task Shellcheck_has_nothing_to_say_about_the_committed_scripts()
    {
        Skip.IfNot(Shell.Has("shellcheck"), "shellcheck is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-scripts").FullName;
        try
        {
            string[] scripts = [.. Infra.GetManifestResourceNames().Where(name => name.EndsWith(".sh", StringComparison.Ordinal) && name.Split('/')[0] is "common" or "redis" or "proxy")];
            Assert.True(scripts.Length >= 9);
            foreach (string script in scripts)
            {
                string path = Path.Combine(directory, script);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllTextAsync(path, Template.Read(script));
            }
            ShellResult result = await Shell.RunAsync("shellcheck", ["-x", .. scripts.Select(script => Path.Combine(directory, script))]);

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
        Skip.IfNot(Shell.Has("shellcheck"), "shellcheck is not installed");
        foreach (string script in new[] { NodePayload.ApplyScript(PayloadInputs.Redis()), NodePayload.ApplyScript(PayloadInputs.Proxy()) })
        {
            ShellResult result = await Shell.RunAsync("shellcheck", ["-"], script);

            Assert.True(result.ExitCode == 0, result.ToString());
        }
    }

    [Fact]
    public void Every_script_stops_at_its_first_error()
    {
        foreach (string name in Infra.GetManifestResourceNames().Where(name => name.EndsWith(".sh", StringComparison.Ordinal) && name.Split('/')[0] is "common" or "redis" or "proxy"))
        {
            string text = Template.Read(name);
            bool sourced = text.StartsWith("# shellcheck shell=bash\n", StringComparison.Ordinal);
            Assert.True(sourced || text.Contains("\nset -euo pipefail\n", StringComparison.Ordinal), name);
        }
    }

    [SkippableFact]
    public async Task Systemd_takes_the_units()
    {
        Skip.IfNot(Shell.Has("systemd-analyze"), "systemd-analyze is not installed");
        string directory = Directory.CreateTempSubdirectory("redis-ha-units").FullName;
        try
        {
            // The programs of the units need not be here: verify looks for them, so the units name one that is.
            foreach (string script in new[] { NodePayload.ApplyScript(PayloadInputs.Redis()), NodePayload.ApplyScript(PayloadInputs.Proxy()) })
            {
                foreach (string unit in new[] { "redis-ha-metadata.service", "redis-ha-thp.service", "redis-ha-joined.service", "redis-ha-proxy.service" })
                {
                    if (script.Contains($"$payload/{unit}\"", StringComparison.Ordinal))
                    {
                        string text = PayloadInputs.FileOf(script, unit)
                            .Replace("/usr/sbin/nft", "/bin/true", StringComparison.Ordinal)
                            .Replace("/usr/local/lib/redis-ha/joined.sh", "/bin/true", StringComparison.Ordinal)
                            .Replace("/usr/local/bin/redis-ha-proxy", "/bin/true", StringComparison.Ordinal);
                        await File.WriteAllTextAsync(Path.Combine(directory, unit), text);
                    }
                }
            }
            string redis = PayloadInputs.FileOf(NodePayload.ApplyScript(PayloadInputs.Redis()), "redis.dropin.conf")
                .Replace("/usr/local/lib/redis-ha/boot-rule.sh", "/bin/true", StringComparison.Ordinal)
                .Replace("/usr/bin/redis-server", "/bin/true", StringComparison.Ordinal);
            await File.WriteAllTextAsync(Path.Combine(directory, "redis-server.service"), "[Service]\nType=notify\n");
            Directory.CreateDirectory(Path.Combine(directory, "redis-server.service.d"));
            await File.WriteAllTextAsync(Path.Combine(directory, "redis-server.service.d", "redis-ha.conf"), redis);
            ShellResult result = await Shell.RunAsync("systemd-analyze", ["verify", "--man=no", .. Directory.GetFiles(directory, "*.service")],
                environment: new Dictionary<string, string> { ["SYSTEMD_UNIT_PATH"] = $"{directory}:" });

            string[] complaints = [.. result.Error.Split('\n').Where(line => line.Contains("redis", StringComparison.Ordinal))];
            Assert.True(result.ExitCode == 0 && complaints.Length == 0, result.ToString());
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
