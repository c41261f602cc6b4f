// What the control plane tells the data plane of the read-only listener: which replicas its sessions may use now.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>
/// An order for the sessions of the read-only listener. After it is acknowledged they exist to the nodes that it names only.
/// </summary>
/// <param name="Mode">
/// What happens to new sessions: they are connected to one of <paramref name="Take"/> (or the master), wait, or are refused.
/// </param>
/// <param name="Take">Replicas that get new sessions, the one with the fewest first.</param>
/// <param name="Keep">Replicas that get no new sessions and whose sessions live on.</param>
/// <param name="Master">
/// The master, where it may be used as a last resort: new sessions go to it while <paramref name="Take"/> is empty. Honoured only
/// as long as the gate itself is open to that node, and its sessions end with those of the gate. Null when it may not.
/// </param>
/// <param name="Generation">Grows by one with each order.</param>
public sealed record ReadOrder(GateMode Mode, IReadOnlyList<RedisNode> Take, IReadOnlyList<RedisNode> Keep, RedisNode? Master, long Generation)
{
    /// <summary>Nothing is known yet: sessions wait.</summary>
    public static ReadOrder Start { get; } = new(GateMode.Park, [], [], null, 0);

    /// <summary>Whether the other order means the same.</summary>
    public bool IsSameAs(ReadOrder other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Mode == other.Mode && Master == other.Master && Take.SequenceEqual(other.Take) && Keep.SequenceEqual(other.Keep);
    }
}

/// <summary>Takes orders for the read-only listener.</summary>
public interface IReadForwarder
{
    /// <summary>Completes when every loop has carried the order out. Orders are carried out in the order of the calls.</summary>
    ValueTask ApplyAsync(ReadOrder order);
}
