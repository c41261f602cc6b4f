// What the clients of a load did and were told, command by command: plain data, judged by LoadReport.

namespace RedisHaLab.Load;

/// <summary>What a client does all the time.</summary>
internal enum LoadKind
{
    /// <summary>Appends a value of its own to a list of its own: a value that is missing at the end is a lost write.</summary>
    Append,

    /// <summary>Increments the counter that all share: a number that two clients were given is a lost write, too.</summary>
    Count,

    /// <summary>Sets the register to the next number.</summary>
    Register,

    /// <summary>Reads the register: a number older than one acknowledged before the question is a stale read.</summary>
    Read,
}

/// <summary>One command as its client saw it.</summary>
/// <param name="Client">The client's number.</param>
/// <param name="Kind">What was asked.</param>
/// <param name="Value">What was appended or set; 0 for others.</param>
/// <param name="IsRetry">Whether it is the second try, on a new connection, of one that failed.</param>
/// <param name="Sent">When it began, connecting included, since the start of the load.</param>
/// <param name="Answered">When its answer or its failure came.</param>
/// <param name="Failure">Why it failed, such as NOREPLICAS or reset; null when it was answered as it should be.</param>
/// <param name="Answer">The number in the answer; 0 for others.</param>
internal sealed record LoadedCommand(int Client, LoadKind Kind, long Value, bool IsRetry, TimeSpan Sent, TimeSpan Answered, string? Failure, long Answer)
{
    /// <summary>Whether it is a write.</summary>
    public bool IsWrite => Kind != LoadKind.Read;
}

/// <summary>All commands of a load; many clients write to it at once.</summary>
internal sealed class LoadJournal
{
    private readonly Lock _lock = new();
    private readonly List<LoadedCommand> _commands = [];

    /// <summary>Commands so far.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _commands.Count;
            }
        }
    }

    /// <summary>Adds one.</summary>
    public void Add(LoadedCommand command)
    {
        lock (_lock)
        {
            _commands.Add(command);
        }
    }

    /// <summary>All so far, in the order of their answers.</summary>
    public IReadOnlyList<LoadedCommand> Snapshot()
    {
        lock (_lock)
        {
            return [.. _commands.OrderBy(command => command.Answered)];
        }
    }
}
