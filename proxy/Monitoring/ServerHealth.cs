// The states of a probed server, data node or Sentinel: how the last conversation with it went. What each of them means, its words and what
// to do about it stand in one table.

namespace RedisHaProxy.Monitoring;

/// <summary>How the last conversation with a server went.</summary>
public enum ServerHealth : byte
{
    /// <summary>Nothing has been tried to the end yet.</summary>
    Unknown,

    /// <summary>It answers.</summary>
    Up,

    /// <summary>The connection ended (closed, reset, killed); a new one is being made.</summary>
    Disconnected,

    /// <summary>It ends every new connection before it has said anything.</summary>
    ClosesAtOnce,

    /// <summary>The connection is open, or half-open, and no answer has come for a while.</summary>
    Silent,

    /// <summary>Its machine does not answer connection requests.</summary>
    ConnectTimeout,

    /// <summary>It runs a script that blocks all commands (-BUSY).</summary>
    Busy,

    /// <summary>It answers with an error that says nothing of its role ("max number of clients reached").</summary>
    ServerError,

    /// <summary>Its machine is up and refuses the connection: the process is not running.</summary>
    Refused,

    /// <summary>The network says that there is no way to the machine.</summary>
    Unreachable,

    /// <summary>It is reading its data (-LOADING).</summary>
    Loading,

    /// <summary>It wants a password and none is configured (-NOAUTH).</summary>
    PasswordRequired,

    /// <summary>User or password is wrong (-WRONGPASS).</summary>
    WrongPassword,

    /// <summary>The user may not run a command, or use a channel, that the probe needs (-NOPERM).</summary>
    NotPermitted,

    /// <summary>It does not know a command that the probe needs: the command was renamed, or it is no such server.</summary>
    UnknownCommand,

    /// <summary>It is in protected mode and lets nobody in from other machines (-DENIED).</summary>
    ProtectedMode,

    /// <summary>Sentinels only: it does not monitor the configured name.</summary>
    UnknownMaster,

    /// <summary>What answers does not speak the Redis protocol, or not as documented.</summary>
    ProtocolError,

    /// <summary>It speaks TLS, and none is configured.</summary>
    SpeaksTls,

    /// <summary>It speaks Redis without TLS, and TLS is configured.</summary>
    SpeaksPlain,

    /// <summary>Its certificate is not good: expired, for another name, or not signed by an authority of the CA file.</summary>
    CertificateRefused,

    /// <summary>No TLS connection comes about: no common version, or it refuses ours or wants a certificate.</summary>
    TlsFailed,
}

/// <summary>What a health means.</summary>
public static class ServerHealthExtensions
{
    private static readonly Meaning[] Table = MakeTable();

    /// <summary>In words for people: "refuses the password".</summary>
    public static string Text(this ServerHealth health) => Table[(int)health].Text;

    /// <summary>What an operator can do; empty where only time helps.</summary>
    /// <param name="health">The state.</param>
    /// <param name="section">The section of the configuration that names the server: redis or sentinel.</param>
    public static string Remedy(this ServerHealth health, string section) =>
        ((section == "sentinel" ? Table[(int)health].SentinelRemedy : null) ?? Table[(int)health].Remedy)
            .Replace("{section}", section, StringComparison.Ordinal);

    /// <summary>The remedy as a sentence that follows another one; empty without one.</summary>
    public static string Advice(this ServerHealth health, string section) => health.Remedy(section) is { Length: > 0 } remedy ? $" {remedy}" : "";

    /// <summary>HAProxy's check_status for it (management guide, 9.1).</summary>
    public static string HaproxyCode(this ServerHealth health) => Table[(int)health].HaproxyCode;

    /// <summary>
    /// The server's earlier answers are void at once, because it is known not to serve or not to be what was configured. In all
    /// other states the last answer stands until it is too old: a lost connection alone says nothing of the process behind it
    /// (a promotion kills all connections), a silent one may just be slow, and one that refuses our login serves its clients.
    /// </summary>
    public static bool VoidsAnswers(this ServerHealth health) => Table[(int)health].Voids;

    /// <summary>The server is alive and speaks the protocol; it only does not let our probe's account ask.</summary>
    public static bool RefusesProbe(this ServerHealth health) => Table[(int)health].RefusesProbe;

    /// <summary>Nothing will change until a person acts: credentials, rights, configuration, certificates.</summary>
    public static bool NeedsOperator(this ServerHealth health) => Table[(int)health].NeedsOperator;

    /// <summary>It says why the server does not answer: the reset or end of the next connection says less, and does not replace it.</summary>
    public static bool IsReason(this ServerHealth health) => health.NeedsOperator() || health == ServerHealth.ServerError;

    /// <summary>The connection ended, and nothing says why.</summary>
    public static bool IsBareEnd(this ServerHealth health) => health is ServerHealth.Disconnected or ServerHealth.ClosesAtOnce;

