// The session that the helper hands over for itself before it serves a proxy.

using System.Diagnostics;
using RedisHaProxy.Commands;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class HandOverTrialTests
{
    private readonly List<(HandOverName Name, HandOverEnd End, (long, long) Bytes)> _ended = [];

    [SkippableFact]
    public async Task A_kernel_that_does_what_it_should_passes_and_nothing_is_left()
    {
        using HandOvers sessions = Create();
        Assert.Null(HandOverTrial.Run(sessions, out bool told));
        Assert.True(told);
        var (name, end, bytes) = Assert.Single(_ended);
        Assert.Equal((-1, HandOverEnd.Ordered, (1, 1)), (name.Id, end, bytes));
        await Eventually.HoldsAsync(
            () =>
            {
                sessions.Poll();
                return sessions.Count == 0;
            },
            () => "its place is free");
    }

    [SkippableFact]
    public void A_kernel_that_forwards_nothing_is_found_out()
    {
        using HandOvers sessions = Create();
        sessions.KnownAt = 0; // it drops all that comes later than a while after that
        long began = Stopwatch.GetTimestamp();
        Assert.Equal("of a session on the loopback the kernel forwarded nothing", HandOverTrial.Run(sessions, out _));
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalSeconds, 0, 10);
    }

    [SkippableTheory]
    [InlineData("", ExitCode.Ok, "this kernel forwards sessions that are handed over to it")]
    [InlineData("CAP_NET_ADMIN CAP_NET_RAW", ExitCode.Unsupported, "Operation not permitted")]
    public async Task The_check_of_the_unit_says_what_comes_of_it(string rights, int expected, string says)
    {
        Skip.If(HandOverRights.Missing is not null, HandOverRights.Missing);
        using var directory = new WorkDirectory();
        using ChildProcess check = HandOverRights.Start("check", ["--check"], directory, network: null, rights.Length > 0 ? rights.Split(' ') : null);
        await Eventually.HoldsAsync(() => check.HasExited, () => "it ends");
        Assert.Equal(expected, check.ExitCode);
        Assert.Contains(says, check.LogTail(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Where_the_loopback_is_down_nobody_is_refused_for_it()
    {
        Skip.If(HandOverRights.Missing is not null, HandOverRights.Missing);
        using var directory = new WorkDirectory();
        string program = Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy");
        using var check = ChildProcess.Start("check", "unshare", ["--net", program, "hand-over", "--check"], Path.Combine(directory.Path, "check.log"));
        await Eventually.HoldsAsync(() => check.HasExited, () => "it ends");
        Assert.Equal(ExitCode.Ok, check.ExitCode);
        Assert.Contains("the loopback could not be used", check.LogTail(), StringComparison.Ordinal);
    }

    private HandOvers Create()
    {
        Skip.If(HandOverRights.Missing is not null, HandOverRights.Missing);
        return new HandOvers(4) { Ended = (name, end, bytes) => _ended.Add((name, end, bytes)) };
    }
}
