// The loads: what clients do.

using System.Globalization;

namespace RedisHaBench.Traffic;

/// <summary>Which bar limits the processor time of a request.</summary>
internal enum CostBar
{
    /// <summary>None: the load is between small and bulk.</summary>
    None,

    /// <summary>Small requests: the proxy's work is system calls.</summary>
    Small,

    /// <summary>Bulk: the proxy's work is moving bytes.</summary>
    Bulk,
}

/// <summary>A load.</summary>
internal sealed record Load
{
    /// <summary>Name on the command line and in tables.</summary>
    public required string Name { get; init; }

    /// <summary>Connections, all of them busy.</summary>
    public required int Clients { get; init; }

    /// <summary>Requests that a connection has under way at once.</summary>
    public int Pipeline { get; init; } = 1;

    /// <summary>Bytes of the value that moves; 0 when none of a size worth stating does.</summary>
    public int ValueBytes { get; init; }

    /// <summary>Whether the value moves from the client as well (ECHO), not only to it (GET).</summary>
    public bool BothWays { get; init; }

    /// <summary>Whether it is the load of subscribers, which redis-benchmark has not.</summary>
    public bool FanOut { get; init; }

    /// <summary>Whether each request has a connection of its own.</summary>
    public bool NewConnections { get; init; }

    /// <summary>Whether it runs between network namespaces only.</summary>
    public bool NeedsNamespaces { get; init; }

    /// <summary>The bar on processor time.</summary>
    public CostBar CostBar { get; init; } = CostBar.Small;

    /// <summary>Requests of the first, short run, from which the length of the others is computed.</summary>
    public required int FirstRequests { get; init; }

    /// <summary>Requests of a run at least: what a session costs once, its first requests and its hand-over, is to be a small part of its share.</summary>
    public long LeastRequests { get; init; }

    /// <summary>
    /// Requests of a run at most. A new connection leaves its port in TIME-WAIT for a minute, and with half of the 64,000 ports of a way so, finding a free one
    /// is what is measured.
    /// </summary>
    public long MostRequests => NewConnections ? 20_000 : long.MaxValue;

    /// <summary>Key of the value that GET reads.</summary>
    public string Key => string.Create(CultureInfo.InvariantCulture, $"value:{Math.Max(3, ValueBytes)}");

    /// <summary>What it is, as the words of redis-benchmark where it runs the load.</summary>
    public string Description => FanOut
        ? string.Create(CultureInfo.InvariantCulture, $"{Clients} subscribers of one channel, one publisher with {Pipeline} messages of "
            + $"{FanOutLoad.PayloadBytes} bytes under way; a request is a delivery")
        : string.Create(CultureInfo.InvariantCulture,
            $"redis-benchmark -c {Clients} -P {Pipeline}, {(BothWays ? "ECHO" : "GET")} of {Math.Max(3, ValueBytes)} bytes"
                + $"{(NewConnections ? ", a new connection for each" : "")}");
}

/// <summary>All loads.</summary>
internal static class Loads
{
    private const int Megabyte = 1024 * 1024;

    /// <summary>In the order of the tables.</summary>
    public static IReadOnlyList<Load> All { get; } =
    [
        new() { Name = "c50", Clients = 50, FirstRequests = 10_000 },
        new() { Name = "c50-p16", Clients = 50, Pipeline = 16, FirstRequests = 80_000 },
        new() { Name = "c50-16k", Clients = 50, ValueBytes = 16384, CostBar = CostBar.None, FirstRequests = 5_000 },
        new() { Name = "c20-1m", Clients = 20, ValueBytes = Megabyte, CostBar = CostBar.Bulk, FirstRequests = 200 },
        new() { Name = "c20-1m-echo", Clients = 20, ValueBytes = Megabyte, BothWays = true, CostBar = CostBar.Bulk, FirstRequests = 100 },
        new() { Name = "c1", Clients = 1, FirstRequests = 3_000 },
        new() { Name = "c1000", Clients = 1000, FirstRequests = 20_000, LeastRequests = 200_000 },
        new() { Name = "c50-new", Clients = 50, NewConnections = true, NeedsNamespaces = true, CostBar = CostBar.None, FirstRequests = 2_000 },
        new() { Name = "c5000", Clients = 5000, FirstRequests = 30_000 },
        new() { Name = "fan-out", Clients = 100, Pipeline = 8, FanOut = true, FirstRequests = 50_000 },
    ];
}
