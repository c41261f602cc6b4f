// Changed settings of a Sentinel that runs: numbers that it takes live do not stop it, everything else does.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class SentinelLiveTests : IDisposable
{
    private const string Settings = "/etc/redis-ha/sentinel-settings.conf";

    private readonly Machine _machine = new("ubuntu");

    public void Dispose() => _machine.Dispose();

    [Fact]
    public async Task Numbers_are_set_live()
    {
        await BeginAsync("OK");
        _machine.Succeeds(await ApplyAsync(Changed(PayloadInputs.Redis())));

        Assert.Equal(
            [
                "mymaster quorum 3", "mymaster down-after-milliseconds 9000", "mymaster failover-timeout 90000", "mymaster parallel-syncs 4",
                "mymaster master-reboot-down-after-period 9000",
            ],
            _machine.Calls.Split('\n').Where(call => call.StartsWith("redis-cli", StringComparison.Ordinal) && call.Contains(" SENTINEL SET "))
                .Select(call => call[(call.IndexOf(" SET ", StringComparison.Ordinal) + 5)..]));
        Assert.DoesNotContain("systemctl stop redis-sentinel", _machine.Calls, StringComparison.Ordinal);
        Assert.Contains("sentinel parallel-syncs mymaster 4\n", _machine.InRoot(Settings), StringComparison.Ordinal);

        _machine.Succeeds(await ApplyAsync(Changed(PayloadInputs.Redis())));
        Assert.DoesNotContain("SENTINEL SET", _machine.Calls, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ERR Unknown option or number of arguments for SENTINEL SET 'master-reboot-down-after-period'", false)]
    [InlineData("OK", true)]
    public async Task What_it_does_not_take_and_other_settings_restart_it(string answer, bool hasOtherPassword)
    {
        await BeginAsync(answer);
        RedisNodeInputs inputs = Changed(PayloadInputs.Redis());
        _machine.Succeeds(await ApplyAsync(hasOtherPassword
            ? inputs with { Passwords = inputs.Passwords with { Sentinel = "another-password-of-the-sentinels-0000" } } : inputs));

        Assert.Contains("systemctl stop redis-sentinel", _machine.Calls, StringComparison.Ordinal);
        Assert.Contains("sentinel parallel-syncs mymaster 4\n", _machine.InRoot("/etc/redis/ha/sentinel.conf"), StringComparison.Ordinal);
        Assert.Contains("sentinel parallel-syncs mymaster 4\n", _machine.InRoot(Settings), StringComparison.Ordinal);
        if (hasOtherPassword)
        {
            Assert.DoesNotContain("SENTINEL SET", _machine.Calls, StringComparison.Ordinal);
        }
    }

    private static RedisNodeInputs Changed(RedisNodeInputs inputs) => inputs with
    {
        Sentinel = new SentinelSettings { Quorum = 3, DownAfterMilliseconds = 9_000, FailoverTimeoutMilliseconds = 90_000, ParallelSyncs = 4 },
    };

    private async Task BeginAsync(string answer)
    {
        _machine.StandIn("redis-cli", $"""
            case " $* " in
              *" SENTINEL SET "*) echo "{answer}" ;;
              *" ACL LOAD "*) echo OK ;;
              *) exit 1 ;;
            esac
            """);
        _machine.Succeeds(await ApplyAsync(PayloadInputs.Redis()));
        await ApplyTests.BootAsync(_machine);
    }

    private Task<ShellResult> ApplyAsync(RedisNodeInputs inputs) => _machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript);
}
