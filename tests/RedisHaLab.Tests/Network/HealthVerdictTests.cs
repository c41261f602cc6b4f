// The balancer's verdicts, and which backends serve.

using RedisHaLab.Network;
using RedisHaLab.State;
using Xunit;

namespace RedisHaLab.Tests.Network;

public sealed class HealthVerdictTests
{
    private static readonly Backend One = new("one", "10.0.0.1", 6379, IsDrain: false, IsBackup: false);
    private static readonly Backend Two = new("two", "10.0.0.2", 6379, IsDrain: false, IsBackup: false);

    [Theory]
    [InlineData("..", 2, true)]
    [InlineData("x", 2, true)]
    [InlineData("xx", 2, false)]
    [InlineData("x.x", 2, true)]
    [InlineData("xx.", 2, false)]
    [InlineData("xx..", 2, true)]
    [InlineData("x", 1, false)]
    [InlineData("xxx.xx", 3, false)]
    public void A_verdict_changes_after_so_many_checks_in_a_row(string checks, int retries, bool healthy) =>
        Assert.Equal(healthy, checks.Aggregate(HealthVerdict.Initial, (verdict, check) => verdict.After(check == '.', retries)).Healthy);

    [Fact]
    public void Healthy_backends_serve() => Assert.Equal([Two], Serving([One, Two], failOpen: true, healthy: [Two]));

    [Fact]
    public void With_fail_open_all_serve_when_none_is_healthy()
    {
        Assert.Equal([One, Two], Serving([One, Two], failOpen: true, healthy: []));
        Assert.Empty(Serving([One, Two], failOpen: false, healthy: []));
    }

    [Fact]
    public void A_draining_backend_takes_nothing_new() =>
        Assert.Equal([Two], Serving([One with { IsDrain = true }, Two], failOpen: true, healthy: [One with { IsDrain = true }, Two]));

    [Fact]
    public void A_backup_serves_only_without_the_others()
    {
        var backup = Two with { IsBackup = true };
        Assert.Equal([One], Serving([One, backup], failOpen: false, healthy: [One, backup]));
        Assert.Equal([backup], Serving([One, backup], failOpen: false, healthy: [backup]));
    }

    private static IReadOnlyList<Backend> Serving(Backend[] backends, bool failOpen, Backend[] healthy) => ServingBackends.Of(
        new BackendSet { Name = "set", Backends = backends, FailOpen = failOpen, HealthCheck = new HealthCheck("TCP", 0, "/", 200, default, default, 1) },
        backend => healthy.Contains(backend));
}
