// The table of health states: whole, in words of its own for each, and with a way out wherever a person is needed.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class ServerHealthTests
{
    private static readonly ServerHealth[] All = Enum.GetValues<ServerHealth>();

    [Fact]
    public void Every_state_has_words_of_its_own_and_a_remedy_where_a_person_must_act()
    {
        Assert.Equal(All.Length, All.Select(h => h.Text()).Distinct().Count());
        Assert.All(All, health =>
        {
            Assert.NotEmpty(health.Text());
            foreach (string section in (string[])["redis", "sentinel"])
            {
                string remedy = health.Remedy(section);
                Assert.DoesNotContain("{", remedy, StringComparison.Ordinal);
                Assert.True(!health.NeedsOperator() || remedy.EndsWith('.') || health == ServerHealth.NotPermitted, $"{health}: \"{remedy}\"");
            }
        });
        Assert.Equal("Set sentinel.tls, or give its port without TLS.", ServerHealth.SpeaksTls.Remedy("sentinel"));
        Assert.EndsWith(NeededRights.Node, ServerHealth.NotPermitted.Remedy("redis"), StringComparison.Ordinal);
        Assert.EndsWith(NeededRights.Sentinel, ServerHealth.NotPermitted.Remedy("sentinel"), StringComparison.Ordinal);
    }

    [Fact]
    public void What_refuses_the_probe_is_alive_and_voids_nothing_and_a_reason_is_no_bare_end()
    {
        Assert.All(All, h => Assert.False(h.RefusesProbe() && h.VoidsAnswers()));
        Assert.All(All, h => Assert.False(h.IsBareEnd() && (h.IsReason() || h.VoidsAnswers())));
        Assert.Equal(
            [ServerHealth.Refused, ServerHealth.Unreachable, ServerHealth.Loading, ServerHealth.UnknownMaster, ServerHealth.ProtocolError,
                ServerHealth.SpeaksTls, ServerHealth.SpeaksPlain, ServerHealth.CertificateRefused, ServerHealth.TlsFailed],
            All.Where(h => h.VoidsAnswers()));
    }

    [Fact]
    public void Pauses_grow_to_a_bound_and_a_crashed_server_is_asked_again_soon()
    {
        Assert.All(All.Where(h => h is not (ServerHealth.Up or ServerHealth.Unknown)), health =>
        {
            TimeSpan before = TimeSpan.Zero;
            for (int i = 0; i < 40; i++)
            {
                TimeSpan pause = ProbeLoop.BackOff(health, i, health.IsBareEnd() ? i + 1 : 0);
                Assert.InRange(pause, before, TimeSpan.FromSeconds(3));
                before = pause;
            }

            // The process is down or between two lives: whatever comes up may be a master.
            TimeSpan bound = health switch
            {
                ServerHealth.ConnectTimeout or ServerHealth.Refused => TimeSpan.FromMilliseconds(50),
                ServerHealth.Disconnected or ServerHealth.ClosesAtOnce => TimeSpan.FromMilliseconds(500),
                _ when health.NeedsOperator() => TimeSpan.FromSeconds(3),
                _ => TimeSpan.FromSeconds(2),
            };
            Assert.InRange(before, TimeSpan.Zero, bound);
            Assert.True(!health.NeedsOperator() || before >= TimeSpan.FromSeconds(2), $"{health} is asked every {before}");
        });
        Assert.Equal(TimeSpan.Zero, ProbeLoop.BackOff(ServerHealth.Disconnected, 0, 0));
        Assert.Equal(TimeSpan.FromMilliseconds(50), ProbeLoop.BackOff(ServerHealth.Disconnected, 2, 2));
    }
}
