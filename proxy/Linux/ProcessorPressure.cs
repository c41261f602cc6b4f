// Whether the thread has to wait for a processor: the kernel counts for each thread how long it was ready to run and did not
// (/proc/thread-self/schedstat, second number, nanoseconds; Linux, Documentation/scheduler/sched-stats). An event loop with a
// processor at its disposal waits next to nothing, whatever its load.

using Microsoft.Win32.SafeHandles;

namespace RedisHaProxy.Linux;

/// <summary>How short of processor time one thread is. For that thread alone; allocates nothing after its creation.</summary>
internal sealed class ProcessorPressure : IDisposable
{
    /// <summary>Between two looks: some time slices of the scheduler. A look costs two microseconds.</summary>
    private const long LookMilliseconds = 10;

    /// <summary>Share of the time from which on the thread counts as short: waking alone makes up for a few hundredths.</summary>
    private const double ShortFrom = 0.1;

    private const double NewestShare = 0.25;

    private readonly SafeFileHandle? _statistics;
    private long _lookedAt;
    private long _delayed = -1;
    private double _share;

    private ProcessorPressure(SafeFileHandle? statistics) => _statistics = statistics;

    /// <summary>Whether it waited for a processor for a tenth of the last tens of milliseconds or longer. False when the kernel does not tell.</summary>
    public bool IsShort => _share >= ShortFrom;

    /// <summary>For the calling thread.</summary>
    public static ProcessorPressure OfThisThread()
    {
        try
        {
            return new ProcessorPressure(File.OpenHandle("/proc/thread-self/schedstat"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new ProcessorPressure(null); // a kernel without the statistics, or a closed /proc
        }
    }

    /// <summary>Has the time looked at when it is time to.</summary>
    /// <param name="now">Milliseconds of any steady clock.</param>
    public void Look(long now)
    {
        if (_statistics is null || now - _lookedAt < LookMilliseconds)
        {
            return;
        }

        Span<byte> text = stackalloc byte[80];
        int length = RandomAccess.Read(_statistics, text, 0);
        Add(now, DelayOf(text[..length]));
    }

    /// <summary>The second number of the file; -1 if there is none.</summary>
    internal static long DelayOf(ReadOnlySpan<byte> statistics)
    {
        ReadOnlySpan<byte> rest = statistics[(statistics.IndexOf((byte)' ') + 1)..];
        return System.Buffers.Text.Utf8Parser.TryParse(rest, out long delay, out _) && delay >= 0 ? delay : -1;
    }

    /// <summary>Takes what was seen.</summary>
    /// <param name="now">When, in milliseconds.</param>
    /// <param name="delayed">For how many nanoseconds the thread has waited for a processor in its life.</param>
    internal void Add(long now, long delayed)
    {
        if (_delayed >= 0 && delayed >= _delayed && now > _lookedAt)
        {
            double share = (delayed - _delayed) / ((now - _lookedAt) * 1e6);
            _share += NewestShare * (Math.Min(share, 1) - _share);
        }

        (_lookedAt, _delayed) = (now, delayed);
    }

    /// <summary>Without a thread to look at, for what is added.</summary>
    internal static ProcessorPressure OfNoThread() => new(null);

    /// <inheritdoc/>
    public void Dispose() => _statistics?.Dispose();
}
