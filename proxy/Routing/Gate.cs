// The gate of a listener, between what is decided and the data plane: a state machine without a thread or a task of its own. While no order is
// under way, a wish becomes an order at once, on the thread that wishes (monitoring). While one is, newer wishes overwrite each other, and its
// acknowledgement, on the thread of the last loop that has carried it out, takes the newest. No order ever waits for a thread of the pool, where
// it would stand behind handshakes, pages and the log.
//
// The master's gate has one target at a time. A switch is: shut (park, no target), wait for the acknowledgement that no session to the old
// node is left, open to the new one.

using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Why an order is wanted.</summary>
/// <param name="Rule">The row of the table, or what stands in its place: start, maintenance.</param>
/// <param name="Evidence">In words.</param>
/// <param name="PromotionSeenAt">When the promotion of the order's node was seen, if it was.</param>
internal readonly record struct GateReason(string Rule, string Evidence, TimeSpan? PromotionSeenAt);

/// <summary>An order that every loop has carried out.</summary>
/// <param name="Before">The one before.</param>
/// <param name="Order">The order.</param>
/// <param name="Reason">Why.</param>
/// <param name="At">When it was given, since the router's start.</param>
/// <param name="Time">The same by the wall clock.</param>
internal readonly record struct CarriedOrder(GateOrder Before, GateOrder Order, GateReason Reason, TimeSpan At, DateTimeOffset Time);

/// <summary>Gives one listener's orders, one after the other.</summary>
/// <param name="apply">Hands an order to the loops and returns at once; calls back when all have carried it out.</param>
/// <param name="clock">For the moments of orders.</param>
/// <param name="oneTarget">From one node to another only by none.</param>
/// <param name="carried">Hears of each order when it is carried out; must not block.</param>
internal sealed class Gate(Action<GateOrder, Action> apply, MonotonicClock clock, bool oneTarget, Action<CarriedOrder>? carried = null)
{
    private readonly Lock _lock = new();
    private GateOrder _wish = GateOrder.Start;
    private GateReason _reason = new("start", "nothing observed yet", null);
    private GateOrder _order = GateOrder.Start;
    private TimeSpan _orderAt;
    private bool _runs;
    private bool _underWay;

    /// <summary>The newest order, and when it was given.</summary>
    public (GateOrder Order, TimeSpan Since) Current
    {
        get
        {
            lock (_lock)
            {
                return (_order, _orderAt);
            }
        }
    }

    /// <summary>Gives the first order; before it there is none.</summary>
    public void Start()
    {
        lock (_lock)
        {
            _runs = true;
            Give(GateOrder.Start);
        }
    }

    /// <summary>No order is given any more.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _runs = false;
        }
    }

    /// <summary>Takes what is wanted now; cheap when it is what was wanted before.</summary>
    /// <param name="wish">The order; its generation does not matter.</param>
    /// <param name="reason">Why; asked for only when the wish is a new one.</param>
    public void Want(GateOrder wish, Func<GateReason> reason)
    {
        lock (_lock)
        {
            if (!wish.IsSameAs(_wish))
            {
                _wish = wish;
                _reason = reason();
                Follow();
            }
        }
    }

    // Under the lock, as is what follows.
    private void Follow()
    {
        if (_runs && !_underWay && !_wish.IsSameAs(_order))
        {
            bool other = oneTarget && _order.Target is { } old && _wish.Target is { } next && old != next;
            Give(other ? GateOrder.Start : _wish);
        }
    }

    private void Give(GateOrder order)
    {
        GateOrder before = _order;
        _order = order with { Generation = before.Generation + 1 };
        _orderAt = clock.Now;
        _underWay = true;
        var given = new CarriedOrder(before, _order, _reason, _orderAt, clock.Time.GetUtcNow());
        apply(_order, () => Acknowledge(given));
    }

    private void Acknowledge(CarriedOrder order)
    {
        lock (_lock)
        {
            _underWay = false;
            carried?.Invoke(order);
            Follow();
        }
    }
}
