// How the recording goes, for those who look at the proxy.

namespace RedisHaProxy.Routing;

/// <summary>The recording at one moment.</summary>
internal sealed record RecordingStatus
{
    /// <summary>The newer of its two files.</summary>
    public required string File { get; init; }

    /// <summary>Why nothing is written now; null when all is well.</summary>
    public required string? Problem { get; init; }

    /// <summary>Since when it is written, or not, by the wall clock.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>Lines since the start that are missing in the files.</summary>
    public required long Dropped { get; init; }
}
