// From health checks to the backends that serve: pure, so that it is tested without a network.

using RedisHaLab.State;

namespace RedisHaLab.Network;

/// <summary>The verdict on one backend: it changes after as many equal checks in a row as the set asks for.</summary>
/// <param name="Healthy">The present verdict.</param>
/// <param name="Contradictions">Checks in a row that contradict it.</param>
internal readonly record struct HealthVerdict(bool Healthy, int Contradictions)
{
    /// <summary>Before the first check a backend counts as healthy: OCI starts new backends that way.</summary>
    public static HealthVerdict Initial { get; } = new(Healthy: true, 0);

    /// <summary>The verdict after one more check.</summary>
    public HealthVerdict After(bool passed, int retries) => passed == Healthy
        ? this with { Contradictions = 0 }
        : Contradictions + 1 >= Math.Max(retries, 1) ? new HealthVerdict(passed, 0) : this with { Contradictions = Contradictions + 1 };
}

/// <summary>Which backends take new connections.</summary>
internal static class ServingBackends
{
    /// <summary>The healthy ones that do not drain; the backups when there is none of the others; with fail-open all, when none is healthy.</summary>
    public static IReadOnlyList<Backend> Of(BackendSet set, Func<Backend, bool> healthy)
    {
        var willing = set.Backends.Where(backend => !backend.IsDrain).ToList();
        var good = willing.Where(healthy).ToList();
        var primaries = good.Where(backend => !backend.IsBackup).ToList();
        return primaries.Count > 0 ? primaries
            : good.Count > 0 ? good
            : set.FailOpen ? willing : [];
    }
}
