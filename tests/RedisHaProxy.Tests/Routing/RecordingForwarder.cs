// A data plane for tests of the control plane: keeps the orders with their times, and acknowledges them as told.

using System.Diagnostics;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Routing;

/// <summary>Records orders. Acknowledges at once unless <see cref="HoldAcknowledgements"/> is set.</summary>
internal sealed class RecordingForwarder : IForwarder
{
    private readonly List<(GateOrder Order, long Timestamp)> _orders = [];
    private readonly Queue<Action> _held = new();

    /// <summary>Orders wait for <see cref="Acknowledge"/>.</summary>
    public bool HoldAcknowledgements { get; set; }

    /// <summary>Thrown by the next order.</summary>
    public Exception? Failure { get; set; }

    /// <summary>All orders so far.</summary>
    public IReadOnlyList<GateOrder> Orders
    {
        get
        {
            lock (_orders)
            {
                return [.. _orders.Select(o => o.Order)];
            }
        }
    }

    /// <summary>The newest order.</summary>
    public GateOrder Last => Orders.Count > 0 ? Orders[^1] : GateOrder.Start;

    /// <summary>When (Stopwatch timestamp) the first order after a moment fulfilled a condition; null if none did.</summary>
    public long? FirstAfter(long timestamp, Func<GateOrder, bool> condition)
    {
        lock (_orders)
        {
            foreach ((GateOrder order, long at) in _orders)
            {
                if (at >= timestamp && condition(order))
                {
                    return at;
                }
            }

            return null;
        }
    }

    public void Start()
    {
    }

    public void Apply(GateOrder order, Action carriedOut)
    {
        lock (_orders)
        {
            _orders.Add((order, Stopwatch.GetTimestamp()));
            if (Failure is not null)
            {
                throw Failure;
            }

            if (HoldAcknowledgements)
            {
                _held.Enqueue(carriedOut);
                return;
            }
        }

        carriedOut();
    }

    /// <summary>Acknowledges the oldest order that waits.</summary>
    public void Acknowledge()
    {
        Action oldest;
        lock (_orders)
        {
            oldest = _held.Dequeue();
        }

        oldest();
    }

    public ValueTask ReconfigureAsync(RedisHaProxy.Configuration.ProxyConfiguration changed) => ValueTask.CompletedTask;

    public ValueTask StopAcceptingAsync() => ValueTask.CompletedTask;

    public ForwarderSnapshot Snapshot() => new()
    {
        Sessions = 0,
        SessionsMax = 0,
        SessionsTotal = 0,
        Parked = 0,
        BytesIn = 0,
        BytesOut = 0,
        Ends = new long[Enum.GetValues<SessionEnd>().Length],
        Order = Last,
        StalledMilliseconds = 0,
    };

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
