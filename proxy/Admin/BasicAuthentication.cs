// HTTP basic authentication (RFC 7617): compares in constant time, and gives up listening to a source that guesses.

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>What a request's credentials are worth.</summary>
internal enum AuthenticationResult
{
    /// <summary>User and password are right, or none are asked for.</summary>
    Accepted,

    /// <summary>Those of the user who reads metrics and nothing else: 403 everywhere else.</summary>
    MetricsOnly,

    /// <summary>None or wrong ones: 401.</summary>
    Refused,

    /// <summary>Too many wrong ones from this source: 429, whatever they are now.</summary>
    TooManyGuesses,
}

/// <summary>Checks the Authorization header.</summary>
/// <param name="timeProvider">The time.</param>
/// <param name="log">Takes a line about wrong passwords, one in 30 s.</param>
internal sealed partial class BasicAuthentication(TimeProvider timeProvider, ILogger log)
{
    /// <summary>What to do about wrong passwords.</summary>
    public const string Advice = "If it is a scraper, a health check or a person of yours, give it the password of admin.passwordFile; a source that sends "
        + "ten in a row is not heard for a while.";

    /// <summary>Wrong passwords a source may send in a burst.</summary>
    public const int Burst = 10;

    /// <summary>Time after which a source may guess once more: a password of 20 letters outlives any such search.</summary>
    public static readonly TimeSpan Refill = TimeSpan.FromSeconds(3);

    // Sources remembered; an attacker with more addresses shares the last place.
    private const int MaxSources = 1024;

    // More than a request's headers may hold (AdminServer), and than a password file's line should.
    private const int BlockSize = 16 * 1024;

    private readonly ConcurrentDictionary<IPAddress, Guesses> _guesses = new();
    private readonly long _start = timeProvider.GetTimestamp();
    private readonly ILogger _logger = log;
    private readonly SampledLog _sample = new(1, TimeSpan.FromSeconds(30), timeProvider);
    private volatile (byte[] Credentials, AuthenticationResult Worth)[]? _expected;
    private volatile WrongPassword? _last;

    /// <summary>The last wrong password; null for none yet.</summary>
    public WrongPassword? Last => _last;

    /// <summary>Sets user and password; null for either serves everybody. Callable at any time.</summary>
    /// <param name="user">The user.</param>
    /// <param name="password">The password.</param>
    /// <param name="former">A password that is accepted as well; null for none.</param>
    /// <param name="metrics">Who reads metrics and nothing else; null for nobody.</param>
    public void Require(string? user, string? password, string? former = null, MetricsReader? metrics = null) =>
        _expected = user is null || password is null
            ? null
            :
            [
                .. Blocks(user, password, former, AuthenticationResult.Accepted),
                .. metrics is null ? [] : Blocks(metrics.User, metrics.Password, metrics.FormerPassword, AuthenticationResult.MetricsOnly),
            ];

    /// <summary>Judges the header of one request.</summary>
    /// <param name="header">The Authorization header; null when there is none.</param>
    /// <param name="source">Where it came from.</param>
    public AuthenticationResult Check(string? header, IPAddress source)
    {
        if (_expected is not { } expected)
        {
            return AuthenticationResult.Accepted;
        }

        // A browser asks first without credentials: that is no guess.
        if (string.IsNullOrEmpty(header))
        {
            return AuthenticationResult.Refused;
        }

        IPAddress key = Key(source);
        TimeSpan now = timeProvider.GetElapsedTime(_start);
        if (_guesses.TryGetValue(key, out Guesses? guesses) && guesses.Exhausted(now))
        {
            return AuthenticationResult.TooManyGuesses;
        }

        byte[] given = Block(Decode(header));
        AuthenticationResult result = AuthenticationResult.Refused;
        foreach ((byte[] credentials, AuthenticationResult worth) in expected)
        {
            // All are compared, whichever is the right one.
            if (CryptographicOperations.FixedTimeEquals(given, credentials))
            {
                result = worth;
            }
        }

        if (result != AuthenticationResult.Refused)
        {
            return result;
        }

        if (guesses is null)
        {
            Forget(now);
            guesses = _guesses.GetOrAdd(_guesses.Count < MaxSources ? key : IPAddress.None, _ => new Guesses());
        }

        guesses.Add(now);
        _last = new WrongPassword(key, timeProvider.GetUtcNow());
        if (_sample.Lets(out long left))
        {
            LogWrong(key, Advice, left);
        }

        return AuthenticationResult.Refused;
    }

    private static IEnumerable<(byte[] Credentials, AuthenticationResult Worth)> Blocks(
        string user, string password, string? former, AuthenticationResult worth) =>
        new[] { password, former ?? password }.Select(each => (Block(Encoding.UTF8.GetBytes($"{user}:{each}")), worth));

    // All credentials in blocks of one size, behind their length: the time of a comparison says nothing of the secret, not even how long
    // it is. Hashing would do the same, and load OpenSSL for it: 5 MB of resident memory.
    private static byte[] Block(byte[] credentials)
    {
        byte[] block = new byte[sizeof(int) + BlockSize];
        BitConverter.TryWriteBytes(block, credentials.Length);
        credentials.AsSpan(0, Math.Min(credentials.Length, BlockSize)).CopyTo(block.AsSpan(sizeof(int)));
        return block;
    }

    private static byte[] Decode(string header)
    {
        const string Scheme = "Basic ";
        if (!header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return [];
        }

        ReadOnlySpan<char> text = header.AsSpan(Scheme.Length).Trim();
        byte[] bytes = new byte[text.Length];
        return Convert.TryFromBase64Chars(text, bytes, out int length) ? bytes[..length] : [];
    }

    // An IPv6 client owns its whole /64.
    private static IPAddress Key(IPAddress source)
    {
        if (source.IsIPv4MappedToIPv6)
        {
            return source.MapToIPv4();
        }

        if (source.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return source;
        }

        byte[] bytes = source.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }

    private void Forget(TimeSpan now)
    {
        if (_guesses.Count < MaxSources)
        {
            return;
        }

        foreach ((IPAddress source, Guesses guesses) in _guesses)
        {
            if (guesses.Forgiven(now))
            {
                _guesses.TryRemove(source, out _);
            }
        }
    }

    [LoggerMessage(EventId = LogEvents.AdminPassword, Level = LogLevel.Warning, Message = "Administration: {Source} sends a wrong user or password. {Remedy} "
        + "({Left} more before it)", EventName = nameof(LogEvents.AdminPassword))]
    private partial void LogWrong(IPAddress source, string remedy, long left);

    // A bucket that leaks one guess every Refill: kept as the moment at which it will be empty.
    private sealed class Guesses
    {
        private readonly Lock _lock = new();
        private TimeSpan _emptyAt;

        public bool Exhausted(TimeSpan now)
        {
            lock (_lock)
            {
                return _emptyAt - now > Refill * (Burst - 1);
            }
        }

        public bool Forgiven(TimeSpan now)
        {
            lock (_lock)
            {
                return _emptyAt <= now;
            }
        }

        public void Add(TimeSpan now)
        {
            lock (_lock)
            {
                _emptyAt = (_emptyAt > now ? _emptyAt : now) + Refill;
            }
        }
    }
}

/// <summary>A wrong user or password was sent.</summary>
/// <param name="Source">From where.</param>
/// <param name="At">When, by the wall clock.</param>
internal sealed record WrongPassword(IPAddress Source, DateTimeOffset At);
