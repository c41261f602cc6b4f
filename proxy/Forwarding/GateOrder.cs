// The one thing the control plane tells the data plane: where sessions may go now.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>What happens to new sessions.</summary>
public enum GateMode
{
    /// <summary>
    /// No evidence for any master: new sessions are refused at once with a RESP error. Those that parked earlier keep waiting
    /// until timeouts.park: they were told nothing yet, and an evidence that flickers must not fail them.
    /// </summary>
    Closed,

    /// <summary>A master is expected soon: new sessions wait, bounded in count and time, in order of arrival.</summary>
    Park,

    /// <summary>
    /// New and parked sessions are connected to the order's target. One whose connect fails goes back to its place among the
    /// parked, is tried again every 200 ms, and is refused when it has waited timeouts.park.
    /// </summary>
    Open,
}

/// <summary>
/// An order of the control plane. After it is acknowledged no session exists to any node but <see cref="Target"/>,
/// and none will be opened until a later order says so.
/// </summary>
/// <param name="Mode">What happens to new sessions.</param>
/// <param name="Target">
/// The node whose sessions may live. Required when <paramref name="Mode"/> is <see cref="GateMode.Open"/>. With
/// <see cref="GateMode.Park"/> it may name the last master, whose existing sessions then go on while new ones wait; null ends all.
/// </param>
/// <param name="Generation">Grows by one with each order; acknowledgements and sessions carry it.</param>
public readonly record struct GateOrder(GateMode Mode, RedisNode? Target, long Generation);
