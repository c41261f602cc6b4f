// TLS below Kestrel's HTTP. Kestrel's own needs the service container of a web host, which this process does without.

using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;

namespace RedisHaProxy.Tls;

/// <summary>One connection to the admin server over TLS.</summary>
internal static class TlsHttpConnection
{
    /// <summary>Does the handshake, and has HTTP spoken over it; a connection without agreement is closed.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="server">The certificate.</param>
    /// <param name="http">Speaks HTTP over it.</param>
    /// <param name="failed">Told of a handshake that failed, with the cause.</param>
    public static async Task RunAsync(ConnectionContext connection, TlsServer server, ConnectionDelegate http, Action<ConnectionContext, string> failed)
    {
        IDuplexPipe network = connection.Transport;
        await using var tls = new SslStream(new PipeStream(network), leaveInnerStreamOpen: true);
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
            limit.CancelAfter(TlsServer.HandshakeLimit);
            await tls.AuthenticateAsServerAsync(server.CreateOptions(out _), limit.Token);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException)
        {
            failed(connection, e is OperationCanceledException ? "it did not finish in time" : TlsException.Cause(e));
            return;
        }

        var reader = PipeReader.Create(tls, new StreamPipeReaderOptions(leaveOpen: true));
        var writer = PipeWriter.Create(tls, new StreamPipeWriterOptions(leaveOpen: true));
        connection.Transport = new DuplexPipe(reader, writer);
        try
        {
            await http(connection);
        }
        finally
        {
            await reader.CompleteAsync();
            await writer.CompleteAsync();
            connection.Transport = network;
        }

        try
        {
            await tls.ShutdownAsync();
        }
        catch (IOException)
        {
            // The peer has gone already.
        }
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    // The two directions of a connection as one stream; TLS uses it asynchronously only.
    private sealed class PipeStream(IDuplexPipe pipe) : Stream
    {
        private readonly Stream _input = pipe.Input.AsStream(leaveOpen: true);
        private readonly Stream _output = pipe.Output.AsStream(leaveOpen: true);

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            _input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            _output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
