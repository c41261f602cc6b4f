// How the sessions of a test run: each in random pieces, to its end, through a proxy that hands them over.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed partial class HandOverTests
{
    /// <summary>Where packets are lost, a sender waits twice as long each time that it is not answered, up to two minutes (RFC 6298, 5.5).</summary>
    private static readonly TimeSpan BadExchange = TimeSpan.FromMinutes(5);

    /// <summary>Runs sessions to their ends.</summary>
    /// <param name="proxy">What they go through.</param>
    /// <param name="from">Where the clients are.</param>
    /// <param name="to">The proxy's address.</param>
    /// <param name="sessions">How many.</param>
    /// <param name="resets">Whether some end by RST: not where packets are lost, as nobody sends a RST again.</param>
    /// <param name="window">Bytes of the clients' receive buffers; 0 leaves it to the kernel.</param>
    /// <param name="refused">Why none of them is handed over; null when they are.</param>
    private async Task RunAllAsync(
        HandingProxy proxy, NetworkNamespace from, IPAddress to, int sessions, bool resets = true, int window = 0, HandOverAnswer? refused = null)
    {
        await RunAsync(proxy, from, to, 1, sessions, resets, window);
        for (int batch = 1; refused is null && proxy.Taken == 0 && batch < MostBatches; batch++)
        {
            await RunAsync(proxy, from, to, (batch * sessions) + 1, sessions, resets, window); // on a bad wire a few may all end untaken
        }

        sessions = _ran;
        Task[] nodeSide = _nodeSide.Sessions;
        try
        {
            await Task.WhenAll(nodeSide).WaitAsync(BadExchange);
        }
        catch (Exception e) when (e is not TimeoutException)
        {
            throw new InvalidOperationException($"a node's side failed; given up: {string.Join("; ", proxy.GivenUp)}", e);
        }
        catch (TimeoutException)
        {
            string[] open = await proxy.AskAsync(
                handOvers => Enumerable.Range(1, sessions).Select(id => $"{id}: {handOvers.Describe(id)}").Where(text => !text.EndsWith("over")).ToArray());
            int waiting = nodeSide.Count(side => !side.IsCompleted);
            Assert.Fail($"{waiting} node sides have not ended; {proxy.Copied} sessions are copied; {string.Join("; ", open)}");
        }

        Assert.Equal(sessions, nodeSide.Length);
        // A client's port may be used again within seconds of a reset, when the session that had it is not quite over (Full): rarely.
        Assert.DoesNotContain(proxy.Refused, each => each.Key is not (HandOverAnswer.NotOpen or HandOverAnswer.Full) && each.Key != refused);
        Assert.InRange(proxy.Refused.GetValueOrDefault(HandOverAnswer.Full), 0, 1 + (sessions / 20));
        if (refused is { } reason)
        {
            Assert.Equal(0, proxy.Taken);
            Assert.True(proxy.Refused.GetValueOrDefault(reason) > sessions / 3, string.Join(", ", proxy.Refused));
            return;
        }

        Assert.True(proxy.Taken > 0, $"{proxy.Taken} of {sessions} were handed over; {string.Join(", ", proxy.Refused)}");
        string[] left = [];
        await Eventually.HoldsAsync(
            async () => (left = await proxy.AskAsync(
                handOvers => Enumerable.Range(1, sessions).Where(id => handOvers.Bytes(id) is not null).Select(id => handOvers.Describe(id)).ToArray())).Length
                == 0,
            () => $"{left.Length} of {proxy.Taken} have not ended: {left.FirstOrDefault()}");
        output.WriteLine($"{proxy.Taken} of {sessions} sessions were handed over");
        Assert.Equal(proxy.Taken, proxy.Ends.Count);
        Assert.All(proxy.Ends, end => Assert.True(end.Value < HandOverEnd.ClientSilent, $"session {end.Key}: {end.Value}"));
    }

    private async Task RunAsync(HandingProxy proxy, NetworkNamespace from, IPAddress to, int first, int sessions, bool resets, int window)
    {
        int port = proxy.Port;
        await Parallel.ForEachAsync(Enumerable.Range(first, sessions), new ParallelOptions { MaxDegreeOfParallelism = AtATime }, async (seed, cancelled) =>
        {
            // Some rest in the middle, where they can be taken however bad the wire is.
            Exchange exchange = Exchange.Random(seed, resets) with { RestMilliseconds = seed % 3 == 0 ? 250 : 0 };
            using Socket socket = ThreeMachines.Open(from);
            if (window > 0)
            {
                socket.ReceiveBufferSize = window;
            }

            await socket.ConnectAsync(to, port, cancelled).AsTask().WaitAsync(Bound.Wait, cancelled);
            try
            {
                await exchange.RunClientAsync(socket).WaitAsync(resets ? Bound.Exchange : BadExchange, cancelled);
            }
            catch (Exception e)
            {
                int own = ((IPEndPoint)socket.LocalEndPoint!).Port;
                throw new InvalidOperationException($"{exchange} from port {own}: {await proxy.DescribeAsync(own)}", e);
            }
        });
        _ran += sessions;
    }

    private IPEndPoint Serve(NetworkNamespace network, IPAddress address, int window = 0)
    {
        Socket listener = ThreeMachines.Open(network);
        if (window > 0)
        {
            listener.ReceiveBufferSize = window; // its connections inherit it
        }

        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(1024);
        _parts.Add(listener);
        _nodeSide = new NodeSide(listener, Exchange.RunNodeAsync);
        return (IPEndPoint)listener.LocalEndPoint!;
    }
}
