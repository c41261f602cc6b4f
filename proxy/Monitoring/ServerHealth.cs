// The states of a probed server, data node or Sentinel: how the last conversation with it went.

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

    /// <summary>The user may not run a command that the probe needs (-NOPERM).</summary>
    NotPermitted,

    /// <summary>Sentinels only: it does not monitor the configured name.</summary>
    UnknownMaster,

    /// <summary>What answers does not speak the Redis protocol, or not as documented.</summary>
    ProtocolError,

    /// <summary>Its certificate is not good: expired, for another name, or not signed by an authority of the CA file.</summary>
    CertificateRefused,

    /// <summary>No TLS connection comes about: it does not speak TLS, no common version, or it refuses ours or wants a certificate.</summary>
    TlsFailed,
}

/// <summary>What a health means.</summary>
public static class ServerHealthExtensions
{
    /// <summary>
    /// The server's earlier answers are void at once, because it is known not to serve or not to be what was configured. In all
    /// other states the last answer stands until it is too old: a lost connection alone says nothing of the process behind it
    /// (a promotion kills all connections), a silent one may just be slow, and one that refuses our login serves its clients.
    /// </summary>
    public static bool VoidsAnswers(this ServerHealth health) => health >= ServerHealth.Refused && !health.RefusesProbe();

    /// <summary>The server is alive and speaks the protocol; it only does not let our probe's account ask.</summary>
    public static bool RefusesProbe(this ServerHealth health) =>
        health is ServerHealth.PasswordRequired or ServerHealth.WrongPassword or ServerHealth.NotPermitted;

    /// <summary>Nothing will change until a person acts: credentials, rights, configuration, certificates.</summary>
    public static bool NeedsOperator(this ServerHealth health) => health >= ServerHealth.PasswordRequired;
}
