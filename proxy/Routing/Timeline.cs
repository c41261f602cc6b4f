// What the gate did and why, for "why is it shut?" and "how long did the failover take?": two bounded rings.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Routing;

/// <summary>One order that the data plane has carried out.</summary>
internal sealed record GateEvent
{
    public required long Generation { get; init; }

    /// <summary>When it was given, since the router's start.</summary>
    public required TimeSpan At { get; init; }

    /// <summary>The same by the wall clock, for people.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>What new sessions meet from then on.</summary>
    public required GateMode Mode { get; init; }

    /// <summary>Name of the node whose sessions may live; null for none.</summary>
    public required string? Target { get; init; }

    public required string Rule { get; init; }

    public required string Evidence { get; init; }

    /// <summary>How long the data plane took to carry it out.</summary>
    public required TimeSpan Took { get; init; }
}

/// <summary>One interruption: from the moment the gate left a master to the moment it opened to the same or another one.</summary>
internal sealed record Switchover
{
    /// <summary>Name of the node that was routed to before; null at the start.</summary>
    public required string? From { get; init; }

    /// <summary>Name of the node that is routed to now.</summary>
    public required string To { get; init; }

    /// <summary>When the gate shut, by the wall clock.</summary>
    public required DateTimeOffset ShutTime { get; init; }

    public required string ShutRule { get; init; }

    /// <summary>When it opened, by the wall clock.</summary>
    public required DateTimeOffset OpenTime { get; init; }

    public required string OpenRule { get; init; }

    public required TimeSpan Shut { get; init; }

    /// <summary>From the answer in which the proxy saw the promotion to the open gate; null when it saw none.</summary>
    public required TimeSpan? PromotionToOpen { get; init; }

    /// <summary>The sessions of the old master lived on (it was only silent for a while).</summary>
    public required bool SessionsKept { get; init; }

    /// <summary>What it cost.</summary>
    public SessionDamage Damage { get; init; }
}

/// <summary>An interruption that goes on.</summary>
/// <param name="From">Name of the node that was routed to before; null at the start.</param>
/// <param name="Since">When the gate shut, by the wall clock.</param>
/// <param name="Before">The counters when all was well.</param>
internal sealed record InterruptionStatus(string? From, DateTimeOffset Since, SessionDamage Before);

/// <summary>Sessions that suffered.</summary>
/// <param name="Cut">Ended because their node was the master no more.</param>
/// <param name="Refused">Refused because there was no master.</param>
internal readonly record struct SessionDamage(long Cut, long Refused)
{
    /// <summary>All since the start.</summary>
    public static SessionDamage Of(ForwarderSnapshot now) =>
        new(now.Ended(SessionEnd.RoleLost), now.Ended(SessionEnd.ParkTimeout) + now.Ended(SessionEnd.NoMaster));

    /// <summary>What came after another moment.</summary>
    public SessionDamage Since(SessionDamage before) => new(Cut - before.Cut, Refused - before.Refused);
}

/// <summary>What the rings have forgotten, too: counted since the router's start. The time before the first master is none of it.</summary>
internal sealed record GateTotals
{
    /// <summary>How often the gate opened to another node than before.</summary>
    public long Failovers { get; init; }

    /// <summary>How often the gate left an open master.</summary>
    public long Interruptions { get; init; }

    /// <summary>The length of those that are over.</summary>
    public TimeSpan Interrupted { get; init; }

    /// <summary>Since when the present one lasts, since the router's start; null while there is none.</summary>
    public TimeSpan? ShutSince { get; init; }

    /// <summary>The length of all of them at a moment since the router's start.</summary>
    public TimeSpan InterruptedAt(TimeSpan now) => ShutSince is { } since && now > since ? Interrupted + (now - since) : Interrupted;
}

/// <summary>The last entries of something that goes on for ever.</summary>
internal sealed class Ring<T>(int capacity)
{
    private readonly Queue<T> _items = new(capacity);

    /// <summary>Adds an entry; the oldest goes when it is full.</summary>
    public void Add(T item)
    {
        lock (_items)
        {
            if (_items.Count == capacity)
            {
                _items.Dequeue();
            }

            _items.Enqueue(item);
        }
    }

    /// <summary>The entries, oldest first.</summary>
    public IReadOnlyList<T> ToList()
    {
        lock (_items)
        {
            return [.. _items];
        }
    }
}
