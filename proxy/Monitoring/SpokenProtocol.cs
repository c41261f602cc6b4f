// What a server speaks that does not answer as configured: a TLS port answers a plain question by closing, a plain port waits for the end of
// a line that a TLS handshake does not have. Neither says what is wrong, so the other protocol is tried on a connection of its own.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Reactor;

namespace RedisHaProxy.Monitoring;

/// <summary>Finds out whether a server speaks the other protocol.</summary>
internal static class SpokenProtocol
{
    /// <summary>Bound of the whole question: connect, ask, answer.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(500);

    // A ClientHello of TLS 1.2 without extensions. A server answers with its own hello or with an alert; either is a record of TLS. (RFC 5246, 7.4.1.2)
    private static readonly byte[] Hello =
    [
        0x16, 0x03, 0x01, 0x00, 0x35, // record: handshake, 53 bytes
        0x01, 0x00, 0x00, 0x31, 0x03, 0x03, // ClientHello, 49 bytes, version 1.2
        .. "which protocol do you speak then"u8, // the 32 random bytes, which this is no secret about
        0x00, // no session
        0x00, 0x0A, 0xC0, 0x2B, 0xC0, 0x2F, 0xC0, 0x2C, 0xC0, 0x30, 0x00, 0xFF, // ECDHE with AES-GCM; renegotiation is known of
        0x01, 0x00, // no compression
    ];

    private static readonly byte[] Ping = "PING\r\n"u8.ToArray();

    /// <summary>The bytes begin like a record of TLS: handshake or alert, version 3.x. (RFC 8446, 5.1)</summary>
    public static bool IsTls(ReadOnlySpan<byte> bytes) => bytes is [0x15 or 0x16, 0x03, ..];

    /// <summary>Asks a server that did not answer as configured whether it speaks the other protocol.</summary>
    /// <param name="reactor">The thread; the caller is on it.</param>
    /// <param name="endPoint">The server.</param>
    /// <param name="configuredTls">What it does not seem to speak: TLS, or Redis without it.</param>
    /// <param name="cancel">Ends the question, without an exception.</param>
    /// <returns>The state that the answer means; null when it says nothing.</returns>
    public static async ValueTask<Outcome?> AskAsync(ReactorThread reactor, IPEndPoint endPoint, bool configuredTls, CancellationToken cancel)
    {
        using var limit = new CancellationTokenSource(Limit, reactor.Clock);
        using CancellationTokenRegistration registration = cancel.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), limit);
        try
        {
            using var socket = new ReactorSocket(reactor, endPoint.AddressFamily);
            await socket.ConnectAsync(endPoint, limit.Token);
            await socket.SendAsync(configuredTls ? Ping : Hello, limit.Token);
            byte[] answer = new byte[16];
            await socket.ReadableAsync(limit.Token);
            int length = socket.Receive(answer);
            return length <= 0 ? null
                : configuredTls && answer[0] is (byte)'+' or (byte)'-' ? new Outcome(ServerHealth.SpeaksPlain, "it answers PING without TLS")
                : !configuredTls && IsTls(answer.AsSpan(0, length))
                    ? new Outcome(ServerHealth.SpeaksTls, "it closes a plain connection, and answers a TLS handshake")
                : null;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }
}
