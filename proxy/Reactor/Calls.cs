// The one system call of this room that the data plane does not have.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Reactor;

internal static unsafe partial class Calls
{
    private const short PollIn = 1;

    /// <summary>Waits until the descriptor is readable, or for the time, which may be less than a millisecond. Nothing is said of what ended it.</summary>
    internal static void WaitReadable(int descriptor, TimeSpan atMost)
    {
        var entry = new PollEntry { Descriptor = descriptor, Events = PollIn };
        var time = new TimeSpecification { Seconds = atMost.Ticks / TimeSpan.TicksPerSecond, Nanoseconds = atMost.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick };
        _ = PPoll(&entry, 1, &time, null);
    }

    [LibraryImport("libc", EntryPoint = "ppoll")]
    private static partial int PPoll(PollEntry* entries, nuint count, TimeSpecification* time, void* signals);

    // struct pollfd
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    // struct timespec of the 64-bit ABIs
    private struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
