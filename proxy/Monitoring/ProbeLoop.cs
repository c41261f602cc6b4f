// The life of one probe: connect, greet, ask again and again, and after a failure try again at a pace that fits the failure.
// One connection at a time, kept for as long as it answers.
//
// All of it runs on the reactor's thread. Questions are due at multiples of the interval since the router's start: those of all servers
// come together, go out in one wake-up of the thread, and their answers are taken in the next (ReactorThread.Gather). A question costs
// no task, no timer and no memory of its own.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tls;

namespace RedisHaProxy.Monitoring;

/// <summary>What is said on a probe's connection.</summary>
internal interface IConversation
{
    /// <summary>Commands sent once after connecting, and how many replies they have.</summary>
    (ReadOnlyMemory<byte> Bytes, int Replies) Greeting { get; }

    /// <summary>Commands to send now, and how many replies they have; not the same each time.</summary>
    (ReadOnlyMemory<byte> Bytes, int Replies) Question { get; }

    /// <summary>How many questions are asked in an interval: one, or more while nothing else would bring the news in time.</summary>
    int QuestionsPerInterval => 1;

    /// <summary>Reads the replies to the greeting.</summary>
    /// <exception cref="RespException">They are not what the commands answer.</exception>
    Outcome Greeted(ReadOnlySpan<byte> replies);

    /// <summary>Reads the replies to a question, and reports them if they are an answer.</summary>
    /// <exception cref="RespException">They are not what the commands answer.</exception>
    Outcome Answered(ReadOnlySpan<byte> replies, TimeSpan sentAt, TimeSpan at);

    /// <summary>Reports that there is no answer.</summary>
    void Failed(Outcome outcome, TimeSpan sentAt, TimeSpan at);
}

/// <summary>How a step of a conversation went.</summary>
/// <param name="Health">The state that it means.</param>
/// <param name="Error">What the server or the system said.</param>
/// <param name="Unbroken">An error reply on a connection on which this very process had answered before.</param>
internal readonly record struct Outcome(ServerHealth Health, string? Error = null, bool Unbroken = false)
{
    public static Outcome Up => new(ServerHealth.Up);

    /// <summary>The server's, or the system's, words; without a full stop at the end, because they are quoted within sentences.</summary>
    public string? Error { get; init; } = Error?.TrimEnd('.', ' ');
}

