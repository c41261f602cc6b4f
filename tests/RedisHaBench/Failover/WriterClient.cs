// A client that writes unique values without pause, as a plain client library would: no knowledge of Sentinels or roles.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Failover;

/// <summary>
/// One thread, one write at a time, every few milliseconds. A write sets a new field in the client's own hash. The client reconnects when its
/// connection breaks or a reply is overdue, and at no other time: an error reply, READONLY among them, leaves the connection as it is.
/// </summary>
internal sealed class WriterClient
{
    private const int Digits = 10;
    private readonly Destination _destination;
    private readonly TimeSpan _timeout;
    private readonly int _pause;
    private readonly List<WriteRecord> _writes = new(1 << 16);
    private readonly byte[] _first;
    private readonly int _writeStart;
    private readonly int _fieldStart;
    private readonly int _valueStart;
    private readonly Thread _thread;
    private RespConnection? _connection;
    private long _opened;
    private sbyte _node;
    private volatile bool _stop;
    private long _lastAck;
    private volatile int _lastAckNode = -1;
    private volatile int _acknowledged;
    private volatile Exception? _failure;

    /// <param name="name">Name, and key of the hash.</param>
    /// <param name="kind">Whether the connection is kept.</param>
    /// <param name="destination">The proxy.</param>
    /// <param name="timeout">For connecting and for each reply.</param>
    /// <param name="pause">Between two writes, milliseconds.</param>
    public WriterClient(string name, ClientKind kind, Destination destination, TimeSpan timeout, int pause)
    {
        Name = name;
        Kind = kind;
        _destination = destination;
        _timeout = timeout;
        _pause = pause;

        // One buffer for ever: greeting, then the write with its digits patched in.
        var zeros = new string('0', Digits);
        var write = RespConnection.Encode("HSET", name, zeros, zeros);
        _first = [.. destination.Hello, .. write];
        _writeStart = destination.Hello.Length;
        var text = Encoding.ASCII.GetString(write);
        _fieldStart = _writeStart + text.IndexOf(zeros, StringComparison.Ordinal);
        _valueStart = _writeStart + text.LastIndexOf(zeros, StringComparison.Ordinal);
        _thread = new Thread(Run, 256 * 1024) { IsBackground = true, Name = name };
    }

    public string Name { get; }

    public ClientKind Kind { get; }

    /// <summary>Acknowledged writes so far.</summary>
    public int Acknowledged => _acknowledged;

    /// <summary>When the last write was acknowledged.</summary>
    public long LastAck => Volatile.Read(ref _lastAck);

    /// <summary>By which node.</summary>
    public int LastAckNode => _lastAckNode;

    public void Start() => _thread.Start();

    /// <summary>Asks the thread to end.</summary>
    public void Stop() => _stop = true;

    /// <summary>Waits for the thread, and gives what it wrote down.</summary>
    /// <exception cref="InvalidOperationException">The client failed in a way that is not the proxy's doing.</exception>
    public WriterRecord Join()
    {
        _thread.Join();
        return _failure is null
            ? new WriterRecord(Name, Kind, _writes)
            : throw new InvalidOperationException($"client {Name} failed: {_failure.Message}", _failure);
    }

    private void Run()
    {
        try
        {
            for (var sequence = 1; !_stop; sequence++)
            {
                Write(sequence);
                Thread.Sleep(_pause);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _failure = e;
        }
        finally
        {
            _connection?.Dispose();
        }
    }

    private void Write(int sequence)
    {
        Patch(_fieldStart, sequence);
        Patch(_valueStart, sequence);
        var outcome = Outcome.Broken;
        var begin = Stopwatch.GetTimestamp();
        var keep = false;
        sbyte node = -1;
        try
        {
            if (_connection is null)
            {
                _opened = begin;
                _connection = RespConnection.Connect(_destination.EndPoint, _timeout, _destination.Network);
                _connection.Send(_first);
                _node = _destination.ReadHello(_connection);
            }
            else
            {
                _connection.Send(_first.AsSpan(_writeStart));
            }

            if (_node < 0)
            {
                outcome = Outcome.Refused;
            }
            else
            {
                outcome = Classify(_connection.ReadLine());
                node = _node;
                keep = Kind == ClientKind.Persistent;
            }
        }
        catch (IOException)
        {
            outcome = Stopwatch.GetElapsedTime(begin) >= _timeout ? Outcome.TimedOut : Outcome.Broken;
        }

        var ended = Stopwatch.GetTimestamp();
        _writes.Add(new WriteRecord(_opened, begin, ended, sequence, node, outcome));
        if (outcome == Outcome.Acknowledged)
        {
            _lastAckNode = node;
            Volatile.Write(ref _lastAck, ended);
            _acknowledged++;
        }

        if (!keep)
        {
            _connection?.Dispose();
            _connection = null;
        }
    }

    private static Outcome Classify(ReadOnlySpan<byte> line)
        => line.StartsWith(":"u8) ? Outcome.Acknowledged
            : line.StartsWith("-READONLY"u8) ? Outcome.ReadOnly
            : line.StartsWith("-NOREPLICAS"u8) ? Outcome.NoReplicas
            : line.StartsWith("-"u8) ? Outcome.Refused
            : throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"HSET was answered '{Encoding.UTF8.GetString(line)}'"));

    private void Patch(int at, int number)
    {
        for (var i = Digits - 1; i >= 0; i--, number /= 10)
        {
            _first[at + i] = (byte)('0' + (number % 10));
        }
    }
}
