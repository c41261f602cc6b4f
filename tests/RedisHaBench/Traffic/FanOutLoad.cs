// The load that redis-benchmark has not: one publisher, many subscribers, all through the proxy.

using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>
/// A closed loop in one thread: so many messages are under way, and the next is published when the oldest has reached every subscriber. A
/// message is stamped when it is sent, and each delivery is timed. Sockets do not block; epoll(7) says which have something.
/// </summary>
internal sealed partial class FanOutLoad : IDisposable
{
    /// <summary>Bytes of a message.</summary>
    public const int PayloadBytes = 100;

    private const string Channel = "fan-out";
    private const int EpollIn = 1;
    private const int EventsAtOnce = 128;

    // struct epoll_event is packed on x64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventSize - 8;

    private readonly Socket[] _subscribers;
    private readonly long[] _received; // bytes, by subscriber
    private readonly Socket _publisher;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly byte[] _events = new byte[EventsAtOnce * 16];
    private readonly byte[] _message = Encoding.ASCII.GetBytes(
        $"*3\r\n$7\r\nPUBLISH\r\n${Channel.Length}\r\n{Channel}\r\n${PayloadBytes}\r\n{new string('x', PayloadBytes)}\r\n");

    private readonly int _epoll;

    private FanOutLoad(IPEndPoint proxy, string password, int subscribers)
    {
        _subscribers = new Socket[subscribers];
        _received = new long[subscribers];
        _publisher = Open(proxy, password, null);
        for (var i = 0; i < subscribers; i++)
        {
            _subscribers[i] = Open(proxy, password, Channel);
        }

        _epoll = Checked(epoll_create1(0), "epoll_create1");
        for (var i = 0; i <= subscribers; i++)
        {
            var registration = new byte[16];
            BitConverter.TryWriteBytes(registration, EpollIn);
            BitConverter.TryWriteBytes(registration.AsSpan(DataOffset), (long)i);
            Checked(epoll_ctl(_epoll, 1, (int)(i == subscribers ? _publisher : _subscribers[i]).Handle, registration), "epoll_ctl");
        }
    }

    /// <summary>Bytes of a delivery on the wire.</summary>
    private static int DeliveryBytes { get; } = Delivery(PayloadBytes);

    /// <summary>Connects, runs the load and disconnects.</summary>
    /// <param name="proxy">Where all clients connect.</param>
    /// <param name="password">The default user's.</param>
    /// <param name="load">Subscribers and messages under way.</param>
    /// <param name="deliveries">How many at least, over all subscribers.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="IOException">A connection ended, or something else than the messages came.</exception>
    public static Sample Run(IPEndPoint proxy, string password, Load load, long deliveries, CancellationToken cancellationToken)
    {
        using var fanOut = new FanOutLoad(proxy, password, load.Clients);
        return fanOut.Publish(Math.Max(load.Pipeline, (int)(deliveries / load.Clients)), load.Pipeline, cancellationToken);
    }

    /// <summary>Closes all connections.</summary>
    public void Dispose()
    {
        Array.ForEach(_subscribers, s => s.Dispose());
        _publisher.Dispose();
        _ = close(_epoll);
    }

    private static int Delivery(int payload)
        => Encoding.ASCII.GetByteCount(string.Create(CultureInfo.InvariantCulture,
            $"*3\r\n$7\r\nmessage\r\n${Channel.Length}\r\n{Channel}\r\n${payload}\r\n")) + payload + 2;

