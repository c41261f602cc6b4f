// A session of the helper's own on the loopback, before a proxy's sessions depend on it: a kernel that has taken the programs has not shown yet that it
// does with packets what they say. It also runs once through what the first session and the first order would wait for.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Hands one session over, has it forward both ways, and resets it.</summary>
internal static class HandOverTrial
{
    private const long MostMilliseconds = 5_000;
    private const int ConnectMilliseconds = 1_000;
    private const int LookMicroseconds = 1_000;
    private const byte Question = 63;
    private const byte Answer = 33;

    // No proxy has it: theirs count from 1.
    private static readonly HandOverName Name = new(-1, 0);

    /// <summary>Tries it. Takes some milliseconds, a few seconds at most.</summary>
    /// <param name="sessions">Where it is handed over; nothing of it is left there afterwards but for some seconds.</param>
    /// <param name="told">Whether the loopback could tell: there may be none, or somebody who does not let us use it.</param>
    /// <returns>What the kernel did not do, for a person; null when it did all, or when the loopback cannot tell.</returns>
    public static string? Run(HandOvers sessions, out bool told)
    {
        told = false;
        long until = Environment.TickCount64 + MostMilliseconds;
        try
        {
            using var client = new Connection();
            using var node = new Connection();
            int ofClient = Duplicate(client.Local);
            int ofNode = Duplicate(node.Local);
            HandOverAnswer answer;
            do
            {
                answer = sessions.Take(Name, ofClient, ofNode);
                sessions.Poll();
            }
            while (answer == HandOverAnswer.Busy && Environment.TickCount64 < until);

            if (answer != HandOverAnswer.Taken)
            {
                LibC.Close(ofClient);
                LibC.Close(ofNode);
                return answer == HandOverAnswer.NotPermitted ? answer.Reason() : null;
            }

            told = true;
            bool passed = Passes(Question, client.End, node.End) && Passes(Answer, node.End, client.End);
            sessions.Reset([Name.Id]);
            return !passed ? "of a session on the loopback the kernel forwarded nothing"
                : !WasReset(client.End) || !WasReset(node.End) ? "a session on the loopback was not reset at both ends"
                : null;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return told ? $"a session on the loopback failed: {e.Message}" : null;
        }

        bool Passes(byte value, Socket from, Socket to)
        {
            Span<byte> received = [value];
            from.Send(received);
            received.Clear();
            return Comes(to) && to.Receive(received) == 1 && received[0] == value;
        }

        bool WasReset(Socket end)
        {
            try
            {
                return Comes(end) && end.Receive([0]) < 0;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                return true;
            }
        }

        bool Comes(Socket to)
        {
            bool comes = false;
            while (!comes && Environment.TickCount64 < until)
            {
                sessions.Poll();
                comes = to.Poll(LookMicroseconds, SelectMode.SelectRead);
            }

            return comes;
        }
    }

    private static int Duplicate(Socket socket) => LibC.Fcntl((int)socket.Handle, LibC.FcntlDuplicate, 0);

    private sealed class Connection : IDisposable
    {
        public Connection()
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen(1);
            End = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                // Whoever drops packets on the loopback does not hold the start up.
                using var patience = new CancellationTokenSource(ConnectMilliseconds);
                End.ConnectAsync(listener.LocalEndPoint!, patience.Token).AsTask().GetAwaiter().GetResult();
                if (!listener.Poll(ConnectMilliseconds * 1000, SelectMode.SelectRead))
                {
                    throw new SocketException((int)SocketError.TimedOut);
                }

                Local = listener.Accept();
                if (!Local.RemoteEndPoint!.Equals(End.LocalEndPoint))
                {
                    throw new SocketException((int)SocketError.ConnectionRefused); // somebody else was faster
                }
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>Where a client, or a node, would be.</summary>
        public Socket End { get; }

        /// <summary>Where the proxy would be.</summary>
        public Socket Local { get; } = null!; // when it was not made

        public void Dispose()
        {
            End.Dispose();
            Local?.Dispose();
        }
    }
}
