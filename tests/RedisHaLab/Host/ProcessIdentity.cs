// A process that outlives the command that started it, named by pid and start time: a pid alone may by then be
// somebody else's.

using System.Globalization;
using System.Runtime.InteropServices;
using RedisHaProcesses;

namespace RedisHaLab.Host;

/// <summary>One process, for as long as it lives.</summary>
/// <param name="Pid">Its pid in the host's pid namespace.</param>
/// <param name="StartTicks">Its start time in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)).</param>
internal sealed partial record ProcessIdentity(int Pid, long StartTicks)
{
    private const int SigKill = 9;
    private const int SigTerm = 15;
    private const int SigHup = 1;

    /// <summary>Whether this very process still runs; a zombie does not.</summary>
    public bool IsAlive => ReadStat(Pid) is { } stat && stat.StartTicks == StartTicks && stat.State is not ('Z' or 'X');

    /// <summary>The process that has this pid now; null when there is none.</summary>
    public static ProcessIdentity? Of(int pid) => ReadStat(pid) is { State: not ('Z' or 'X') } stat ? new ProcessIdentity(pid, stat.StartTicks) : null;

    /// <summary>The processes whose parent is this one.</summary>
    public IReadOnlyList<int> Children() => Directory.EnumerateDirectories("/proc")
        .Select(Path.GetFileName)
        .Where(name => int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
        .Where(pid => ReadStat(pid)?.Parent == Pid)
        .ToList();

    /// <summary>Sends a signal, if the process still lives.</summary>
    public void Signal(int signal)
    {
        if (IsAlive)
        {
            _ = Kill(Pid, signal);
        }
    }

    /// <summary>Asks a daemon to read its files again.</summary>
    public void Reload() => Signal(SigHup);

    /// <summary>Ends the process at once.</summary>
    public async Task KillAsync(TimeSpan patience)
    {
        Signal(SigKill);
        if (!await WaitForEndAsync(patience))
        {
            throw new LabException($"Process {Pid} does not end, even by SIGKILL; see `cat /proc/{Pid}/stack`.");
        }
    }

    /// <summary>Ends the process: SIGTERM, and SIGKILL when it has not ended within <paramref name="grace"/>.</summary>
    public async Task EndAsync(TimeSpan grace)
    {
        Signal(SigTerm);
        if (!await WaitForEndAsync(grace))
        {
            await KillAsync(TimeSpan.FromSeconds(10));
        }
    }

    /// <summary>Waits for the process's end; false when it still runs after <paramref name="patience"/>.</summary>
    public Task<bool> WaitForEndAsync(TimeSpan patience) => Eventually.HoldsWithinAsync(() => !IsAlive, patience, TimeSpan.FromMilliseconds(10));

    private static (char State, int Parent, long StartTicks)? ReadStat(int pid)
    {
        try
        {
            // The command name, in parentheses, may contain anything: fields are counted from its end.
            var text = File.ReadAllText($"/proc/{pid}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture), long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
