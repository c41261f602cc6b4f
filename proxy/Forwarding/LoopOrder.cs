// An order as a loop carries it out: nodes by their index. The gate's order names one node at most, that of the read-only
// listener several.

namespace RedisHaProxy.Forwarding;

/// <param name="Mode">What happens to new sessions.</param>
/// <param name="Generation">Of the order.</param>
/// <param name="Take">Indices of the nodes that new sessions are connected to; not empty when the mode is open, empty otherwise.</param>
/// <param name="Keep">For each node whether its sessions may live; nodes beyond the end may not.</param>
internal sealed record LoopOrder(GateMode Mode, long Generation, int[] Take, bool[] Keep)
{
    public static LoopOrder Start { get; } = new(GateMode.Park, 0, [], []);

    public bool Takes(int node) => Array.IndexOf(Take, node) >= 0;

    public bool Keeps(int node) => node < Keep.Length && Keep[node];

    /// <summary>An order to the nodes with these indices. Without one to take, an open gate is one that waits.</summary>
    public static LoopOrder From(GateMode mode, long generation, IEnumerable<int> take, IEnumerable<int> keep)
    {
        int[] taken = mode == GateMode.Open ? [.. take] : [];
        mode = mode == GateMode.Open && taken.Length == 0 ? GateMode.Park : mode;
        int[] kept = [.. keep, .. taken];
        var keeps = new bool[kept.Length == 0 ? 0 : kept.Max() + 1];
        foreach (int node in kept)
        {
            keeps[node] = true;
        }

        return new LoopOrder(mode, generation, taken, keeps);
    }
}
