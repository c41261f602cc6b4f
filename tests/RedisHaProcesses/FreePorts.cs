// Free TCP ports on loopback, below the range from which the kernel takes ports for outgoing connections.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProcesses;

/// <summary>Hands out ports that nobody listens on, none twice in the life of this process.</summary>
public static class FreePorts
{
    private const int First = 10_000;
    private const int Last = 32_000; // ip_local_port_range starts at 32768
    private static readonly Lock Gate = new();
    private static int _next = First + (int)((uint)Random.Shared.Next() % (Last - First));

    /// <summary>Takes a free port.</summary>
    /// <exception cref="InvalidOperationException">All are taken.</exception>
    public static int Take()
    {
        lock (Gate)
        {
            for (var tries = First; tries < Last; tries++)
            {
                _next = _next + 1 >= Last ? First : _next + 1;
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    socket.Bind(new IPEndPoint(IPAddress.Loopback, _next));
                    return _next;
                }
                catch (SocketException)
                {
                    // Somebody's; the next one.
                }
            }
        }

        throw new InvalidOperationException($"no free port between {First} and {Last}");
    }
}