    private static Meaning[] MakeTable()
    {
        (ServerHealth Health, Meaning Meaning)[] rows =
        [
            (ServerHealth.Unknown, new("not asked yet")),
            (ServerHealth.Up, new("up") { HaproxyCode = "L7OK" }),
            (ServerHealth.Disconnected, new("reconnecting")),
            (ServerHealth.ClosesAtOnce, new("closes every connection",
                "See that server's own log, and what stands between (a firewall, a proxy without a server behind it).")),
            (ServerHealth.Silent, new("silent",
                "Its machine or its network is down, or the server is stuck: try redis-cli ping on that machine.") { HaproxyCode = "L7TOUT" }),
            (ServerHealth.ConnectTimeout, new("no answer to connect",
                "Check that its machine runs, and the security rules towards it.") { HaproxyCode = "L4TOUT" }),
            (ServerHealth.Busy, new("busy with a script", "SCRIPT KILL ends a script that has not written yet.")),
            (ServerHealth.ServerError, new("answers with an error")),
            (ServerHealth.Refused, new("connection refused",
                "Start it on that machine: systemctl start redis-server (journalctl -u redis-server says why it ended).",
                "Start it on that machine: systemctl start redis-sentinel (journalctl -u redis-sentinel says why it ended).")
                { Voids = true, HaproxyCode = "L4CON" }),
            (ServerHealth.Unreachable, new("unreachable", "Check routes and security rules.") { Voids = true, HaproxyCode = "L4CON" }),
            (ServerHealth.Loading, new("loading its data") { Voids = true }),
            (ServerHealth.PasswordRequired, new("wants a password",
                "Set {section}.passwordFile (and {section}.user).") { RefusesProbe = true, NeedsOperator = true }),
            (ServerHealth.WrongPassword, new("refuses the password",
                "Check {section}.user and {section}.passwordFile against ACL LIST on that server.") { RefusesProbe = true, NeedsOperator = true }),
            (ServerHealth.NotPermitted, new("forbids a command",
                $"Let the user run its commands: ACL SETUSER <redis.user> {NeededRights.Node}",
                $"Let the user run its commands: ACL SETUSER <sentinel.user> {NeededRights.Sentinel}") { RefusesProbe = true, NeedsOperator = true }),
            (ServerHealth.UnknownCommand, new("does not know a command",
                "Check that the address is that of a Redis server, and that its file has no rename-command for what the probe asks.",
                "Check that the address is that of a Sentinel, and that its file has no rename-command for what the proxy asks.") { NeedsOperator = true }),
            (ServerHealth.ProtectedMode, new("is in protected mode",
                "Redis' own ways out: give its default user a password (requirepass), and set it here as {section}.passwordFile; "
                + "or, where only trusted machines reach it, CONFIG SET protected-mode no on that machine, and in its file.") { NeedsOperator = true }),
            (ServerHealth.UnknownMaster, new("does not know the master's name",
                "Check sentinel.master against the names in SENTINEL MASTERS.") { Voids = true, NeedsOperator = true }),
            (ServerHealth.ProtocolError, new("does not speak Redis",
                "Check that the address is right and that nothing stands between.") { Voids = true, NeedsOperator = true }),
            (ServerHealth.SpeaksTls, new("is a TLS port", "Set {section}.tls, or give its port without TLS.") { Voids = true, NeedsOperator = true }),
            (ServerHealth.SpeaksPlain, new("is a port without TLS",
                "Give its TLS port (tls-port), or remove {section}.tls.") { Voids = true, NeedsOperator = true }),
            (ServerHealth.CertificateRefused, new("certificate not accepted",
                "Give that server a certificate for this address (or for {section}.tls.serverName) that an authority of {section}.tls.caFile has signed, "
                + "or correct these keys and reload.") { Voids = true, NeedsOperator = true }),
            (ServerHealth.TlsFailed, new("TLS fails",
                "Check whether it wants a client's certificate (tls-auth-clients) and accepts this one: "
                + "{section}.tls.certificateFile and keyFile.") { Voids = true, NeedsOperator = true }),
        ];
        var table = new Meaning[rows.Length];
        foreach ((ServerHealth health, Meaning meaning) in rows)
        {
            table[(int)health] = meaning;
        }

        return table;
    }

    // Remedies of both sections, or one of Sentinels' own beside it.
    private sealed record Meaning(string Text, string Remedy = "", string? SentinelRemedy = null)
    {
        public bool Voids { get; init; }

        public bool RefusesProbe { get; init; }

        public bool NeedsOperator { get; init; }

        /// <summary>An answer came that was not good (layer 7), where nothing else is said.</summary>
        public string HaproxyCode { get; init; } = "L7RSP";
    }
}
