// The rollout's script on a node, against commands that stand for the node's own: when it applies, when it leaves the master alone,
// when it switches over.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Scripts;

public sealed class NodeRolloutTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("redis-ha-rollout-").FullName;

    public NodeRolloutTests()
    {
        Directory.CreateDirectory(Path.Combine(_root, "var/lib/redis-ha"));
        Directory.CreateDirectory(Path.Combine(_root, "etc/redis-ha"));
        Directory.CreateDirectory(Path.Combine(_root, "run/cloud-init"));
        Directory.CreateDirectory(Path.Combine(_root, "var/log"));
        File.WriteAllText(Path.Combine(_root, "etc/redis-ha/node.env"), "REDIS_HA_MASTER_NAME=mymaster\n");
        File.WriteAllText(Path.Combine(_root, "var/log/cloud-init-output.log"), "the last words of cloud-init\n");
        Command("redis-ha-wait-ready", """
            echo "wait-ready $*" >>"$REDIS_HA_ROOT/events"
            """);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [SkippableFact]
    public async Task A_node_that_booted_with_the_payload_is_only_waited_for()
    {
        Ready("payload-1");

        ScriptRun run = await Rollout("payload-1", "replicas");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["wait-ready 5 payload-1"], Events);
    }

    [SkippableFact]
    public async Task A_new_machine_gets_its_secrets_and_is_not_waited_for()
    {
        Marker("awaits-secrets");

        ScriptRun run = await Rollout("payload-1", "secrets");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Errors));
        Assert.Contains("redis9: has got its secrets", run.Output, StringComparison.Ordinal);
        Assert.Equal(["apply payload-1"], Events);
    }

    [SkippableTheory]
    [InlineData("failed")]
    [InlineData(null)]
    public async Task A_first_boot_that_failed_or_was_cut_short_is_done_again_with_the_secrets(string? marker)
    {
        File.WriteAllText(Path.Combine(_root, "run/cloud-init/result.json"), "{}");
        if (marker is not null)
        {
            Marker(marker);
        }

        ScriptRun run = await Rollout("payload-1", "secrets");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["apply payload-1"], Events);
    }

    [SkippableTheory]
    [InlineData("ready")]
    [InlineData("configured")]
    public async Task A_running_node_is_left_to_the_passes_that_go_one_at_a_time(string marker)
    {
        Marker(marker);
        Marker("failed");
        Redis("master");

        ScriptRun run = await Rollout("payload-2", "secrets");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("redis9: has its secrets already", run.Output, StringComparison.Ordinal);
        Assert.Empty(Events);
    }

    [SkippableFact]
    public async Task Secrets_that_cannot_be_applied_end_the_rollout_with_the_reason()
    {
        Marker("awaits-secrets");

        ScriptRun run = await Rollout("payload-1", "secrets", "echo 'redis-ha: FAILED while packages: no mirror'; exit 1");

        Assert.Equal((1, "redis9: the payload could not be applied: while packages: no mirror\n"), (run.ExitCode, run.Errors));
    }

    [SkippableTheory]
    [InlineData("accept")]
    [InlineData("retire")]
    public async Task Passwords_that_cannot_be_changed_end_the_rollout_with_the_reason(string pass)
    {
        Ready("payload-1");

        ScriptRun run = await Rollout("payload-1", pass,
            "echo \"redis-ha: FAILED to $REDIS_HA_PASSWORDS the passwords: the server at port 6379 says: no answer\"; exit 1");

        Assert.Equal((1, $"redis9: the passwords could not be changed: to {pass} the passwords: the server at port 6379 says: no answer\n"),
            (run.ExitCode, run.Errors));
        Assert.Contains("redis-ha: FAILED", run.Output, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("slave", "replicas")]
    [InlineData("master", "all")]
    public async Task A_replica_gets_another_payload_in_the_first_pass_and_a_master_that_takes_it_live_in_the_second(string role, string pass)
    {
        ScriptRun run = await RolloutOver(role, "payload-2", pass);

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["apply payload-2", "wait-ready 5 payload-2"], Events);
    }

    [SkippableFact]
    public async Task The_master_is_left_to_the_second_pass()
    {
        ScriptRun run = await RolloutOver("master", "payload-2", "replicas");

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("redis9: is the master: left for the second pass", run.Output, StringComparison.Ordinal);
        Assert.Empty(Events);
    }

    [SkippableTheory]
    [InlineData("switchover --complete --wait 60")]
    [InlineData("switchover --complete --without redis4 --without redis5 --wait 60", "redis4", "redis5")]
    public async Task A_master_that_needs_a_restart_is_switched_over_first(string switchover, params string[] absent)
    {
        ScriptRun run = await RolloutOver("master", "payload-2", "all", absent: absent, before: """
            if [ "$(cat "$REDIS_HA_ROOT/role")" = master ]; then
              echo 'reason: it needs a restart: switch the master over first, then apply again' >"$REDIS_HA_ROOT/var/lib/redis-ha/failed"
              echo 'refused' >>"$REDIS_HA_ROOT/events"
              exit 1
            fi
            rm -f "$REDIS_HA_ROOT/var/lib/redis-ha/failed"
            """);

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Errors));
        Assert.Equal(["refused", switchover, "wait-ready --health 5", "apply payload-2", "wait-ready 5 payload-2"], Events);
    }

    [SkippableFact]
    public async Task A_master_that_cannot_be_switched_over_is_not_restarted()
    {
        Ready("payload-1");
        Redis("master");
        Command("redis-ha-switchover", "echo 'redis-ha-switchover: not now: redis3 does not answer; nothing was changed' >&2; exit 1");

        ScriptRun run = await Rollout("payload-2", "all", """
            echo 'reason: it needs a restart: switch the master over first, then apply again' >"$REDIS_HA_ROOT/var/lib/redis-ha/failed"
            exit 1
            """);

        Assert.Equal(1, run.ExitCode);
        Assert.Empty(Events);
        Assert.Equal("redis-ha-switchover: not now: redis3 does not answer; nothing was changed\n"
            + "redis9: the switchover was not possible; the reason is above. This node was not restarted; bring back what is missing, then run this again\n",
                run.Errors);
    }

    [SkippableFact]
    public async Task A_payload_that_fails_otherwise_ends_the_rollout_with_its_reason()
    {
        ScriptRun run = await RolloutOver("master", "payload-2", "all", "echo 'redis-ha: FAILED while packages: no mirror'; exit 1");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("no mirror", run.Output, StringComparison.Ordinal);
        Assert.Contains("redis9: the payload could not be applied: while packages: no mirror", run.Errors, StringComparison.Ordinal);
        Assert.Empty(Events);
    }

    [SkippableFact]
    public async Task A_failed_first_boot_is_tried_again()
    {
        File.WriteAllText(Path.Combine(_root, "var/lib/redis-ha/failed"), "reason: no mirror\n");

        ScriptRun run = await Rollout("payload-1", "replicas");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["apply payload-1", "wait-ready 5 payload-1"], Events);
    }

    [SkippableFact]
    public async Task A_first_boot_that_never_ends_is_shown()
    {
        ScriptRun run = await Rollout("payload-1", "replicas", seconds: 1);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the last words of cloud-init", run.Errors, StringComparison.Ordinal);
        Assert.Contains("redis9: cloud-init has not ended after 1 s", run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_node_that_does_not_get_well_ends_the_rollout()
    {
        Ready("payload-1");
        Command("redis-ha-wait-ready", "echo 'not ready after 5 s: the link is down' >&2; exit 1");

        ScriptRun run = await Rollout("payload-1", "all");

        Assert.Equal((1, "not ready after 5 s: the link is down\n"), (run.ExitCode, run.Errors));
    }

    private string[] Events => File.Exists(Path.Combine(_root, "events")) ? File.ReadAllLines(Path.Combine(_root, "events")) : [];

    private void Marker(string name) => File.WriteAllText(Path.Combine(_root, "var/lib/redis-ha", name), "payload-0\n");

    private void Ready(string payload) => File.WriteAllText(Path.Combine(_root, "var/lib/redis-ha/ready"), payload + "\n");

    private void Redis(string role)
    {
        File.WriteAllText(Path.Combine(_root, "role"), role);
        Command("redis-ha-cli", """
            case "$*" in
              'redis -- INFO replication') printf '# Replication\r\nrole:%s\r\n' "$(cat "$REDIS_HA_ROOT/role")" ;;
              *) echo "unexpected: $*" >&2; exit 2 ;;
            esac
            """);
        Command("redis-ha-switchover", """
            echo "switchover $*" >>"$REDIS_HA_ROOT/events"; echo slave >"$REDIS_HA_ROOT/role"
            """);
    }

    private void Command(string name, string body)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }
        string path = Path.Combine(_root, "usr/local/sbin", name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "#!/bin/bash\n" + body + "\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
    }

    /// <summary>A payload on a node that runs with another one, in a role.</summary>
    private Task<ScriptRun> RolloutOver(string role, string payload, string pass, string before = "", params string[] absent)
    {
        Ready("payload-1");
        Redis(role);
        return Rollout(payload, pass, before, absent: absent);
    }

    private Task<ScriptRun> Rollout(string payload, string pass, string before = "", int seconds = 5, params string[] absent)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        // What a payload must survive on its way: quotes, dollars, and a here-document of its own.
        string script = $$"""
            set -euo pipefail
            {{before}}
            cat <<'END' >/dev/null
            '"$(exit 9)
            END
            echo "{{payload}}" >"$REDIS_HA_ROOT/var/lib/redis-ha/ready"
            echo "apply {{payload}}" >>"$REDIS_HA_ROOT/events"

            """;
        return ScriptRun.Of(Components.Rollout.NodeScript("redis9", new NodePayload(payload, string.Empty, script), seconds, pass, [.. absent]),
            environment: new() { ["REDIS_HA_ROOT"] = _root });
    }
}
