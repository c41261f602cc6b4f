// Watches one node directly, beside the proxy: the truth that the proxies are measured against.

using System.Diagnostics;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>
/// Asks a node for its ROLE about every 2 ms, and on a second connection whether it takes a write. Two connections, because a write that
/// the node holds back (FAILOVER pauses writes) must not hide the role.
/// </summary>
internal sealed class NodeProbe
{
    /// <summary>Milliseconds between two questions: the error of the times taken here.</summary>
    public const int Interval = 2;

    // ROLE is answered while loading, EXISTS is not.
    private static readonly byte[] Role = [.. RespConnection.Encode("ROLE"), .. RespConnection.Encode("EXISTS", "loaded")];
    private static readonly TimeSpan Overdue = TimeSpan.FromMilliseconds(100);
    private readonly RedisProcess _node;
    private readonly byte[] _write;
    private readonly List<StateChange> _states = new(64);
    private readonly List<Interval> _writable = new(64);
    private readonly Thread _thread;
    private RespConnection? _roleConnection;
    private RespConnection? _writeConnection;
    private long _asked;
    private long _writeAsked;
    private volatile bool _stop;
    private volatile NodeState _state = NodeState.Silent;
    private volatile bool _isWritable;
    private volatile Exception? _failure;

    public NodeProbe(RedisProcess node)
    {
        _node = node;
        _write = RespConnection.Encode("SET", $"probe:{node.Name}", "1");
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = $"probe {node.Name}" };
    }

    /// <summary>The state now.</summary>
    public NodeState State => _state;

    /// <summary>Whether the last write sent directly was taken.</summary>
    public bool IsWritable => _isWritable;

    public void Start() => _thread.Start();

    /// <summary>Asks the thread to end.</summary>
    public void Stop() => _stop = true;

    /// <summary>Waits for the thread, and gives what it wrote down.</summary>
    public NodeRecord Join()
    {
        _thread.Join();
        return _failure is null
            ? new NodeRecord(_states, _writable)
            : throw new InvalidOperationException($"the probe of {_node.Name} failed: {_failure.Message}", _failure);
    }

    private void Run()
    {
        _states.Add(new StateChange(Stopwatch.GetTimestamp(), NodeState.Silent));
        try
        {
            while (!_stop)
            {
                AskRole();
                AskWrite();
                Thread.Sleep(Interval);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _failure = e;
        }
        finally
        {
            _roleConnection?.Dispose();
            _writeConnection?.Dispose();
        }
    }

    private void AskRole()
    {
        try
        {
            if (_roleConnection is null)
            {
                _roleConnection = _node.Connect(Overdue);
                _asked = 0;
            }

            if (_asked == 0)
            {
                _roleConnection.Send(Role);
                _asked = Stopwatch.GetTimestamp();
            }

            if (!_roleConnection.Readable(Interval * 1000))
            {
                // A stopped process keeps its connections: it is silent, and the answer may come later.
                if (Stopwatch.GetElapsedTime(_asked) > Overdue)
                {
                    Set(NodeState.Silent);
                }

                return;
            }

            var reply = _roleConnection.Read();
            _asked = 0;
            var loading = _roleConnection.ReadLine().StartsWith("-LOADING"u8);
            Set(loading ? NodeState.Loading : reply[0].Text == "master" ? NodeState.Master : NodeState.Replica);
        }
        catch (Exception e) when (e is IOException or RespErrorException)
        {
            // A promotion closes client connections: reconnect at once.
            var closed = _roleConnection is not null;
            _roleConnection?.Dispose();
            _roleConnection = null;
            if (!closed)
            {
                Set(NodeState.Silent);
            }
        }
    }

    private void AskWrite()
    {
        try
        {
            if (_writeConnection is null)
            {
                if (_state is NodeState.Silent)
                {
                    SetWritable(false);
                    return;
                }

                _writeConnection = _node.Connect(Overdue);
                _writeAsked = 0;
            }

            if (_writeAsked == 0)
            {
                _writeConnection.Send(_write);
                _writeAsked = Stopwatch.GetTimestamp();
            }

            if (_writeConnection.Readable(0))
            {
                var taken = _writeConnection.ReadLine().StartsWith("+"u8);
                _writeAsked = 0;
                SetWritable(taken);
            }
            else if (Stopwatch.GetElapsedTime(_writeAsked) > Overdue)
            {
                SetWritable(false);
            }
        }
        catch (Exception e) when (e is IOException or RespErrorException)
        {
            _writeConnection?.Dispose();
            _writeConnection = null;
        }
    }

    private void Set(NodeState state)
    {
        if (state != _state)
        {
            _states.Add(new StateChange(Stopwatch.GetTimestamp(), state));
            _state = state;
        }
    }

    private void SetWritable(bool writable)
    {
        if (writable == _isWritable)
        {
            return;
        }

        var now = Stopwatch.GetTimestamp();
        if (writable)
        {
            _writable.Add(new Interval(now, long.MaxValue));
        }
        else
        {
            _writable[^1] = _writable[^1] with { To = now };
        }

        _isWritable = writable;
    }
}
