// Accepts clients over TLS, and hands each to an event loop when its handshake is done, as one end of a socket pair. From there
// on it is a session like any other: gate, parking, limits, codes.
//
// Whoever connects may be hostile. A client counts against limits.connections and limits.perSource from its accept; beyond them a few
// are told so (TlsRefusals), and the rest is closed before the handshake, which is what costs. At most MaxHandshakes are under way:
// then accepting waits, and a handshake that makes others wait for longer than StallLimit is ended.

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Forwarding;

/// <summary>Listens for clients over TLS.</summary>
internal sealed partial class TlsAcceptor : IAsyncDisposable
{
    /// <summary>
    /// Handshakes under way at once. Each takes about a millisecond of a core on the thread pool, and what else runs there waits: the admin server, probes
    /// over TLS.
    /// </summary>
    internal const int MaxHandshakes = 256;

    /// <summary>How long a handshake may take when others wait for its place, or when it is only made to tell a refused client why.</summary>
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(100);

    private readonly TlsConfiguration _configuration;
    private readonly AddressNetworks? _headerSources;
    private readonly SharedLimits _limits;
    private readonly SessionLoop[] _loops;
    private readonly ILogger _log;
    private readonly TimeProvider _time;
    private readonly TlsServer _server;
    private readonly SampledLog _failures;
    private readonly SampledLog _exhaustions;
    private readonly SampledLog _refusals;
    private readonly TlsRefusals _told;
    private readonly CancellationTokenSource _accepting = new();
    private readonly CancellationTokenSource _handshaking = new();
    private readonly SemaphoreSlim _places = new(MaxHandshakes);
    private readonly LinkedList<Handshake> _handshakes = new();
    private Socket[] _listeners = [];
    private Task _acceptLoops = Task.CompletedTask;
    private bool _disposed;
    private int _nextLoop;
    private long _succeeded;
    private long _failed;
    private long _refused;

    /// <param name="configuration">Where and how clients are accepted.</param>
    /// <param name="proxyProtocol">Whose connections begin with a PROXY protocol header, before the handshake.</param>
    /// <param name="limits">Count handshakes as sessions.</param>
    /// <param name="loops">Take the sessions, in turn.</param>
    /// <param name="log">Tells of failures, sampled.</param>
    /// <param name="time">Where all time comes from.</param>
    public TlsAcceptor(
        TlsConfiguration configuration, ProxyProtocolConfiguration? proxyProtocol, SharedLimits limits, SessionLoop[] loops,
        ILogger<TlsAcceptor> log, TimeProvider time)
    {
        _configuration = configuration;
        _headerSources = proxyProtocol is null ? null : new AddressNetworks(proxyProtocol.From);
        _limits = limits;
        _loops = loops;
        _log = log;
        _time = time;
        _server = new TlsServer(configuration.Identity, configuration.Versions, configuration.ClientAuthorities);
        _failures = new SampledLog(lines: 5, TimeSpan.FromSeconds(10), time);
        _exhaustions = new SampledLog(lines: 1, TimeSpan.FromSeconds(10), time);
        _refusals = new SampledLog(lines: 1, TimeSpan.FromSeconds(10), time);
        _told = new TlsRefusals(time);
    }

    /// <summary>Clients refused because of a limit.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Handshakes that have ended.</summary>
    public HandshakeCounters Handshakes => new(Volatile.Read(ref _succeeded), Volatile.Read(ref _failed));

    /// <summary>Binds, and returns the addresses.</summary>
    /// <exception cref="SocketException">An address cannot be bound; the message names it. Nothing is left open.</exception>
    public IReadOnlyList<IPEndPoint> Listen()
    {
        _listeners = Sockets.Listen(_configuration.Listen, 1)[0];
        return [.. _listeners.Select(listener => (IPEndPoint)listener.LocalEndPoint!)];
    }

    /// <summary>Begins to accept.</summary>
    public void Start() => _acceptLoops = Task.WhenAll(_listeners.Select(listener => Task.Run(() => AcceptAsync(listener))));

