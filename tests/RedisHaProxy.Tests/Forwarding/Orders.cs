// Orders as tests give them: they wait until all loops have carried one out.

using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

internal static class Orders
{
    public static Task ApplyAsync(this IForwarder forwarder, GateOrder order) => WaitAsync(forwarder.Apply, order);

    public static Task ApplyReadOnlyAsync(this IForwarder forwarder, GateOrder order) => WaitAsync(forwarder.ApplyReadOnly, order);

    private static Task WaitAsync(Action<GateOrder, Action> apply, GateOrder order)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        apply(order, done.SetResult);
        return done.Task.WaitAsync(Bound.Wait);
    }
}
