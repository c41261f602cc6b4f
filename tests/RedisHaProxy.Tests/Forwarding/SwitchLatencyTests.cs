// A switch needs no thread of the pool: not for its first order, not for the acknowledgements, not for the order that opens. So it takes as long
// in a storm of TLS handshakes, which run there, as on a quiet day.

using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;
using RedisHaProxy.Tests.Tls;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class SwitchLatencyTests
{
    private const int Handshakes = 200;

    [Fact]
    public Task A_switch_waits_for_no_handshake_and_no_thread_of_the_pool() => SecondChance.WithinAsync(TimeSpan.FromMilliseconds(500), SwitchAsync);

    private static async Task<TimeSpan> SwitchAsync()
    {
        using Socket first = Listen(), second = Listen();
        RedisNode[] nodes = [.. new[] { first, second }.Select((s, i) => new RedisNode($"redis{i + 1}", (IPEndPoint)s.LocalEndPoint!))];
        var configuration = new ProxyConfiguration
        {
            Listen = [new(IPAddress.Loopback, 0)],
            Tls = new TlsConfiguration { Listen = [new(IPAddress.Loopback, 0)], Identity = new TestAuthority().Identity("proxy") },
            ReadOnly = new ReadOnlyConfiguration { Listen = [new(IPAddress.Loopback, 0)] },
            Redis = new RedisConfiguration { Nodes = nodes },
        };
        await using var plane = new DataPlane(configuration, NullLoggerFactory.Instance, TimeProvider.System, loops: 2);
        var clients = new List<Socket>();
        var release = new ManualResetEventSlim(); // not disposed: work that waits for it may begin after the test
        using var opened = new AutoResetEvent(false);
        try
        {
            plane.Start();
            var gate = new Gate(
                plane.Apply, new MonotonicClock(TimeProvider.System), oneTarget: true, carried => _ = carried.Order.Mode == GateMode.Open && opened.Set());
            var reads = new Gate(plane.ApplyReadOnly, new MonotonicClock(TimeProvider.System), oneTarget: false);
            gate.Start();
            reads.Start();
            reads.Want(new GateOrder(GateMode.Open, [nodes[1]], [], 0), () => default);
            gate.Want(new GateOrder(GateMode.Open, nodes[0], 0), () => default);
            Assert.True(opened.WaitOne(Bound.Wait));
            Socket session = Connect(plane.ListenEndPoints[0]), node = first.Accept();
            clients.AddRange([session, node]);

            byte[] hello = ClientHello();
            for (int i = 0; i < Handshakes; i++)
            {
                Socket client = Connect(plane.TlsListenEndPoints[0]);
                client.Send(hello);
                clients.Add(client);
            }

            // Every thread of the pool is taken, and more work waits in front of whatever comes now than the threads that the pool adds meanwhile can take.
            for (int i = 0; i < 100 + (4 * Environment.ProcessorCount) || ThreadPool.PendingWorkItemCount < 20 * Environment.ProcessorCount; i++)
            {
                ThreadPool.UnsafeQueueUserWorkItem(_ => release.Wait(Bound.Wait), null);
                Assert.True(i < 10_000, "the pool takes everything");
            }

            bool poolRan = false;
            ThreadPool.UnsafeQueueUserWorkItem(_ => Volatile.Write(ref poolRan, true), null);
            long start = Stopwatch.GetTimestamp();
            gate.Want(new GateOrder(GateMode.Open, nodes[1], 0), () => default);
            Assert.True(opened.WaitOne(Bound.Wait));
            TimeSpan took = Stopwatch.GetElapsedTime(start);

            Assert.False(Volatile.Read(ref poolRan), "a thread of the pool was free: nothing is shown");
            Assert.Equal(SocketError.ConnectionReset, Assert.Throws<SocketException>(() => session.Receive(new byte[1])).SocketErrorCode);
            clients.Add(Connect(plane.ListenEndPoints[0]));
            clients.Add(second.Accept());
            return took;
        }
        finally
        {
            release.Set();
            clients.ForEach(client => client.Dispose());
        }
    }

    private static Socket Listen()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen();
        return socket;
    }

    private static Socket Connect(IPEndPoint to)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = (int)Bound.Wait.TotalMilliseconds };
        socket.Connect(to);
        return socket;
    }

    // The first flight of a handshake, as a client sends it.
    private static byte[] ClientHello()
    {
        using var sent = new MemoryStream();
        using var tls = new SslStream(new Recorder(sent));
        Assert.ThrowsAny<Exception>(() => tls.AuthenticateAsClient("proxy"));
        return sent.ToArray();
    }

    private sealed class Recorder(MemoryStream sent) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => 0;

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => sent.Write(buffer, offset, count);
    }
}
