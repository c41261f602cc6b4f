// An apply that does not come to its end, or whose watcher goes away: what has begun goes on, and what was cut off is never taken for whole.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class CutOffTests : IDisposable
{
    private const string Users = "/etc/redis-ha/users.acl";

    private static readonly NodePayload Payload = NodePayload.Of(PayloadInputs.Redis());

    private readonly Machine _machine = new("ubuntu");

    public void Dispose() => _machine.Dispose();

    // The connection of `pulumi up` ends: the next line that is said meets a pipe without a reader.
    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task An_apply_that_nobody_watches_any_more_comes_to_its_end(int lines)
    {
        await _machine.ApplyAsync(Payload.FirstBootScript);

        await _machine.RunAsync("bash", ["-c", $"bash -s | for ((i = 0; i < {lines}; i++)); do read -r line; done"], Payload.ApplyScript);

        Assert.Equal(["configured", "ready"], _machine.Markers);
        Assert.NotEmpty(_machine.InRoot(Users));
    }

    // As when the machine shuts down: the shell then ends with the exit code of its last command, which was 0.
    [Theory]
    [InlineData("TERM", "systemd-tmpfiles --create")]
    [InlineData("TERM", "apt-mark")]
    public async Task An_apply_that_was_ended_is_not_taken_for_whole(string signal, string at)
    {
        EndedAt(signal, at);

        ShellResult cut = await _machine.ApplyAsync(Payload.ApplyScript);

        Assert.True(cut.ExitCode != 0, cut.ToString());
        Assert.Equal(["failed"], _machine.Markers);
        Assert.Contains("reason: it was cut off at ", _machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Contains("the next pulumi up completes it", cut.Output, StringComparison.Ordinal);

        _machine.Write("signal-at", string.Empty);
        _machine.Succeeds(await _machine.ApplyAsync(Payload.ApplyScript));
        Assert.Equal(["configured", "ready"], _machine.Markers);
    }

    [Fact]
    public async Task A_proxy_whose_apply_was_ended_is_not_taken_for_whole()
    {
        EndedAt("TERM", "useradd");

        ShellResult cut = await _machine.ApplyAsync(NodePayload.Of(PayloadInputs.Proxy()).ApplyScript);

        Assert.True(cut.ExitCode != 0, cut.ToString());
        Assert.Equal(["failed"], _machine.Markers);
    }

    [Fact]
    public async Task Two_runs_on_a_machine_are_made_one_after_the_other()
    {
        await using HeldLock other = await HeldLock.TakeAsync(Path.Combine(_machine.Root, "var/lib/redis-ha/apply.lock"));
        ShellResult refused = await _machine.RunAsync("bash", ["-s"], "export REDIS_HA_LOCK_SECONDS=0\n" + Payload.ApplyScript);

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("another run is at work on this machine", refused.Output, StringComparison.Ordinal);
        Assert.Contains("FAILED while waiting: another run has been at work", refused.Error, StringComparison.Ordinal);
        Assert.Empty(_machine.Markers);

        Task<ShellResult> waiting = _machine.ApplyAsync(Payload.ApplyScript);
        await other.ReleaseAsync();
        _machine.Succeeds(await waiting);
    }

    // The apply gets the signal when it waits for this command.
    private void EndedAt(string signal, string at)
    {
        _machine.Write("signal-at", at);
        foreach (string name in new[] { "systemd-tmpfiles", "apt-mark", "useradd" })
        {
            _machine.StandIn(name, $$"""
                if [ -s "$MACHINE/signal-at" ] && [[ "${0##*/} $*" == *"$(<"$MACHINE/signal-at")"* ]]; then kill -{{signal}} $PPID; fi
                """);
        }
    }
}
