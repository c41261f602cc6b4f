// Clients over TLS that are beyond a limit and are told so. To tell them costs a handshake, about a millisecond of a core, and whoever
// is refused may come again at once: so a few at a time, and a few each second. The others are closed before the handshake, as Redis
// does (networking.c, acceptCommonHandler).

using System.Net.Security;
using System.Net.Sockets;

namespace RedisHaProxy.Forwarding;

/// <summary>Places for those that are told. Thread-safe.</summary>
internal sealed class TlsRefusals(TimeProvider time)
{
    /// <summary>Told at once.</summary>
    internal const int Places = 16;

    private const int EachSecond = 50;

    private static readonly byte[] Text = SessionLoop.LimitText.ToArray();

    private readonly SampledLog _rate = new(EachSecond, TimeSpan.FromSeconds(1), time);
    private int _taken;

    /// <summary>Takes a place; false when there is none now.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _taken) <= Places && _rate.Lets(out _))
        {
            return true;
        }

        Leave();
        return false;
    }

    /// <summary>Gives the place back.</summary>
    public void Leave() => Interlocked.Decrement(ref _taken);

    /// <summary>
    /// Answers the client's first bytes with the reason, ends our direction and leaves the client a moment to end its own, as
    /// <see cref="SessionLoop"/> does without TLS. One that asks nothing in time is told nothing.
    /// </summary>
    /// <param name="network">Under the stream; whoever calls disposes of it.</param>
    /// <param name="tls">After its handshake; disposed here.</param>
    /// <param name="limit">Ends the wait; given its time here, at most twice <see cref="SessionLoop.RefusalMilliseconds"/>.</param>
    public static async Task TellAsync(Socket network, SslStream tls, CancellationTokenSource limit)
    {
        await using SslStream stream = tls;
        byte[] bytes = new byte[4096];
        try
        {
            limit.CancelAfter(SessionLoop.RefusalMilliseconds);
            if (await stream.ReadAsync(bytes, limit.Token) == 0)
            {
                return;
            }

            await stream.WriteAsync(Text, limit.Token);
            await stream.ShutdownAsync();
            network.Shutdown(SocketShutdown.Send);
            limit.CancelAfter(SessionLoop.RefusalMilliseconds);
            while (await stream.ReadAsync(bytes, limit.Token) > 0)
            {
                // Left unread, it would make the end a reset that may overtake the text.
            }
        }
        catch (Exception)
        {
            // It has gone, took too long, or sent what is no TLS: hostile bytes may cause any error of the library, and each ends this connection alone.
        }
    }
}
