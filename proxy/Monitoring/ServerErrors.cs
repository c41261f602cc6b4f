// What an error reply says about the server. Codes as in Redis 6.2-7.4 (server.c, acl.c, sentinel.c).

namespace RedisHaProxy.Monitoring;

/// <summary>Classifies error replies.</summary>
internal static class ServerErrors
{
    /// <summary>The state that an error reply to one of the probe's commands means.</summary>
    /// <param name="error">The text without its dash.</param>
    public static ServerHealth Classify(ReadOnlySpan<byte> error) => error switch
    {
        _ when error.StartsWith("LOADING"u8) => ServerHealth.Loading,
        _ when error.StartsWith("BUSY"u8) => ServerHealth.Busy,
        _ when error.StartsWith("NOAUTH"u8) => ServerHealth.PasswordRequired,
        _ when error.StartsWith("WRONGPASS"u8) || error.StartsWith("ERR AUTH"u8) || error.StartsWith("ERR Client sent AUTH"u8)
            || error.StartsWith("ERR invalid password"u8) => ServerHealth.WrongPassword,
        _ when error.StartsWith("NOPERM"u8) => ServerHealth.NotPermitted,
        _ when error.StartsWith("ERR unknown command"u8) || error.StartsWith("ERR unknown subcommand"u8)
            || error.StartsWith("ERR Unknown sentinel subcommand"u8)
            => ServerHealth.UnknownCommand,
        _ when error.StartsWith("DENIED"u8) => ServerHealth.ProtectedMode,
        _ when error.StartsWith("ERR No such master"u8) => ServerHealth.UnknownMaster,
        // Complaints of a server that works: about its disk, or about the master that it lost.
        _ when error.StartsWith("MISCONF"u8) || error.StartsWith("MASTERDOWN"u8) => ServerHealth.Up,
        _ => ServerHealth.ServerError,
    };
}
