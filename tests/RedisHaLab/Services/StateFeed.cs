// The services' view of the instance: the state file, read again when it has changed.

using RedisHaLab.State;

namespace RedisHaLab.Services;

/// <summary>The present state of an instance that another process changes.</summary>
internal sealed class StateFeed
{
    private readonly LabPaths _paths;
    private readonly Lock _lock = new();
    private LabState _state = new();
    private DateTime _read;

    public StateFeed(LabPaths paths) => _paths = paths;

    /// <summary>The state as it is on disk; the file is replaced as a whole, so it is never seen half-written.</summary>
    public LabState Current
    {
        get
        {
            lock (_lock)
            {
                var written = File.GetLastWriteTimeUtc(_paths.StateFile);
                if (written != _read && File.Exists(_paths.StateFile))
                {
                    _state = StateStore.Read(_paths);
                    _read = written;
                }

                return _state;
            }
        }
    }
}
