// The two health answers. /healthz is for the load balancer: can this process serve? It does not ask for a master, because
// then every proxy would leave the balancer in every failover. It does fail when this proxy alone is shut out (Routing/Blindness.cs).
// /readyz adds the master.

using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Admin;

/// <summary>An answer: yes or no, and why.</summary>
internal readonly record struct HealthAnswer(bool Good, string Reason);

/// <summary>Judges the process.</summary>
internal static class ProxyHealth
{
    /// <summary>A loop runs at least once a second; one that did not for this long is stuck.</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(4);

    /// <summary>Whether this process can take sessions.</summary>
    /// <param name="phase">Of the process.</param>
    /// <param name="forwarder">The data plane.</param>
    /// <param name="blind">The Sentinels have long seen a healthy master that this proxy cannot use: other proxies may.</param>
    public static HealthAnswer Serving(LifecyclePhase phase, ForwarderSnapshot forwarder, bool blind) => phase switch
    {
        LifecyclePhase.Starting => new(false, "starting"),
        LifecyclePhase.Draining => new(false, "draining"),
        LifecyclePhase.Stopping => new(false, "stopping"),
        _ => forwarder.StalledMilliseconds > StallLimit.TotalMilliseconds
            ? new(false, $"stalled: an event loop has not run for {forwarder.StalledMilliseconds} ms")
            : blind ? new(false, "blind: the Sentinels see a healthy master that this proxy cannot use")
            : new(true, "ok"),
    };

    /// <summary>
    /// Whether a session that comes now reaches a master at once. One that refuses writes is reached, serves reads, and no other proxy has a better
    /// one: the answer stays yes, and says so in its line.
    /// </summary>
    public static HealthAnswer Ready(LifecyclePhase phase, ForwarderSnapshot forwarder, bool blind, WriteRefusal refusal)
    {
        HealthAnswer serving = Serving(phase, forwarder, blind);
        return !serving.Good ? serving : forwarder.Order switch
        {
            { Mode: GateMode.Open, Target: { } master } => new(true,
                $"ok, master {master.Name}{(refusal == WriteRefusal.None ? "" : $", read-only in effect: it refuses all writes, {refusal.Brief()}")}"),
            { Mode: GateMode.Park } => new(false, "no master now; one is expected, sessions wait"),
            _ => new(false, "no master; sessions are refused"),
        };
    }
}
