// All listeners of the process: that of the gate, and the read-only one where there is one. Each has loops, sessions, limits and
// counters of its own, so nothing that the read-only listener does can bring a session of the gate to a replica.
//
// What joins them is the last resort: a read-only session on the master is one more session that could write to it. So such a
// session exists only while the gate's order names that master, and is gone before the gate opens to another.

using System.Net;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Forwarding;

/// <summary>One forwarder or two, seen as one.</summary>
public sealed class DataPlane : IForwarder, ISessions
{
    private readonly LoopForwarder _gate;
    private readonly LoopForwarder? _reads;
    private readonly HandOverLink? _handOver;
    private readonly Lock _lock = new();
    private GateOrder _order = GateOrder.Start;
    private GateOrder _readOrder = GateOrder.Start;

    /// <summary>Prepares the data plane; nothing listens yet.</summary>
    /// <inheritdoc cref="LoopForwarder(ProxyConfiguration, ILoggerFactory, TimeProvider, int, bool)"/>
    public DataPlane(ProxyConfiguration configuration, ILoggerFactory loggerFactory, TimeProvider timeProvider, int loops = 0)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _gate = new LoopForwarder(configuration, loggerFactory, timeProvider, loops);
        _reads = configuration.ReadOnly is null ? null
            : new LoopForwarder(configuration, loggerFactory, timeProvider, loops, readOnly: true);
        if (configuration.HandOver is { } handOver)
        {
            SessionLoop[] all = [.. _gate.Loops, .. _reads?.Loops ?? []];
            _handOver = new HandOverLink(handOver.Socket, all, loggerFactory.CreateLogger<HandOverLink>());
            foreach (SessionLoop loop in all)
            {
                loop.HandOver = _handOver;
            }
        }
    }

    /// <summary>The addresses of the gate's listener: with port 0 in the configuration, the port the kernel chose.</summary>
    public IReadOnlyList<IPEndPoint> ListenEndPoints => _gate.ListenEndPoints;

    /// <summary>The same for clients over TLS.</summary>
    public IReadOnlyList<IPEndPoint> TlsListenEndPoints => _gate.TlsListenEndPoints;

    /// <summary>The same of the read-only listener; empty without one.</summary>
    public IReadOnlyList<IPEndPoint> ReadOnlyListenEndPoints => _reads?.ListenEndPoints ?? [];

    /// <summary>The same of the read-only listener over TLS; empty without one.</summary>
    public IReadOnlyList<IPEndPoint> ReadOnlyTlsListenEndPoints => _reads?.TlsListenEndPoints ?? [];

    /// <inheritdoc/>
    public SessionJournal Journal => _gate.Journal;

    /// <summary>Ended sessions of the read-only listener, for one reader; null without one.</summary>
    public SessionJournal? ReadOnlyJournal => _reads?.Journal;

    /// <summary>The greatest limits.connections that can be set without a restart.</summary>
    public int MostConnections => Math.Min(_gate.MostConnections, _reads?.MostConnections ?? int.MaxValue);

    /// <inheritdoc/>
    public void Start()
    {
        _gate.Start();
        _reads?.Start();
    }

    /// <inheritdoc/>
    public void Apply(GateOrder order, Action carriedOut)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (_reads is not null)
        {
            lock (_lock)
            {
                // Posted within the lock: no read order that was made effective before this can reach a loop after it.
                GateOrder before = Effective(_readOrder, _order), after = Effective(_readOrder, order);
                _order = order;
                if (!after.IsSameAs(before))
                {
                    ApplyBoth(after, order, carriedOut);
                    return;
                }
            }
        }

        _gate.Apply(order, carriedOut);
    }

    /// <inheritdoc/>
    public void ApplyReadOnly(GateOrder order, Action carriedOut)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (_reads is null)
        {
            throw new InvalidOperationException("there is no read-only listener");
        }

        lock (_lock)
        {
            _readOrder = order;
            _reads.Apply(Effective(order, _order), carriedOut);
        }
    }

    /// <inheritdoc/>
    public async ValueTask ReconfigureAsync(ProxyConfiguration changed)
    {
        await _gate.ReconfigureAsync(changed).ConfigureAwait(false);
        if (_reads is not null)
        {
            await _reads.ReconfigureAsync(changed).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask StopAcceptingAsync()
    {
        await _gate.StopAcceptingAsync().ConfigureAwait(false);
        if (_reads is not null)
        {
            await _reads.StopAcceptingAsync().ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public ForwarderSnapshot Snapshot()
    {
        ForwarderSnapshot gate = _gate.Snapshot();
        if (_reads is null)
        {
            return gate;
        }

        ForwarderSnapshot reads = _reads.Snapshot();
        return gate with { ReadOnly = reads, StalledMilliseconds = Math.Max(gate.StalledMilliseconds, reads.StalledMilliseconds) };
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<SessionInfo>> ListSessionsAsync()
    {
        IReadOnlyList<SessionInfo> gate = await _gate.ListSessionsAsync().ConfigureAwait(false);
        return _reads is null
            ? gate
            : [.. gate.Concat(await _reads.ListSessionsAsync().ConfigureAwait(false)).OrderBy(session => session.Accepted).ThenBy(session => session.Id)];
    }

    /// <inheritdoc/>
    public async ValueTask<int> EndSessionsAsync(SessionFilter filter)
    {
        int count = await _gate.EndSessionsAsync(filter).ConfigureAwait(false);
        return _reads is null ? count : count + await _reads.EndSessionsAsync(filter).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _gate.DisposeAsync().ConfigureAwait(false);
        if (_reads is not null)
        {
            await _reads.DisposeAsync().ConfigureAwait(false);
        }

        _handOver?.Dispose();
    }

    // Before the gate opens, no read-only session is left that its order does not keep. An order that opens nothing waits for nothing.
    private void ApplyBoth(GateOrder reads, GateOrder gate, Action carriedOut)
    {
        if (gate.Mode == GateMode.Open)
        {
            _reads!.Apply(reads, () => _gate.Apply(gate, carriedOut));
            return;
        }

        int missing = 2;
        void Done()
        {
            if (Interlocked.Decrement(ref missing) == 0)
            {
                carriedOut();
            }
        }

        _reads!.Apply(reads, Done);
        _gate.Apply(gate, Done);
    }

    /// <summary>The read order as it may be carried out beside an order of the gate.</summary>
    internal static GateOrder Effective(GateOrder reads, GateOrder gate)
    {
        // What the control plane once took for a replica and the gate is open to now, is the master.
        RedisNode[] take = [.. reads.Take.Where(node => node != gate.Target)];
        RedisNode[] keep = [.. reads.Keep.Where(node => node != gate.Target)];
        if (reads.LastResort is { } master && master == gate.Target)
        {
            keep = [.. keep, master];
            take = take.Length == 0 && gate.Mode == GateMode.Open ? [master] : take;
        }

        GateMode mode = reads.Mode == GateMode.Open && take.Length == 0 ? GateMode.Park : reads.Mode;
        return reads with { Mode = mode, Take = take, Keep = keep, LastResort = null };
    }
}
