// The host's own rules with real nftables, in network namespaces of this test: which segments that open a connection leave the machine.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class FirewallTests
{
    // In the node's namespace; the other one is everybody else's, and notes who was asked for a connection. Accounts by number.
    private const string Network = """
        set -euo pipefail
        ip link add node type veth peer name others netns "$others"
        ip addr add 10.9.0.131/24 dev node
        ip link set node up
        ip route add 169.254.169.254 dev node
        elsewhere() { nsenter --target "$others" --net -- "$@"; }
        elsewhere bash -c 'for a in 10.9.0.132/24 10.9.0.133/24 10.9.0.66/24 169.254.169.254/32; do ip addr add $a dev others; done; ip link set others up'
        elsewhere nft -f - <<'RULES'
        table ip seen {
          set asked { type ipv4_addr . inet_service; flags dynamic; }
          chain input {
            type filter hook input priority 0;
            tcp flags & (syn | ack) == syn add @asked { ip daddr . tcp dport }
            meta l4proto udp add @asked { ip daddr . udp dport }
          }
        }
        RULES
        rules() { bash "$REDIS_HA_ROOT/usr/local/libexec/redis-ha/firewall.sh"; }
        # connects ACCOUNT ADDRESS PORT [PROTOCOL]: what the others saw of it.
        connects() {
          setpriv --reuid="$1" --regid="$1" --clear-groups -- timeout 2 bash -c "echo x >/dev/${4:-tcp}/$2/$3" 2>/dev/null || true
          if elsewhere nft list set ip seen asked | grep -q -F "$2 . $3"; then echo "$1 $2:$3 ${4:-tcp} yes"; else echo "$1 $2:$3 ${4:-tcp} no"; fi
          elsewhere nft flush set ip seen asked
        }

        """;

    private const string Accounts = """
        case $2 in root) echo 0 ;; redis) echo 61001 ;; redis-ha) echo 61002 ;; snap_daemon) [ -e "$MACHINE/snap" ] && echo 61009 ;; *) exit 1 ;; esac
        """;

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task Redis_reaches_its_cluster_and_nobody_else_and_the_rules_come_back()
    {
        SkipWithoutNamespaces();
        using Machine machine = await AppliedAsync();
        ShellResult result = await InNamespaceAsync(machine, """
            rules
            for account in 61001 61002; do
              for target in '10.9.0.132 6379' '10.9.0.133 26379' '10.9.0.132 80' '10.9.0.66 6379' '10.9.0.66 26379' '10.9.0.132 53 udp'; do connects $account $target; done
            done
            connects 0 10.9.0.66 6379
            nft list table inet redis_ha_egress | grep -o 'tcp counter packets [0-9]*'
            echo 'nothing to do:'
            rules
            echo 'flushed:'
            nft flush ruleset
            connects 61001 10.9.0.66 6379
            rules
            connects 61001 10.9.0.66 6379
            nft flush chain inet redis_ha_egress cluster
            rules
            connects 61001 10.9.0.66 6379
            # A fourth node: the new payload's list is in force at the next run.
            sed -i "s/redis3=10.9.0.133/redis3=10.9.0.133 redis4=10.9.0.66/" "$REDIS_HA_ROOT/etc/redis-ha/node.env"
            rules
            connects 61001 10.9.0.66 6379
            """);

        string both(string account) => $"{account} 10.9.0.132:6379 tcp yes\n{account} 10.9.0.133:26379 tcp yes\n{account} 10.9.0.132:80 tcp no\n"
            + $"{account} 10.9.0.66:6379 tcp no\n{account} 10.9.0.66:26379 tcp no\n{account} 10.9.0.132:53 udp no\n";
        Assert.Equal("<5>loaded the table ip redis_ha_metadata\n<5>loaded the table inet redis_ha_egress\n" + both("61001") + both("61002")
            + "0 10.9.0.66:6379 tcp yes\ntcp counter packets 6\nnothing to do:\nflushed:\n61001 10.9.0.66:6379 tcp yes\n"
            + "<5>loaded the table ip redis_ha_metadata\n<5>loaded the table inet redis_ha_egress\n61001 10.9.0.66:6379 tcp no\n"
            + "<5>loaded the table inet redis_ha_egress\n61001 10.9.0.66:6379 tcp no\n<5>loaded the table inet redis_ha_egress\n"
            + "61001 10.9.0.66:6379 tcp yes\n", result.Output);
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task Clients_of_a_server_of_the_account_get_their_answers()
    {
        SkipWithoutNamespaces();
        Skip.IfNot(Installed.Has("redis-server", "redis-cli"), "redis-server and redis-cli are not installed");
        using Machine machine = await AppliedAsync();
        machine.WithoutStandIn("redis-server", "redis-cli");
        ShellResult result = await InNamespaceAsync(machine, """
            rules
            setpriv --reuid=61001 --regid=61001 --clear-groups -- redis-server --bind 10.9.0.131 127.0.0.1 --port 6379 --protected-mode no --save '' --dir / >/dev/null &
            server=$!
            trap 'kill "$server"' EXIT
            for ((i = 0; i < 500; i++)); do if elsewhere redis-cli -h 10.9.0.131 ping 2>/dev/null; then break; fi; sleep 0.02; done
            setpriv --reuid=61001 --regid=61001 --clear-groups -- redis-cli -h 127.0.0.1 ping
            setpriv --reuid=61001 --regid=61001 --clear-groups -- redis-cli -h 10.9.0.131 ping
            """);

        Assert.EndsWith("PONG\nPONG\nPONG\n", result.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task Only_root_and_the_agent_ask_the_metadata_service()
    {
        SkipWithoutNamespaces();
        using Machine machine = await AppliedAsync();
        ShellResult result = await InNamespaceAsync(machine, """
            rules
            for account in 0 61001 61003 61009; do connects $account 169.254.169.254 80; done
            connects 61003 169.254.169.254 53
            echo 'the agent is installed:'
            touch "$MACHINE/snap"
            rules
            for account in 0 61003 61009; do connects $account 169.254.169.254 80; done
            """);

        Assert.EndsWith("0 169.254.169.254:80 tcp yes\n61001 169.254.169.254:80 tcp no\n61003 169.254.169.254:80 tcp no\n61009 169.254.169.254:80 tcp no\n"
            + "61003 169.254.169.254:53 tcp yes\nthe agent is installed:\n<5>loaded the table ip redis_ha_metadata\n"
            + "0 169.254.169.254:80 tcp yes\n61003 169.254.169.254:80 tcp no\n61009 169.254.169.254:80 tcp yes\n", result.Output, StringComparison.Ordinal);
    }

    private static async Task<Machine> AppliedAsync()
    {
        var machine = new Machine("debian");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis(1, "10.9.0")).ApplyScript));
        machine.StandIn("id", Accounts);
        machine.WithoutStandIn("setpriv", "sleep");
        return machine;
    }

    private static async Task<ShellResult> InNamespaceAsync(Machine machine, string script)
    {
        using var work = new WorkDirectory();
        using NetworkNamespace node = await NetworkNamespace.CreateAsync("node", work);
        using NetworkNamespace others = await NetworkNamespace.CreateAsync("others", work);
        ShellResult result = await machine.RunAsync(
            node.EnterCommand[0], [.. node.EnterCommand.Skip(1), "bash", "-s"], $"others={others.Holder}\n{Network}{script}");
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }

    private static void SkipWithoutNamespaces() =>
        Skip.IfNot(Environment.UserName == "root" && Installed.Has("nft", "unshare", "nsenter", "ip"), "needs root, nftables and iproute2");
}