/// <summary>Runs a conversation for ever.</summary>
internal sealed class ProbeLoop(
    IPEndPoint endPoint, IConversation conversation, TimeSpan interval, ReactorThread reactor, MonotonicClock clock, TlsClient? tls = null) : IDisposable
{
    /// <summary>Bound of a connection attempt: Linux repeats a lost SYN after 1 s, so that a second attempt is no worse.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Silence after which the connection is given up. A machine that lost its power answers again only on a new connection,
    /// and the old one's retransmissions back off to minutes.
    /// </summary>
    private static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(2);

    /// <summary>Between two logins on a connection whose server refuses them. It is alive, and this keeps knowing it.</summary>
    private static readonly TimeSpan RefusalPause = TimeSpan.FromMilliseconds(250);

    /// <summary>A server whose protocol is in doubt is asked which one it speaks at most this often.</summary>
    private static readonly TimeSpan AskedAnew = TimeSpan.FromSeconds(10);

    /// <summary>So many connections in a row without a reply are a state of the server: one may meet its restart, two its crash and its restart.</summary>
    private const int ClosesAtOnceAfter = 3;

    private readonly Pacer _pacer = new(reactor);
    private ServerHealth _failing;
    private int _failures;   // in a row, of that state
    private bool _answered;  // on the last connection, a whole reply came
    private bool _endedBare; // the last connection was ended by the server without a reply
    private bool _speaksNoTls;
    private int _bareEnds;   // connections in a row that ended without a reply
    private Outcome? _found; // what the other protocol's question said
    private TimeSpan _askAgainAt;

    /// <summary>Asks at once instead of at the end of the interval. From any thread.</summary>
    public void Poke() => _pacer.Poke();

    /// <inheritdoc/>
    public void Dispose() => _pacer.Dispose();

    /// <summary>Runs until cancelled, on the reactor's thread; never throws for a server's failure.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            TimeSpan startedAt = clock.Now;
            Outcome outcome = await AttemptAsync(stop);
            outcome = stop.IsCancellationRequested ? outcome : await ExplainAsync(outcome, stop);
            if (stop.IsCancellationRequested)
            {
                return;
            }

            conversation.Failed(outcome, startedAt, clock.Now);
            await BackOffAsync(outcome.Health, stop);
        }
    }

    private async ValueTask<Outcome> AttemptAsync(CancellationToken stop)
    {
        // Every wait for the network below ends with this source: when the program stops, or when the server is silent.
        using var limit = new CancellationTokenSource(ConnectTimeout, clock.Time);
        using CancellationTokenRegistration registration = stop.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
        RespSocket? connection = null;
        _answered = _speaksNoTls = _endedBare = false;
        try
        {
            connection = await RespSocket.ConnectAsync(reactor, endPoint, tls, limit.Token);
            return await ConverseAsync(connection, limit, stop);
        }
        catch (OperationCanceledException)
        {
            return connection is null
                ? NoConnection()
                : new Outcome(ServerHealth.Disconnected, $"no answer within {SilenceLimit.TotalSeconds:0} s");
        }
        catch (Exception e) when (e is SocketException or TlsException or RespException)
        {
            Outcome outcome = await OutcomeOfAsync(e, connection);
            _speaksNoTls = e is TlsException { IsCertificate: false };
            _endedBare = outcome.Health == ServerHealth.Disconnected && e is not TlsException { IsLate: true } && !_answered;
            return e is TlsException { IsLate: true } ? NoConnection() : outcome;
        }
        finally
        {
            connection?.Dispose();
        }
    }

    private Outcome NoConnection() =>
        new(ServerHealth.ConnectTimeout, $"no connection{(tls is null ? "" : " with TLS")} within {ConnectTimeout.TotalSeconds:0} s");

    /// <summary>
    /// What a failure means. A server that refuses a connection writes why and closes, and a reset overtakes what it wrote: that is read first.
    /// </summary>
    /// <param name="e">A <see cref="SocketException"/>, <see cref="TlsException"/> or <see cref="RespException"/>.</param>
    /// <param name="connection">Where it happened; null when there was none yet.</param>
    internal static async ValueTask<Outcome> OutcomeOfAsync(Exception e, RespSocket? connection)
    {
        try
        {
            string? lastWord = e is SocketException && connection is not null ? await connection.LastErrorAsync() : null;
            return lastWord is not null && ServerErrors.Classify(Encoding.ASCII.GetBytes(lastWord)) is not ServerHealth.Up and var health
                ? new Outcome(health, lastWord)
                : connection is { LooksLikeTls: true } ? new Outcome(ServerHealth.SpeaksTls, "it answers with a record of TLS")
                : e switch
                {
                    SocketException socket => new Outcome(HealthOf(socket.SocketErrorCode), socket.Message),
                    TlsException { IsBareEnd: true } or TlsException { IsLate: true } => new Outcome(ServerHealth.Disconnected, e.Message),
                    TlsException { IsCertificate: true } => new Outcome(ServerHealth.CertificateRefused, e.Message),
                    TlsException => new Outcome(ServerHealth.TlsFailed, e.Message),
                    _ => new Outcome(ServerHealth.ProtocolError, e.Message),
                };
        }
        catch (TlsException alert)
        {
            return new Outcome(ServerHealth.TlsFailed, alert.Message);
        }
    }

    // A connection that ends without a word, or has no TLS, may be one to a port of the other kind: it is asked, now and then.
    private async ValueTask<Outcome> ExplainAsync(Outcome outcome, CancellationToken stop)
    {
        _bareEnds = _endedBare ? _bareEnds + 1 : 0;
        bool isDoubtful = tls is null ? _bareEnds > 1 : _speaksNoTls && (!_endedBare || _bareEnds > 1);
        if (!isDoubtful)
        {
            _found = _endedBare ? _found : null;
        }
        else if (clock.Now >= _askAgainAt)
        {
            _askAgainAt = clock.Now + AskedAnew;
            _found = await SpokenProtocol.AskAsync(reactor, endPoint, tls is not null, stop);
        }

        return isDoubtful && _found is { } found ? found : _bareEnds >= ClosesAtOnceAfter ? outcome with { Health = ServerHealth.ClosesAtOnce } : outcome;
    }

    private async ValueTask<Outcome> ConverseAsync(RespSocket connection, CancellationTokenSource limit, CancellationToken stop)
    {
        (ReadOnlyMemory<byte> greeting, int greetingReplies) = conversation.Greeting;
        // A connection that ends between two questions ends the wait: a promotion kills all connections, so its own end is the
        // first sign of it, well before the next question is due.
        Action poke = _pacer.Poke;
        bool greeted = greetingReplies == 0;
        bool inTime = false;
        bool answered = false;
        while (!stop.IsCancellationRequested)
        {
            limit.CancelAfter(SilenceLimit);
            (ReadOnlyMemory<byte> question, int questionReplies) = conversation.Question;
            TimeSpan sentAt = clock.Now;
            await connection.SendAsync(greeted ? question : greeting, limit.Token);
            if (inTime)
            {
                // The others have asked as well. Whoever was asked for a reason is listened to at once.
                reactor.Gather();
            }

            ReadOnlyMemory<byte> replies;
            while (!connection.TryReceive(greeted ? questionReplies : greetingReplies, out replies))
            {
                await connection.MoreAsync(limit.Token);
                limit.Token.ThrowIfCancellationRequested();
            }

            _answered = true;
            Outcome outcome = greeted ? conversation.Answered(replies.Span, sentAt, clock.Now) : conversation.Greeted(replies.Span);
            TimeSpan due = DueAfter(sentAt);
            switch (outcome.Health)
            {
                case ServerHealth.Up when !greeted:
                    greeted = true;
                    continue;
                case ServerHealth.Up:
                    _failures = 0;
                    _failing = ServerHealth.Up;
                    answered = true;
                    break;
                case ServerHealth.Loading or ServerHealth.Busy when greeted:
                    // It will pass; the same connection will see it pass.
                    conversation.Failed(outcome with { Unbroken = answered }, sentAt, clock.Now);
                    break;
                case var health when health.RefusesProbe():
                    // The account may be put right at any moment, and as long as the connection stays open, the process lives.
                    conversation.Failed(outcome, sentAt, clock.Now);
                    greeted = greetingReplies == 0;
                    due = clock.Now + RefusalPause;
                    break;
                default:
                    return outcome;
            }

            limit.CancelAfter(Timeout.InfiniteTimeSpan);
            connection.Watch(poke);
            do
            {
                await _pacer.WaitAsync(due - clock.Now, stop);
                inTime = clock.Now >= due;
            }
            while (!inTime && IsPaced(outcome.Health) && !connection.IsReadable && !stop.IsCancellationRequested);

            connection.Watch(null);
        }

        return Outcome.Up;
    }

    // The next multiple of the interval since the clock's start: never more than an interval away, and the same for all probes.
    private TimeSpan DueAfter(TimeSpan sentAt)
    {
        long ticks = interval.Ticks / conversation.QuestionsPerInterval;
        return new(((sentAt.Ticks / ticks) + 1) * ticks);
    }

    // A poke must not cut the pause after a refused login short: it would turn a flood of events into a flood of failed logins.
    private static bool IsPaced(ServerHealth health) => health.RefusesProbe();

    // How long to wait before the next attempt. What may end at any moment (a restart, a promotion that killed all
    // connections) is tried at once or nearly so: it costs one packet. What needs a person is tried ever more rarely, down to once in three
    // seconds: when the person is done, the proxy should be.
    private async ValueTask BackOffAsync(ServerHealth health, CancellationToken stop)
    {
        // An end without a word does not make a server that gave a reason before any quicker to ask.
        bool continues = health == _failing || (_bareEnds > 0 && _failing.IsReason());
        _failing = continues ? _failing : health;
        _failures = continues ? _failures + 1 : 0;
        TimeSpan delay = BackOff(_failing, _failures, _bareEnds);
        if (_failing.NeedsOperator())
        {
            // A poke must not undo this back-off: it would turn a flood of events into a flood of failed logins.
            for (TimeSpan end = clock.Now + delay; clock.Now < end && !stop.IsCancellationRequested;)
            {
                await _pacer.WaitAsync(end - clock.Now, stop);
            }
        }
        else
        {
            await _pacer.WaitAsync(delay, stop);
        }
    }

    /// <summary>The pause after a failed attempt.</summary>
    /// <param name="health">The state.</param>
    /// <param name="before">How often it was met in a row before.</param>
    /// <param name="bareEnds">How many connections in a row ended without a reply.</param>
    internal static TimeSpan BackOff(ServerHealth health, int before, int bareEnds)
    {
        int doublings = Math.Min(before, 6);
        return health switch
        {
            ServerHealth.ConnectTimeout => TimeSpan.Zero,
            ServerHealth.Refused => TimeSpan.FromMilliseconds(50),
            ServerHealth.Disconnected or ServerHealth.ClosesAtOnce when bareEnds > ClosesAtOnceAfter =>
                TimeSpan.FromMilliseconds(Math.Min(50 << Math.Min(bareEnds - ClosesAtOnceAfter, 6), 500)),
            ServerHealth.Disconnected or ServerHealth.ClosesAtOnce => before == 0 && bareEnds <= 1 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(50),
            ServerHealth.Unreachable => TimeSpan.FromMilliseconds(250),
            // Alive, and each of its replies is a sign of that: they must not become rare.
            ServerHealth.Busy or ServerHealth.ServerError => TimeSpan.FromMilliseconds(Math.Min(100 << doublings, 250)),
            _ when health.NeedsOperator() => TimeSpan.FromMilliseconds(Math.Min(250 << doublings, 3000)),
            _ => TimeSpan.FromMilliseconds(Math.Min(100 << doublings, 2000)),
        };
    }

    private static ServerHealth HealthOf(SocketError error) => error switch
    {
        SocketError.ConnectionRefused => ServerHealth.Refused,
        SocketError.HostUnreachable or SocketError.NetworkUnreachable or SocketError.HostDown or SocketError.NetworkDown => ServerHealth.Unreachable,
        SocketError.TimedOut => ServerHealth.ConnectTimeout,
        _ => ServerHealth.Disconnected,
    };
}
