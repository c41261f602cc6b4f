// How sockets are made: listeners (once, at start, with managed sockets for their error messages) and connections to nodes.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Linux;

internal static class Sockets
{
    private const int Backlog = 4096; // net.core.somaxconn cuts it down

    // A dead peer is found within 60 s whether or not bytes are on their way to it: silent connections are probed after 30 s,
    // and unacknowledged or unaccepted bytes (RFC 5482) may wait 60 s. The latter also ends a client that reads nothing for 60 s.
    private const int KeepIdleSeconds = 30;
    private const int KeepIntervalSeconds = 10;
    private const int KeepCount = 3;
    private const int UserTimeoutMilliseconds = 60_000;

    /// <summary>
    /// Binds <paramref name="count"/> listeners to each address, so that each loop has its own. Accepted sockets inherit their
    /// options (NODELAY, keep-alive, user time-out), which saves five system calls a session.
    /// </summary>
    /// <returns>One array of listeners per loop, in the order of the addresses.</returns>
    /// <exception cref="SocketException">An address cannot be bound; the message names it. Nothing is left open.</exception>
    public static Socket[][] Listen(IReadOnlyList<IPEndPoint> addresses, int count)
    {
        Socket[][] loops = [.. Enumerable.Range(0, count).Select(_ => new Socket[addresses.Count])];
        try
        {
            for (int i = 0; i < addresses.Count; i++)
            {
                IPEndPoint address = addresses[i];
                if (count > 1)
                {
                    // SO_REUSEPORT would let another process of the same user share the address unnoticed: ask without it first.
                    using Socket probe = Bind(address, reusePort: false);
                    address = (IPEndPoint)probe.LocalEndPoint!;
                }

                for (int loop = 0; loop < count; loop++)
                {
                    Socket listener = loops[loop][i] = Bind(address, reusePort: count > 1);
                    try
                    {
                        listener.Listen(Backlog);
                    }
                    catch (SocketException e)
                    {
                        throw CannotListen(address, e);
                    }
                }
            }
        }
        catch
        {
            Close(loops);
            throw;
        }

        return loops;
    }

    public static void Close(IEnumerable<IEnumerable<Socket?>> listeners)
    {
        foreach (Socket? listener in listeners.SelectMany(sockets => sockets))
        {
            listener?.Dispose();
        }
    }

    /// <summary>
    /// A non-blocking socket for a connection to a node; -1 with errno on failure. It sends at once; that a dead node is found takes <see cref="WatchPeer"/>.
    /// </summary>
    public static int OpenOutgoing(int family)
    {
        int socket = LibC.Socket(family, LibC.SocketStream | LibC.SocketNonBlocking | LibC.SocketCloseOnExec, 0);
        if (socket >= 0)
        {
            SendAtOnce(socket);
        }

        return socket;
    }

    private static Socket Bind(IPEndPoint address, bool reusePort)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            int descriptor = (int)socket.Handle;
            if (address.AddressFamily == AddressFamily.InterNetworkV6)
            {
                socket.DualMode = false;
            }

            if (reusePort)
            {
                LibC.SetOption(descriptor, LibC.LevelSocket, LibC.OptionReusePort, 1);
            }

            SetOptions(descriptor);
            socket.Blocking = false;
            socket.Bind(address);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw CannotListen(address, e);
        }
    }

    private static SocketException CannotListen(IPEndPoint address, SocketException e) =>
        new((int)e.SocketErrorCode, $"cannot listen on {address}: {e.Message}");

    /// <summary>Sends at once, and finds a dead peer within a minute.</summary>
    public static void SetOptions(int socket)
    {
        SendAtOnce(socket);
        WatchPeer(socket);
    }

    private static void SendAtOnce(int socket) => LibC.SetOption(socket, LibC.LevelTcp, LibC.TcpNoDelay, 1);

    /// <summary>Finds a dead peer within a minute, also where bytes have been on their way to it before.</summary>
    public static void WatchPeer(int socket)
    {
        LibC.SetOption(socket, LibC.LevelSocket, LibC.OptionKeepAlive, 1);
        LibC.SetOption(socket, LibC.LevelTcp, LibC.TcpKeepIdle, KeepIdleSeconds);
        LibC.SetOption(socket, LibC.LevelTcp, LibC.TcpKeepInterval, KeepIntervalSeconds);
        LibC.SetOption(socket, LibC.LevelTcp, LibC.TcpKeepCount, KeepCount);
        LibC.SetOption(socket, LibC.LevelTcp, LibC.TcpUserTimeout, UserTimeoutMilliseconds);
    }
}