    private static Socket Open(IPEndPoint proxy, string password, string? channel)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        try
        {
            socket.Connect(proxy);
            Ask(socket, "+OK\r\n", "AUTH", password);
            if (channel is not null)
            {
                Ask(socket, string.Create(CultureInfo.InvariantCulture, $"*3\r\n$9\r\nsubscribe\r\n${channel.Length}\r\n{channel}\r\n:1\r\n"),
                    "SUBSCRIBE", channel);
            }

            socket.Blocking = false;
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw new IOException($"fan-out: {e.SocketErrorCode}", e);
        }
    }

    private static void Ask(Socket socket, string expected, params ReadOnlySpan<string> command)
    {
        socket.Send(RespConnection.Encode(command));
        var reply = new byte[expected.Length];
        for (var read = 0; read < reply.Length;)
        {
            var length = socket.Receive(reply.AsSpan(read));
            read += length > 0 ? length : throw new IOException("fan-out: a connection ended");
        }

        if (Encoding.ASCII.GetString(reply) is var text && text != expected)
        {
            throw new IOException($"fan-out: expected '{expected.Trim()}', not '{text.Trim()}'");
        }
    }

    private Sample Publish(int messages, int underWay, CancellationToken cancellationToken)
    {
        var sentAt = new long[messages];
        var missing = new int[messages]; // subscribers that have not got it
        Array.Fill(missing, _subscribers.Length);
        var latencies = new long[(long)messages * _subscribers.Length];
        long deliveries = 0;
        var (sent, complete) = (0, 0);
        var start = Stopwatch.GetTimestamp();
        while (complete < messages)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (sent < messages && sent - complete < underWay)
            {
                Utf8Formatter.TryFormat(sent, _message.AsSpan(_message.Length - 2 - 10), out _, new System.Buffers.StandardFormat('D', 10));
                sentAt[sent++] = Stopwatch.GetTimestamp();
                if (_publisher.Send(_message) != _message.Length)
                {
                    throw new IOException("fan-out: the publisher's socket is full");
                }
            }

            var count = Checked(epoll_wait(_epoll, _events, EventsAtOnce, 10_000), "epoll_wait");
            if (count == 0)
            {
                throw new IOException($"fan-out: nothing came for 10 s, after {deliveries.ToString(CultureInfo.InvariantCulture)} deliveries");
            }

            for (var i = 0; i < count; i++)
            {
                var index = (int)BitConverter.ToInt64(_events, (i * EventSize) + DataOffset);
                var length = Receive(index == _subscribers.Length ? _publisher : _subscribers[index]);
                if (index == _subscribers.Length)
                {
                    continue; // the publisher's replies
                }

                var now = Stopwatch.GetTimestamp();
                var before = _received[index] / DeliveryBytes;
                _received[index] += length;
                var after = _received[index] / DeliveryBytes;
                for (var message = before; message < after; message++)
                {
                    latencies[deliveries++] = now - sentAt[message];
                    missing[message]--;
                }

                if (after > before && _received[index] % DeliveryBytes == 0)
                {
                    CheckLast(length, after - 1);
                }
            }

            while (complete < sent && missing[complete] == 0)
            {
                complete++;
            }
        }

        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.Sort(latencies);
        return new Sample(deliveries, deliveries / seconds, At(0.5), At(0.99), At(0.999), null);

        double At(double quantile) => latencies[Math.Min(latencies.Length - 1, (long)(latencies.Length * quantile))] * 1000.0 / Stopwatch.Frequency;
    }

    /// <summary>The sequence number at the end of what was read must be the last message's: nothing lost, nothing twice.</summary>
    private void CheckLast(int length, long expected)
    {
        if (length >= 12 && (!Utf8Parser.TryParse(_buffer.AsSpan(length - 12, 10), out long number, out _) || number != expected))
        {
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"fan-out: message {expected} was due, {number} came"));
        }
    }

    private int Receive(Socket socket)
    {
        var length = socket.Receive(_buffer, SocketFlags.None, out var error);
        return error switch
        {
            SocketError.Success when length > 0 => length,
            SocketError.WouldBlock => 0,
            _ => throw new IOException($"fan-out: a connection ended ({error})"),
        };
    }

    private static int Checked(int result, string call)
        => result >= 0 ? result : throw new InvalidOperationException($"{call}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int epoll, int operation, int descriptor, byte[] registration);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int epoll, byte[] events, int count, int milliseconds);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
