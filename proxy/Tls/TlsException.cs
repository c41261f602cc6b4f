// Why there is no TLS connection, in words for an operator.

namespace RedisHaProxy.Tls;

/// <summary>A handshake failed, or a connection broke the protocol.</summary>
internal sealed class TlsException : Exception
{
    public TlsException()
    {
    }

    public TlsException(string message)
        : base(message)
    {
    }

    public TlsException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>The peer's certificate was not accepted; otherwise the two did not come to an agreement at all.</summary>
    public bool IsCertificate { get; init; }

    /// <summary>The server took the connection, and the handshake was not over in time.</summary>
    public bool IsLate { get; init; }

    /// <summary>The server took the connection and ended it in the handshake, without an alert.</summary>
    public bool IsBareEnd { get; init; }

    /// <summary>The innermost cause: OpenSSL's own words are at the bottom.</summary>
    public static string Cause(Exception exception)
    {
        while (exception.InnerException is { } inner)
        {
            exception = inner;
        }

        return exception.Message;
    }
}
