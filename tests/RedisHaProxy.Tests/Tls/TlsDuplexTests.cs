// One task reads a TLS stream while another ends its direction.

using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Tests.Tls;

public sealed class TlsDuplexTests
{
    private const int Times = 20;

    [Fact]
    public async Task A_direction_ends_while_no_read_is_under_way_and_the_other_direction_goes_on()
    {
        for (int i = 0; i < Times; i++)
        {
            await using var server = new PlainServer(socket => ServeAsync(socket, async tls =>
            {
                byte[] buffer = new byte[100];
                int asked = await tls.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false);
                await tls.WriteAsync(new byte[3 * asked]);
                await tls.ShutdownAsync();
            }));
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(server.EndPoint).WaitAsync(Bound.Wait);
            await using var watched = new WatchedStream(new NetworkStream(socket));
            await using var tls = new SslStream(watched);
            await AuthenticateAsync(tls);
            using var duplex = new TlsDuplex(tls);

            Task<int> reading = Task.Run(async () =>
            {
                byte[] buffer = new byte[100];
                int got = 0;
                while (await duplex.ReadAsync(Memory<byte>.Empty) >= 0 && await duplex.ReadAsync(buffer) is > 0 and var length)
                {
                    got += length;
                }

                return got;
            });
            if (i > Times / 2) // before, the reader may still be at what follows the handshake
            {
                await Eventually.HoldsAsync(() => watched.Reading, () => "the reader waits");
            }

            await duplex.WriteAsync(new byte[7]);
            int written = watched.WritesWhileReading.Count;
            await duplex.FinishAsync();

            Assert.False(watched.WritesWhileReading[written], "close_notify was made while a read was under way");
            Assert.Equal(21, await reading.WaitAsync(Bound.Wait));
        }
    }

    [Fact]
    public async Task An_end_that_comes_while_the_reader_waits_is_not_taken_for_its_being_called_off()
    {
        await using var server = new PlainServer(socket => ServeAsync(socket, tls => tls.ReadExactlyAsync(new byte[1]).AsTask()));
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.EndPoint).WaitAsync(Bound.Wait);
        await using var tls = new SslStream(new NetworkStream(socket));
        await AuthenticateAsync(tls);
        using var duplex = new TlsDuplex(tls);
        Task<int> reading = duplex.ReadAsync(new byte[1]).AsTask();
        await duplex.FinishAsync();
        Assert.Equal(0, await reading.WaitAsync(Bound.Wait));
        Assert.Equal(0, await duplex.ReadAsync(new byte[1]).AsTask().WaitAsync(Bound.Wait));
    }

    private readonly TestAuthority _authority = new();

    private Task AuthenticateAsync(SslStream tls)
    {
        var chain = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        chain.CustomTrustStore.AddRange(_authority.Authorities);
        var options = new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", CertificateChainPolicy = chain };
        return tls.AuthenticateAsClientAsync(options).WaitAsync(Bound.Wait);
    }

    private async Task ServeAsync(Socket socket, Func<SslStream, Task> handler)
    {
        using X509Certificate2 identity = _authority.Issue("node");
        await using var tls = new SslStream(new NetworkStream(socket));
        await tls.AuthenticateAsServerAsync(identity);
        try
        {
            await handler(tls);
        }
        catch (EndOfStreamException)
        {
            // The client has finished.
        }
    }

    /// <summary>Says of each write whether a read was under way.</summary>
    private sealed class WatchedStream(Stream inner) : Stream
    {
        private volatile bool _reading;

        public bool Reading => _reading;

        public List<bool> WritesWhileReading { get; } = [];

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _reading = true;
            try
            {
                return await inner.ReadAsync(buffer, cancellationToken);
            }
            finally
            {
                _reading = false;
            }
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            WritesWhileReading.Add(_reading);
            return inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                inner.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