    /// <summary>Takes other certificates and versions for the handshakes to come.</summary>
    public void Use(TlsConfiguration configuration) => _server.Use(configuration.Identity, configuration.Versions, configuration.ClientAuthorities);

    /// <summary>Closes the listeners. Handshakes under way go on, and become sessions.</summary>
    public void StopAccepting()
    {
        _accepting.Cancel();
        foreach (Socket listener in _listeners)
        {
            listener.Dispose();
        }
    }

    /// <summary>Ends what is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        StopAccepting();
        await _acceptLoops;
        await _handshaking.CancelAsync();
        for (int i = 0; i < MaxHandshakes; i++)
        {
            await _places.WaitAsync();
        }

        _accepting.Dispose();
        _handshaking.Dispose();
        _places.Dispose();
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_accepting.IsCancellationRequested)
        {
            try
            {
                await TakePlaceAsync();
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Socket? client = null;
            try
            {
                client = await listener.AcceptAsync(_accepting.Token);
                client.Blocking = true; // it has it from the listener, and NetworkStream asks for it; async calls never block
                var endPoint = (IPEndPoint)client.RemoteEndPoint!;
                var address = new ClientAddress(ClientAddress.Bits(endPoint.Address), (ushort)endPoint.Port);
                bool header = _headerSources?.Contain(address.Address) ?? false;
                bool counted = header ? _limits.TryEnter() : _limits.TryEnter(address.Address);
                if (counted || IsTold(address))
                {
                    Begin(client, address, header, counted);
                    continue;
                }
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                // The end of accepting.
            }
            catch (SocketException e)
            {
                await OnAcceptErrorAsync(e);
            }

            client?.Dispose();
            _places.Release();
        }
    }

    /// <summary>Counts a client that a limit refuses; whether there is a place to tell it.</summary>
    private bool IsTold(ClientAddress client)
    {
        Interlocked.Increment(ref _refused);
        if (_refusals.Lets(out long left))
        {
            LogRefused(_log, client.ToString(), left);
        }

        return _told.TryEnter();
    }

    private async Task OnAcceptErrorAsync(SocketException e)
    {
        // Any other error is of one connection, which is gone (accept(2)).
        if (e.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
        {
            if (_exhaustions.Lets(out _))
            {
                LogExhausted(_log, e.Message);
            }

            await Task.Delay(AcceptPause, _time, _accepting.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Waits until a handshake may begin, and makes those end that have been making others wait.</summary>
    private async Task TakePlaceAsync()
    {
        while (!await _places.WaitAsync(0))
        {
            Handshake? oldest;
            lock (_handshakes)
            {
                oldest = _handshakes.First?.Value;
            }

            if (oldest is not null && _time.GetElapsedTime(oldest.Started) is var age && age >= StallLimit)
            {
                oldest.Cancel();
            }

            if (await _places.WaitAsync(TimeSpan.FromMilliseconds(10), _accepting.Token))
            {
                return;
            }
        }
    }

    private void Begin(Socket client, ClientAddress address, bool header, bool counted)
    {
        var handshake = new Handshake(_time.GetTimestamp(), CancellationTokenSource.CreateLinkedTokenSource(_handshaking.Token));
        lock (_handshakes)
        {
            _handshakes.AddLast(handshake.Node);
        }

        _ = Task.Run(() => RunAsync(client, address, header, counted, handshake));
    }

    private async Task RunAsync(Socket network, ClientAddress client, bool header, bool counted, Handshake handshake)
    {
        SessionLoop loop = _loops[(uint)Interlocked.Increment(ref _nextLoop) % (uint)_loops.Length];
        var edge = new TlsEdge(loop);
        SslStream? tls = null;
        (int ForLoop, Socket ForUs)? pair = null;
        bool sourceCounted = counted && !header, told = !counted;
        try
        {
            handshake.Limit.CancelAfter(counted ? TlsServer.HandshakeLimit : StallLimit);
            bool known = !header;
            if (header && await ReadHeaderAsync(network, client, handshake.Limit.Token) is { } named)
            {
                (client, known) = (named, true);
                sourceCounted = counted && _limits.TryEnterSource(client.Address);
                told = told || (!sourceCounted && IsTold(client));
                if (told)
                {
                    handshake.Limit.CancelAfter(StallLimit);
                }
            }

            tls = known && (sourceCounted || told) ? await AuthenticateAsync(network, client, handshake) : null;
            if (tls is not null && told)
            {
                await TlsRefusals.TellAsync(network, tls, handshake.Limit);
            }
            else if (tls is not null)
            {
                pair = TlsEdge.CreatePair();
            }
        }
        catch (SocketException e)
        {
            await OnAcceptErrorAsync(e); // no descriptors for a pair
        }
        finally
        {
            lock (_handshakes)
            {
                _handshakes.Remove(handshake.Node);
            }

            handshake.Limit.Dispose();
            _places.Release();
        }

        if (tls is null || pair is not var (forLoop, forUs))
        {
            Interlocked.Increment(ref told && tls is not null ? ref _succeeded : ref _failed);
            Leave(client, counted, sourceCounted, told);
            network.Dispose();
            return;
        }

        Interlocked.Increment(ref _succeeded);
        edge.Attach(network);
        loop.Post(each => each.Admit(forLoop, client, edge));
        await edge.PumpAsync(network, tls, forUs);
    }

    private void Leave(ClientAddress client, bool counted, bool sourceCounted, bool told)
    {
        if (told)
        {
            _told.Leave();
        }

        if (sourceCounted)
        {
            _limits.Leave(client.Address);
        }
        else if (counted)
        {
            _limits.Leave();
        }
    }

    private void LogFailure(ClientAddress client, string cause)
    {
        if (!_handshaking.IsCancellationRequested && _failures.Lets(out long left))
        {
            LogFailed(_log, client.ToString(), cause, left);
        }
    }

    private async Task<SslStream?> AuthenticateAsync(Socket network, ClientAddress client, Handshake handshake)
    {
        SslServerAuthenticationOptions options = _server.CreateOptions(out PeerVerification? verification);
        SslStream? tls = null;
        string cause;
        try
        {
            // A client that closes without a word is a port check, of a load balancer most often: no line for it.
            if (await network.ReceiveAsync(new byte[1], SocketFlags.Peek, handshake.Limit.Token) == 0)
            {
                return null;
            }

            tls = new SslStream(new NetworkStream(network, ownsSocket: true));
            await tls.AuthenticateAsServerAsync(options, handshake.Limit.Token);
            return tls;
        }
        catch (OperationCanceledException)
        {
            cause = "the handshake did not finish in time";
        }
        catch (Exception e)
        {
            // Hostile bytes may cause any error of the library, and each of them ends this connection alone.
            cause = verification?.Problem ?? (e is AuthenticationException or IOException ? TlsException.Cause(e) : e.ToString());
        }

        if (tls is not null)
        {
            await tls.DisposeAsync();
        }

        LogFailure(client, cause);
        return null;
    }

    [LoggerMessage(LogEvents.ClientTlsFailed, LogLevel.Warning,
        "The TLS connection with client {Client} failed: {Cause} ({Left} more since the last such line)",
        EventName = nameof(LogEvents.ClientTlsFailed))]
    private static partial void LogFailed(ILogger log, string client, string cause, long left);

    [LoggerMessage(LogEvents.TlsClientRefused, LogLevel.Warning,
        "Client {Client} over TLS was refused: limits.connections is reached, or limits.perSource by its address ({Left} more since the last such line)",
        EventName = nameof(LogEvents.TlsClientRefused))]
    private static partial void LogRefused(ILogger log, string client, long left);

    [LoggerMessage(LogEvents.TlsFilesExhausted, LogLevel.Warning,
        "Clients over TLS wait: {Cause}. Raise LimitNOFILE or lower limits.connections.",
        EventName = nameof(LogEvents.TlsFilesExhausted))]
    private static partial void LogExhausted(ILogger log, string cause);
}
