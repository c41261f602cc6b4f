// A client that sits in a blocking pop or a subscription: the ones that a switch easily leaves behind on the old node.

using System.Diagnostics;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>
/// Waits on one connection until it is ended, then at once on the next. An error reply (UNBLOCKED, READONLY) ends the wait but, as with a
/// plain client library, not the connection: it tries again there.
/// </summary>
internal sealed class WaitingClient
{
    private readonly Destination _destination;
    private readonly byte[] _command;
    private readonly bool _subscribes;
    private readonly List<WaitRecord> _waits = [];
    private readonly Thread _thread;
    private volatile bool _stop;
    private volatile Exception? _failure;
    private volatile bool _waiting;

    private WaitingClient(string name, Destination destination, bool subscribes, params ReadOnlySpan<string> command)
    {
        Name = name;
        _destination = destination;
        _subscribes = subscribes;
        _command = RespConnection.Encode(command);
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = name };
    }

    public string Name { get; }

    /// <summary>Whether it is established and waiting.</summary>
    public bool Waiting => _waiting;

    public static WaitingClient Blocked(string name, Destination destination) => new(name, destination, false, "BLPOP", name, "0");

    public static WaitingClient Subscribed(string name, Destination destination) => new(name, destination, true, "SUBSCRIBE", name);

    public void Start() => _thread.Start();

    /// <summary>Asks the thread to end.</summary>
    public void Stop() => _stop = true;

    /// <summary>Waits for the thread, and gives what it wrote down.</summary>
    public IReadOnlyList<WaitRecord> Join()
    {
        _thread.Join();
        return _failure is null
            ? _waits
            : throw new InvalidOperationException($"client {Name} failed: {_failure.Message}", _failure);
    }

    private void Run()
    {
        try
        {
            while (!_stop)
            {
                try
                {
                    using var connection = RespConnection.Connect(_destination.EndPoint, TimeSpan.FromSeconds(3), _destination.Network);
                    connection.Send(_destination.Hello);
                    var node = _destination.ReadHello(connection);
                    while (node >= 0 && !_stop)
                    {
                        Wait(connection, node);
                        Thread.Sleep(20);
                    }
                }
                catch (IOException)
                {
                    // Ended for the client; Wait has written it down.
                }

                Thread.Sleep(20);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _failure = e;
        }
    }

    /// <summary>One wait, to its end or ours.</summary>
    private void Wait(RespConnection connection, sbyte node)
    {
        connection.Send(_command);
        if (_subscribes)
        {
            connection.Read(); // the confirmation; a subscription cannot be refused by role
        }
        else if (connection.Readable(5_000))
        {
            // A blocked pop that is answered at once is refused: by a replica, or a master that lacks replicas.
            connection.Read();
            return;
        }

        var since = Stopwatch.GetTimestamp();
        _waiting = true;
        try
        {
            while (!_stop)
            {
                if (connection.Readable(20_000))
                {
                    // A refusal that came late (READONLY, NOREPLICAS) is not the end of a wait, UNBLOCKED is.
                    if (connection.Read() is not { IsError: true } reply || reply.Text.StartsWith("UNBLOCKED", StringComparison.Ordinal))
                    {
                        _waits.Add(new WaitRecord(Name, since, Stopwatch.GetTimestamp(), node));
                    }

                    return;
                }
            }

            _waits.Add(new WaitRecord(Name, since, long.MaxValue, node));
        }
        catch (IOException)
        {
            _waits.Add(new WaitRecord(Name, since, Stopwatch.GetTimestamp(), node));
            throw;
        }
        finally
        {
            _waiting = false;
        }
    }
}
