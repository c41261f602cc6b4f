// The armed timers against a model.

using CsCheck;
using RedisHaProxy.Reactor;

namespace RedisHaProxy.Tests.Reactor;

public sealed class TimerQueueTests
{
    private const int Timers = 12;

    [Fact]
    public void The_first_timer_is_the_one_that_is_due_first_whatever_is_armed_moved_and_disarmed()
    {
        // Per step: a timer, and when it is due; below 0 it is disarmed.
        Gen.Select(Gen.Int[0, Timers - 1], Gen.Int[-30, 100]).List[1, 200].Sample(steps =>
        {
            using var reactor = new ReactorThread("unused", TimeProvider.System);
            ReactorTimer[] timers = [.. Enumerable.Range(0, Timers).Select(_ => new ReactorTimer(reactor, reactor.Clock, _ => { }, null))];
            var queue = new TimerQueue();
            var model = new Dictionary<int, long>();
            foreach ((int timer, int due) in steps)
            {
                queue.Set(timers[timer], due < 0 ? long.MaxValue : due);
                if (due < 0)
                {
                    model.Remove(timer);
                }
                else
                {
                    model[timer] = due;
                }

                Assert.Equal(model.Count == 0 ? null : model.Values.Min(), queue.First?.Due);
            }

            // Emptied one by one, they come in order.
            var order = new List<long>();
            while (queue.First is { } first)
            {
                order.Add(first.Due);
                queue.Set(first, long.MaxValue);
            }

            Assert.Equal(model.Values.Order(), order);
        }, iter: 300);
    }
}
