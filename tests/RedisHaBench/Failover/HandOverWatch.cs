// Whether the kernel really has the sessions of a run, and whether it, or the proxy, still has any when their clients are gone.

using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>What came of the hand-over in a run.</summary>
/// <param name="HandedOver">Sessions that the kernel took over from the proxy.</param>
/// <param name="Left">Sessions that the proxy or its helper still had a while after all clients had gone.</param>
internal sealed record HandOverOutcome(long HandedOver, int Left);

/// <summary>Looks at a proxy and its helper.</summary>
/// <param name="network">Where both are.</param>
/// <param name="started">The proxy first, then its helper.</param>
internal sealed class HandOverWatch(NetworkNamespace network, StartedProxy started)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20); // the kernel goes on translating for 10 s after an orderly end

    private int _socketsAtRest;

    /// <summary>Waits until the proxy has its helper. No session is to be long enough for it yet.</summary>
    public async Task ReadyAsync(CancellationToken cancellationToken)
    {
        await Eventually.HoldsAsync(
            async () => await HandedOverAsync(cancellationToken) is not null, () => "the proxy has its helper", cancellationToken: cancellationToken);
        _socketsAtRest = HelpersSockets();
    }

    /// <summary>Waits until the kernel has taken over so many sessions: a run in which they stayed with the proxy would say nothing of the hand-over.</summary>
    public Task TakenAsync(int sessions, CancellationToken cancellationToken) => Eventually.HoldsAsync(
        async () => await HandedOverAsync(cancellationToken) >= sessions, () => $"the kernel takes over the {sessions} sessions that stay",
        cancellationToken: cancellationToken);

    /// <summary>Waits for a while, when all clients have gone, until no session is left.</summary>
    public async Task<HandOverOutcome> OutcomeAsync(CancellationToken cancellationToken)
    {
        var left = 0;
        await Eventually.HoldsWithinAsync(
            async () =>
            {
                var current = await HandOverHelper.SessionsAsync(network, started.Admin!, cancellationToken);
                left = Math.Max(current, (HelpersSockets() - _socketsAtRest + 1) / 2); // the helper has two sockets of each session
                return left == 0;
            },
            Patience, cancellationToken: cancellationToken);
        return new HandOverOutcome(await HandedOverAsync(cancellationToken) ?? 0, left);
    }

    private Task<long?> HandedOverAsync(CancellationToken cancellationToken) => HandOverHelper.HandedOverAsync(network, started.Admin!, cancellationToken);

    private int HelpersSockets() => new DirectoryInfo(FormattableString.Invariant($"/proc/{started.Processes[1].Id}/fd")).EnumerateFileSystemInfos()
        .Count(descriptor => descriptor.LinkTarget?.StartsWith("socket:", StringComparison.Ordinal) == true);
}
