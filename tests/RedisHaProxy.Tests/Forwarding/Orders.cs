// Orders as tests give them: they wait until all loops have carried one out.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

internal static class Orders
{
    public static Task ApplyAsync(this IForwarder forwarder, GateOrder order) => Apply(forwarder, order).WaitAsync(Bound.Wait);

    public static Task ApplyReadOnlyAsync(this IForwarder forwarder, GateOrder order) => TaskOf(forwarder.ApplyReadOnly, order).WaitAsync(Bound.Wait);

    /// <summary>Completes when all loops have carried the order out; nobody waits for it yet.</summary>
    public static Task Apply(this IForwarder forwarder, GateOrder order) => TaskOf(forwarder.Apply, order);

    private static Task TaskOf(Action<GateOrder, Action> apply, GateOrder order)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        apply(order, done.SetResult);
        return done.Task;
    }
}
