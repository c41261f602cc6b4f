// The forms that values in proxy.json have.

namespace RedisHaProxy.Configuration;

/// <summary>The form of a key's value.</summary>
internal enum SettingKind
{
    /// <summary>An object of further keys.</summary>
    Section,

    /// <summary>An object whose keys are the operator's node names and whose values are ADDRESS:PORT.</summary>
    NamedAddresses,

    /// <summary>An array of ADDRESS:PORT.</summary>
    Addresses,

    /// <summary>One ADDRESS:PORT.</summary>
    Address,

    /// <summary>An array of ADDRESS/BITS.</summary>
    Networks,

    /// <summary>A text.</summary>
    Text,

    /// <summary>A path; relative ones count from the file's own folder.</summary>
    Path,

    /// <summary>A number with a unit: ms, s, m or h.</summary>
    Duration,

    /// <summary>A whole number.</summary>
    Integer,

    /// <summary>true or false.</summary>
    Boolean,

    /// <summary>One of a few words.</summary>
    Word,
}
