// The apply script of a proxy node: what it installs, what it fetches, and what it leaves alone when the proxy refuses its configuration.

using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ApplyProxyTests
{
    private const string Bundle = "#!/bin/bash\n[ ! -e \"$MACHINE/refuse\" ] || { echo 'proxy.json: listen: \"x\" is no address' >&2; exit 2; }\n"
        + "case ${1:-} in completion) echo \"complete $2\" ;; man) echo .TH ;; esac\n";

    [Fact]
    public async Task A_proxys_first_boot_fetches_nothing()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).FirstBootScript));
        Assert.Equal(["awaits-secrets"], machine.Markers);
        Assert.DoesNotMatch("(?m)^curl |redis-ha-proxy.service", machine.Calls);

        // A whole payload that fails leaves its reason, and the next one everything.
        machine.Write("refuse", "1");
        Assert.Equal(1, (await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript)).ExitCode);
        Assert.Equal(["failed"], machine.Markers);
        File.Delete(Path.Combine(machine.Root, "../refuse"));
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        Assert.Equal(["configured", "ready"], machine.Markers);
        Assert.True(machine.Exists("active/redis-ha-proxy.service"), machine.Calls);
    }

    [Theory]
    [InlineData("ubuntu")]
    [InlineData("ol")]
    public async Task A_proxy_node_is_applied_once_and_a_second_time_changes_nothing(string distribution)
    {
        using var machine = new Machine(distribution);
        machine.Write("bundle", Bundle);
        string script = NodePayload.Of(Proxy()).ApplyScript;

        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(Bundle, machine.InRoot("/usr/local/bin/redis-ha-proxy"));
        Assert.True(machine.Exists("active/redis-ha-proxy.service"), machine.Calls);
        Assert.Contains("/very-secret-token/", machine.Read("curl-config"), StringComparison.Ordinal);
        Assert.DoesNotContain("very-secret-token", machine.Calls + machine.InRoot("/var/lib/redis-ha/apply.log"), StringComparison.Ordinal);
        Assert.Matches("(?m)^setpriv --reuid=redis-ha-proxy .* -- .*/usr/local/bin/redis-ha-proxy.redis-ha-new check .*/proxy.json$", machine.Calls);
        Assert.Equal(("complete bash\n", ".TH\n"),
            (machine.InRoot("/usr/share/bash-completion/completions/redis-ha-proxy"), machine.InRoot("/usr/share/man/man8/redis-ha-proxy.8")));
        Assert.Equal("../local/bin/redis-ha-proxy", new FileInfo(Path.Combine(machine.Root, "usr/bin/redis-ha-proxy")).LinkTarget);
        Assert.True(Directory.Exists(Path.Combine(machine.Root, "var/lib/redis-ha-proxy")));
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(machine.Root, "etc/redis-ha-proxy/redis.password")));
        }

        IReadOnlyDictionary<string, string> before = machine.Files();
        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(before, machine.Files());
        Assert.DoesNotMatch("(?m)^curl |^systemctl restart redis-ha-proxy", machine.Calls);
    }

    [Fact]
    public async Task A_configuration_that_the_proxy_refuses_leaves_the_running_one_alone()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        string before = machine.InRoot("/etc/redis-ha-proxy/proxy.json");

        machine.Write("refuse", "1");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(Proxy() with { Options = new ProxyOptions { MaxConnections = 77 } }).ApplyScript);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("the running proxy is left as it is: proxy.json: listen:", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal(before, machine.InRoot("/etc/redis-ha-proxy/proxy.json"));
        Assert.DoesNotMatch("(?m)^systemctl restart redis-ha-proxy", machine.Calls);
        Assert.Empty(Directory.GetDirectories(Path.Combine(machine.Root, "etc/redis-ha-proxy")));
    }

    [Fact]
    public async Task A_new_certificate_is_taken_without_a_restart_and_one_that_is_gone_leaves_nothing()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);
        ProxyNodeInputs with = Proxy() with
        {
            Options = new ProxyOptions { ClientPorts = [new ClientPort(ClientPortKind.Plain, 6379), new ClientPort(ClientPortKind.Tls, 6380)] },
            Tls = new TlsFiles("first certificate\n", "first key\n", "authorities\n"),
        };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with).ApplyScript));
        Assert.Equal("first key\n", machine.InRoot("/etc/redis-ha-proxy/tls.key"));
        Assert.DoesNotMatch("(?m)^systemctl reload redis-ha-proxy", machine.Calls);
        Assert.Equal(1, Restarts());

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with with { Tls = new TlsFiles("next certificate\n", "next key\n", null) }).ApplyScript));
        Assert.Equal("next certificate\n", machine.InRoot("/etc/redis-ha-proxy/tls.crt"));
        Assert.False(machine.Exists("root/etc/redis-ha-proxy/clients-ca.crt"));
        Assert.Single(Regex.Matches(machine.Calls, "(?m)^systemctl reload redis-ha-proxy"));
        Assert.Equal(0, Restarts());

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        Assert.False(machine.Exists("root/etc/redis-ha-proxy/tls.key") || machine.Exists("root/etc/redis-ha-proxy/tls.crt"));
        Assert.Equal(1, Restarts());

        int Restarts() => Regex.Count(machine.Calls, "(?m)^systemctl restart redis-ha-proxy");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_helper_of_the_hand_over_is_installed_once_and_may_be_refused(bool refused)
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);
        if (refused)
        {
            machine.StandIn("systemctl", """
                for unit; do :; done
                case $1 in
                  is-active) [ -e "$MACHINE/active/$unit" ] ;;
                  restart) [ "$unit" != redis-ha-hand-over.service ] && touch "$MACHINE/active/$unit" ;;
                esac
                """);
        }

        string script = NodePayload.Of(Proxy() with { Options = new ProxyOptions { HandsOver = true, MaxConnections = 500 } }).ApplyScript;
        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Contains("--socket /run/redis-ha-hand-over/socket --sessions 500\n",
            machine.InRoot("/etc/systemd/system/redis-ha-hand-over.service"), StringComparison.Ordinal);
        Assert.Matches(@"(?m)^Wants=.*\bredis-ha-hand-over\.service", machine.InRoot("/etc/systemd/system/redis-ha-proxy.service"));
        Assert.Contains("\nREDIS_HA_HAND_OVER=yes\n", machine.InRoot("/etc/redis-ha/node.env"), StringComparison.Ordinal);
        Assert.Contains("\"socket\": \"/run/redis-ha-hand-over/socket\"", machine.InRoot("/etc/redis-ha-proxy/proxy.json"), StringComparison.Ordinal);
        Assert.Single(Restarts());
        Assert.Equal(refused, machine.InRoot("/var/lib/redis-ha/apply.log").Contains("no session is handed over to the kernel", StringComparison.Ordinal));

        machine.Succeeds(await machine.ApplyAsync(script));
        Assert.Equal(refused ? 1 : 0, Restarts().Count);

        // Turned off, what a machine without it gets; the unit that is left looks into node.env.
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        Assert.DoesNotContain("HAND_OVER", machine.InRoot("/etc/redis-ha/node.env"), StringComparison.Ordinal);
        Assert.DoesNotContain("handOver", machine.InRoot("/etc/redis-ha-proxy/proxy.json"), StringComparison.Ordinal);
        Assert.Matches("(?m)^systemctl restart redis-ha-proxy", machine.Calls);

        MatchCollection Restarts() => Regex.Matches(machine.Calls, "(?m)^systemctl restart redis-ha-hand-over");
    }

    [Fact]
    public async Task The_scrapers_password_is_roots_alone_and_is_a_credential_of_the_service_while_there_is_such_an_account()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        const string Credential = "\nLoadCredential=metrics.password:/etc/redis-ha-proxy/metrics.password\n";
        Assert.DoesNotContain("metrics", machine.InRoot("/etc/systemd/system/redis-ha-proxy.service"), StringComparison.Ordinal);

        ProxyNodeInputs with = Proxy() with { Options = new ProxyOptions { HasMetricsReader = true }, Passwords = Passwords("numbers", "numbers-before") };
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with).ApplyScript));
        Assert.Equal("numbers\nnumbers-before\n", machine.InRoot("/etc/redis-ha-proxy/metrics.password"));
        Assert.Contains(Credential, machine.InRoot("/etc/systemd/system/redis-ha-proxy.service"), StringComparison.Ordinal);
        Assert.Contains("\"metricsPasswordFile\": \"metrics.password\"", machine.InRoot("/etc/redis-ha-proxy/proxy.json"), StringComparison.Ordinal);
        if (OperatingSystem.IsLinux())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite,
                File.GetUnixFileMode(Path.Combine(machine.Root, "etc/redis-ha-proxy/metrics.password")));
        }
        Assert.Equal(1, Restarts());
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with).ApplyScript));
        Assert.Equal(0, Restarts());
        // systemd copies credentials at the service's start.
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(with with { Passwords = Passwords("numbers", null) }).ApplyScript));
        Assert.Equal(1, Restarts());

        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        Assert.False(machine.Exists("root/etc/redis-ha-proxy/metrics.password"));
        Assert.Equal(1, Restarts());

        int Restarts() => Regex.Count(machine.Calls, "(?m)^systemctl restart redis-ha-proxy");
        static NodePasswords Passwords(string inUse, string? former) => PayloadInputs.Passwords with
        {
            Metrics = inUse,
            Former = former is null ? null : PayloadInputs.Passwords with { Metrics = former },
        };
    }

    [Fact]
    public async Task A_bundle_that_is_not_the_one_is_never_used()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", "#!/bin/bash\ntouch \"$MACHINE/run\"\n");
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript);

        Assert.Equal(1, result.ExitCode);
        Assert.Contains("has SHA-256", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.False(machine.Exists("run"));
        Assert.False(machine.Exists("root/usr/local/bin/redis-ha-proxy") || machine.Exists("root/usr/local/bin/redis-ha-proxy.redis-ha-new"));
    }

    [Fact]
    public async Task The_local_ports_of_a_proxy_are_those_that_the_settings_count_with()
    {
        using var machine = new Machine("ubuntu");
        machine.Write("bundle", Bundle);
        machine.Write("root/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript));
        Assert.Equal($"{LocalPorts.First} {LocalPorts.Last}\n", machine.InRoot("/proc/sys/net/ipv4/ip_local_port_range"));
        Assert.All([1936, 6379], port => Assert.False(port is >= LocalPorts.First and <= LocalPorts.Last));

        // The kernel answers with a tab: the same value all the same.
        machine.Write("root/proc/sys/net/ipv4/ip_local_port_range", $"{LocalPorts.First}\t{LocalPorts.Last}\n");
        ShellResult again = await machine.ApplyAsync(NodePayload.Of(Proxy()).ApplyScript);
        machine.Succeeds(again);
        Assert.DoesNotContain("ip_local_port_range", again.Output, StringComparison.Ordinal);
    }

    private static ProxyNodeInputs Proxy() =>
        PayloadInputs.Proxy() with { BundleSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Bundle))) };
}
