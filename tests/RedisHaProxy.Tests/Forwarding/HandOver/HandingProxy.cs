// A small proxy around the hand-over: it copies a session's first bytes, and hands it over at a moment that the session's number decides.

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal sealed class HandingProxy : IDisposable
{
    private readonly Thread _thread;
    private readonly TaskCompletionSource<int> _port = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<Action<HandOvers>> _orders = new();
    private readonly List<Copy> _copied = [];
    private readonly Dictionary<int, int> _numbers = [];
    private volatile bool _stopping;
    private Exception? _failure;

    /// <summary>Starts it.</summary>
    /// <param name="network">Where it runs.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="node">Where its sessions go.</param>
    /// <param name="after">After how many bytes of both sides a session is handed over, by its number; null: never.</param>
    /// <param name="times">When ends are asked whether they are there; as the proxy does when null.</param>
    public HandingProxy(NetworkNamespace network, IPAddress address, IPEndPoint node, Func<int, int?> after, HandOverTimes? times = null)
    {
        _thread = new Thread(() => Run(network, address, node, after, times)) { IsBackground = true, Name = "handing proxy" };
        _thread.Start();
    }

    /// <summary>Its port.</summary>
    public int Port => _port.Task.WaitAsync(TimeSpan.FromSeconds(10)).GetAwaiter().GetResult();

    public int Taken { get; private set; }

    /// <summary>Sessions that are not handed over, or not yet.</summary>
    public int Copied => _copied.Count;

    public ConcurrentDictionary<long, HandOverEnd> Ends { get; } = new();

    /// <summary>Sessions that the hand-over itself gave up, and why.</summary>
    public ConcurrentDictionary<long, string> GivenUp { get; } = new();

    /// <summary>Why sessions were not handed over.</summary>
    public ConcurrentDictionary<HandOverAnswer, int> Refused { get; } = new();

    /// <summary>Has something done on its thread.</summary>
    public Task<T> AskAsync<T>(Func<HandOvers, T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        _orders.Enqueue(handOvers => answer.SetResult(question(handOvers)));
        return answer.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    /// <summary>What is known of the session from a client's port.</summary>
    public Task<string> DescribeAsync(int port) => AskAsync(handOvers => _numbers.TryGetValue(port, out int number)
        ? $"session {number}, {(_copied.Find(copied => copied.Number == number) is { } copied ? copied.Describe() : handOvers.Describe(number))}"
            + (Ends.TryGetValue(number, out HandOverEnd end) ? $", {end}" : "") + (GivenUp.TryGetValue(number, out string? why) ? $": {why}" : "")
        : "unknown");

    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        Assert.True(_failure is null, _failure?.ToString());
    }

    private void Run(NetworkNamespace network, IPAddress address, IPEndPoint node, Func<int, int?> after, HandOverTimes? times)
    {
        using IDisposable inside = network.Enter();
        try
        {
            using var handOvers = new HandOvers(16_384, times);
            handOvers.Ended = (name, end, _) => Ends[name.Id] = end;
            handOvers.GivenUp = (id, why) => GivenUp[id] = why();
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(address, 0));
            listener.Listen(1024);
            listener.Blocking = false;
            _port.SetResult(((IPEndPoint)listener.LocalEndPoint!).Port);
            for (int number = 0; !_stopping;)
            {
                bool moved = false;
                while (listener.Poll(0, SelectMode.SelectRead))
                {
                    Socket client = listener.Accept();
                    _numbers[((IPEndPoint)client.RemoteEndPoint!).Port] = ++number;
                    _copied.Add(new Copy(number, client, node, after(number)));
                    moved = true;
                }

                for (int i = _copied.Count - 1; i >= 0; i--)
                {
                    moved |= Serve(handOvers, i);
                }

                while (_orders.TryDequeue(out Action<HandOvers>? order))
                {
                    order(handOvers);
                }

                handOvers.Poll();
                if (!moved)
                {
                    Thread.Sleep(1);
                }
            }
        }
        catch (Exception e) when (_failure is null)
        {
            _failure = e;
            _port.TrySetException(e);
        }
        finally
        {
            _copied.ForEach(copied => copied.Dispose());
        }
    }

    private bool Serve(HandOvers handOvers, int index)
    {
        Copy session = _copied[index];
        bool moved = session.Move();
        if (session.IsOver)
        {
            session.Dispose();
            _copied.RemoveAt(index);
        }
        else if (session.MayBeTaken)
        {
            HandOverAnswer answer = handOvers.Take(new(session.Number, 0), (int)session.Client.Handle, (int)session.Node.Handle);
            if (answer == HandOverAnswer.Taken)
            {
                session.Client.SafeHandle.SetHandleAsInvalid(); // not ours any more
                session.Node.SafeHandle.SetHandleAsInvalid();
                _copied.RemoveAt(index);
                Taken++;
            }
            else if (answer != HandOverAnswer.Busy)
            {
                Refused.AddOrUpdate(answer, 1, (_, count) => count + 1);
                session.Refuse();
            }
        }

        return moved;
    }

    private sealed class Copy : IDisposable
    {
        private static readonly byte[] Buffer = new byte[64 * 1024];

        private readonly Way _up;
        private readonly Way _down;
        private int? _after;
        private bool _connected;

        public Copy(int number, Socket client, IPEndPoint node, int? after)
        {
            Number = number;
            Client = client;
            Node = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            if (after is not null)
            {
                HandOvers.Prepare((int)Client.Handle);
            }

            Client.NoDelay = Node.NoDelay = true;
            Client.Blocking = Node.Blocking = false;
            _after = after;
            _up = new Way(Client, Node);
            _down = new Way(Node, Client);
            try
            {
                Node.Connect(node);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                // Whoever waits for it here has nobody poll the hand-over: where its SYN is lost twice, the kernel drops all sessions' packets.
            }
        }

        public int Number { get; }

        public Socket Client { get; }

        public Socket Node { get; }

        public bool IsOver => _up.Failed || _down.Failed || (_up.Finished && _down.Finished);

        public bool MayBeTaken => _connected && _after is { } after && _up.Bytes + _down.Bytes >= after && _up.IsIdle && _down.IsIdle;

        public void Refuse() => _after = null;

        public bool Move()
        {
            if (!_connected)
            {
                _connected = Node.Poll(0, SelectMode.SelectWrite);
                if (!_connected)
                {
                    return false;
                }

                if (_after is not null)
                {
                    HandOvers.Prepare((int)Node.Handle);
                }
            }

            return _up.Move(Buffer) | _down.Move(Buffer);
        }

        public string Describe() => $"copied; connected {_connected}; to the node: {_up}; to the client: {_down}";

        public void Dispose()
        {
            if (_up.Failed || _down.Failed)
            {
                Client.LingerState = Node.LingerState = new LingerOption(true, 0);
            }

            Client.Dispose();
            Node.Dispose();
        }
    }

    private sealed class Way(Socket from, Socket to)
    {
        private byte[] _owed = [];

        public long Bytes { get; private set; }

        public bool Finished { get; private set; }

        public bool Failed { get; private set; }

        public bool IsIdle => _owed.Length == 0 && !Finished;

        public override string ToString()
        {
            var socket = new TcpConnection((int)to.Handle);
            TcpInfo info = socket.Info;
            return $"{Bytes} bytes, owed {_owed.Length}, finished {Finished}, failed {Failed}, state {info.State}, "
                + $"unacknowledged {socket.UnacknowledgedBytes}, "
                + $"sent again after {info.RetransmissionTime / 1000} ms, backoff {info.Backoff}";
        }

        public bool Move(byte[] buffer)
        {
            if (Finished || Failed)
            {
                return false;
            }

            if (_owed.Length == 0)
            {
                int length = from.Receive(buffer, SocketFlags.None, out SocketError error);
                if (error is not (SocketError.Success or SocketError.WouldBlock))
                {
                    Failed = true;
                    return true;
                }

                if (error == SocketError.WouldBlock)
                {
                    return false;
                }

                if (length == 0)
                {
                    Finished = true;
                    to.Shutdown(SocketShutdown.Send);
                    return true;
                }

                Bytes += length;
                _owed = buffer[..length];
            }

            int sent = to.Send(_owed, SocketFlags.None, out SocketError failed);
            Failed = failed is not (SocketError.Success or SocketError.WouldBlock);
            _owed = _owed[(failed == SocketError.Success ? sent : 0)..];
            return failed == SocketError.Success;
        }
    }
}
