// The states of a probed server in words for people.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Admin;

/// <summary>Words for <see cref="ServerHealth"/>.</summary>
internal static class HealthText
{
    public static string Of(ServerHealth health) => health switch
    {
        ServerHealth.Unknown => "not asked yet",
        ServerHealth.Up => "up",
        ServerHealth.Disconnected => "reconnecting",
        ServerHealth.Silent => "silent",
        ServerHealth.ConnectTimeout => "no answer to connect",
        ServerHealth.Busy => "busy with a script",
        ServerHealth.ServerError => "answers with an error",
        ServerHealth.Refused => "connection refused",
        ServerHealth.Unreachable => "unreachable",
        ServerHealth.Loading => "loading its data",
        ServerHealth.PasswordRequired => "wants a password",
        ServerHealth.WrongPassword => "refuses the password",
        ServerHealth.NotPermitted => "forbids a command",
        ServerHealth.UnknownMaster => "does not know the master's name",
        ServerHealth.ProtocolError => "does not speak Redis",
        ServerHealth.CertificateRefused => "certificate not accepted",
        ServerHealth.TlsFailed => "TLS fails",
        _ => health.ToString(),
    };
}
