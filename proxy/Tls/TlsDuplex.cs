// A TLS stream whose two directions are two tasks' business.
//
// SslStream lets one task read while another writes, but not while another ends its direction: ShutdownAsync takes no lock, so OpenSSL may be in the
// middle of a record then. When that is a session ticket, which a server sends after its handshake, OpenSSL refuses ("shutdown while in init"), and the
// caller would take an orderly end for a broken connection. So the reader makes way: it is called off, which loses nothing, and goes on afterwards.

using System.Net.Security;

namespace RedisHaProxy.Tls;

/// <summary>
/// Reads, writes and half-closes a TLS stream from two tasks. Does not own it; disposed of before it, what is still under way fails with
/// <see cref="ObjectDisposedException"/>.
/// </summary>
internal sealed class TlsDuplex(SslStream stream) : IDisposable
{
    private readonly SemaphoreSlim _reading = new(1, 1);
    private readonly CancellationTokenSource _finishing = new();
    private bool _finished; // of _reading

    /// <summary>Reads as the stream does; with an empty buffer it waits until there is something to read. For one task.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer)
    {
        while (true)
        {
            await _reading.WaitAsync();
            CancellationToken finishing = _finished ? CancellationToken.None : _finishing.Token;
            try
            {
                return await stream.ReadAsync(buffer, finishing);
            }
            catch (OperationCanceledException) when (finishing.IsCancellationRequested)
            {
                // The other task's turn, which waits already.
            }
            finally
            {
                _reading.Release();
            }
        }
    }

    /// <summary>Writes as the stream does. For one task, which may be another one than the reader.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes);

    /// <summary>Sends close_notify, once. For the task that writes.</summary>
    public async Task FinishAsync()
    {
        Task turn = _reading.WaitAsync(); // before the reader is called off: those who wait get their turns in order
        await _finishing.CancelAsync();
        await turn;
        try
        {
            _finished = true;
            await stream.ShutdownAsync();
        }
        finally
        {
            _reading.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _reading.Dispose();
        _finishing.Dispose();
    }
}
