// The rights that the probes' users need, as ACL SETUSER takes them: in advice, and (a test compares) in the documents.

namespace RedisHaProxy.Monitoring;

/// <summary>ACL rules.</summary>
internal static class NeededRights
{
    /// <summary>On a data node: PING, ROLE and INFO; no keys, no channels.</summary>
    public const string Node = "+ping +role +info";

    /// <summary>On a Sentinel: SENTINEL MASTER, INFO, and SUBSCRIBE to its events.</summary>
    public const string Sentinel = "+info +subscribe +sentinel|master &*";

    /// <summary>On a Sentinel, not needed: with these it is known which Sentinels and replicas are not among the configured ones.</summary>
    public const string SentinelNames = "+sentinel|sentinels +sentinel|replicas";
}
