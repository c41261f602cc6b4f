// What the process returns to its caller.

namespace RedisHaProxy.Commands;

/// <summary>Exit codes of every verb.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>It failed: an address in use, a node out of reach, no answer.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the configuration is wrong; nothing was started.</summary>
    public const int Usage = 2;

    /// <summary>The kernel refuses, and will when it is asked again. The hand-over's unit names this number.</summary>
    public const int Unsupported = 3;
}
