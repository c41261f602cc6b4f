// A TCP connection on the reactor's thread: calls that do not block, and the reactor says when one is worth it. The socket is
// registered once, edge-triggered; what its edges said is remembered until a call has found that it is not so any more.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Reactor;

/// <summary>An outgoing connection. All members on the reactor's thread.</summary>
internal sealed class ReactorSocket : IDisposable
{
    private readonly ReactorThread _reactor;
    private readonly Socket _socket;
    private readonly ReactorSignal _becameReadable;
    private readonly ReactorSignal _becameWritable;
    private ulong? _token;
    private Action? _watcher;
    private bool _readable;
    private bool _hung;

    /// <summary>An unconnected socket.</summary>
    /// <exception cref="SocketException">The system has none left.</exception>
    public ReactorSocket(ReactorThread reactor, AddressFamily family)
    {
        _reactor = reactor;
        _becameReadable = new ReactorSignal(reactor);
        _becameWritable = new ReactorSignal(reactor);
        _socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
    }

    /// <summary>For its options.</summary>
    public Socket Socket => _socket;

    /// <summary>There is something to receive: bytes, the stream's end, or an error. When false, it is until the next edge.</summary>
    public bool IsReadable => _readable || _hung;

    /// <summary>Connects, once.</summary>
    /// <exception cref="SocketException">Refused, unreachable, or another error of the system.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async ValueTask ConnectAsync(IPEndPoint endPoint, CancellationToken cancel)
    {
        bool connected = TryConnect(endPoint);
        _token = _reactor.Add(this, (int)_socket.Handle) ?? throw new SocketException((int)SocketError.NoBufferSpaceAvailable);
        if (connected)
        {
            return;
        }

        await _becameWritable.WaitAsync(cancel);
        cancel.ThrowIfCancellationRequested();
        // Linux refuses a connection by another error than a reset (tcp_reset): a reset is of one that was established, and has ended before this
        // thread looked. What the peer said before is still to be received; sending fails.
        if ((SocketError)(int)_socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!
            is not (SocketError.Success or SocketError.ConnectionReset or SocketError.Shutdown) and var error)
        {
            throw new SocketException((int)error);
        }
    }

    /// <summary>Sends; completes at once unless the peer has not taken what was sent before.</summary>
    /// <exception cref="SocketException">The connection is gone.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public ValueTask SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        int sent = Send(bytes.Span);
        return sent == bytes.Length ? ValueTask.CompletedTask : SendRestAsync(bytes[sent..], cancel);
    }

    /// <summary>Receives what is there.</summary>
    /// <returns>How many bytes; 0 at the end of the stream; -1 when there is nothing: await <see cref="ReadableAsync"/>.</returns>
    /// <exception cref="SocketException">The connection is gone.</exception>
    public int Receive(Span<byte> buffer)
    {
        if (!IsReadable)
        {
            return -1;
        }

        int received = _socket.Receive(buffer, SocketFlags.None, out SocketError error);
        switch (error)
        {
            case SocketError.Success:
                // A stream that did not fill the buffer is empty; whatever comes after that makes an edge.
                _readable = received == buffer.Length;
                return received;
            case SocketError.WouldBlock:
                _readable = _hung = false;
                return -1;
            default:
                throw new SocketException((int)error);
        }
    }

    /// <summary>Receives what is still there after an error, which does not take back what arrived before it.</summary>
    /// <returns>How many bytes; 0 when there is nothing more.</returns>
    public int ReceiveRest(Span<byte> buffer)
    {
        int received = _socket.Receive(buffer, SocketFlags.None, out SocketError error);
        return error == SocketError.Success ? received : 0;
    }

    /// <summary>Waits until <see cref="IsReadable"/>, or for cancellation, which is no exception.</summary>
    public ValueTask<bool> ReadableAsync(CancellationToken cancel) => IsReadable ? ValueTask.FromResult(true) : _becameReadable.WaitAsync(cancel);

    /// <summary>Has somebody told, once, when <see cref="IsReadable"/>; null for nobody any more.</summary>
    public void Watch(Action? watcher)
    {
        _watcher = watcher;
        TellWatcher();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_token is { } token)
        {
            _token = null;
            _reactor.Remove(token);
        }

        _socket.Dispose();
    }

    /// <summary>An edge, in poll(2)'s bits.</summary>
    internal void BecameReady(uint events)
    {
        _readable |= (events & LibC.PollIn) != 0;
        _hung |= (events & LibC.PollHung) != 0;
        if ((events & (LibC.PollOut | LibC.PollError | LibC.PollHangUp)) != 0)
        {
            _becameWritable.Set();
        }

        if (IsReadable && !_becameReadable.Set())
        {
            TellWatcher();
        }
    }

    private void TellWatcher()
    {
        if (_watcher is { } watcher && IsReadable)
        {
            _watcher = null;
            watcher();
        }
    }

    private bool TryConnect(IPEndPoint endPoint)
    {
        try
        {
            _socket.Connect(endPoint);
            return true;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress ? false : throw new SocketException((int)e.SocketErrorCode);
        }
    }

    private int Send(ReadOnlySpan<byte> bytes)
    {
        int sent = _socket.Send(bytes, SocketFlags.None, out SocketError error);
        return error switch
        {
            SocketError.Success => sent,
            SocketError.WouldBlock => 0,
            // EPIPE, "cannot send after socket shutdown": nobody here shuts one down, the peer has.
            SocketError.Shutdown => throw new SocketException((int)SocketError.ConnectionReset),
            _ => throw new SocketException((int)error),
        };
    }

    private async ValueTask SendRestAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancel)
    {
        while (true)
        {
            // Until the socket says that it takes no more: only then an edge tells that it does again.
            int sent = Send(bytes.Span);
            bytes = bytes[sent..];
            if (bytes.IsEmpty)
            {
                return;
            }

            if (sent == 0)
            {
                await _becameWritable.WaitAsync(cancel);
                cancel.ThrowIfCancellationRequested();
            }
        }
    }
}
