// The one exception that ends a lab command: its message is complete and is shown as it is, without a stack trace.

namespace RedisHaLab.Host;

/// <summary>An error that a user of the lab can act on.</summary>
internal sealed class LabException : Exception
{
    /// <summary>The command could not do what was asked.</summary>
    public const int Failed = 1;

    /// <summary>The command cannot work as called, or not on this machine.</summary>
    public const int Unusable = 2;

    public LabException(string message, int exitCode = Failed, Exception? inner = null)
        : base(message, inner) => ExitCode = exitCode;

    /// <summary>The process's exit code: <see cref="Failed"/> or <see cref="Unusable"/>.</summary>
    public int ExitCode { get; }
}
