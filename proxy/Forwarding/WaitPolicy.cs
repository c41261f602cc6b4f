// How an event loop waits for the next events. Three ways, each the best at a load of its own:
//
// Sleep: the thread gives its processor away until there is something. Waking it again costs the processor, and the client, 5
// microseconds on bare metal and 20 to 50 on a virtual machine whose processor has gone to rest.
// Poll (few sessions, answers that come soon): it looks again and again for at most busyPollMicroseconds. That is what sleeping and
// waking cost, so that even a poll that finds nothing about doubles the price of a wait, and no poll follows unless the waits before
// were short: traffic that comes now and then sleeps.
// Gather (many sessions, and too little processor time for all that runs on the machine): asleep until several sockets have
// something, for at most coalesceMicroseconds, as network cards coalesce interrupts. A round of many messages costs less for each,
// for the other side too, which finds several at once; and a thread that waits for its turn on the processor anyway loses nothing
// by it. Where there is processor time to spare, no message waits.

using System.Diagnostics;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Forwarding;

/// <summary>A way to wait.</summary>
internal enum WaitKind
{
    /// <summary>Until the first event.</summary>
    Sleep,

    /// <summary>Look for a while without sleeping, then sleep.</summary>
    Poll,

    /// <summary>Sleep a short time, or until several events have come; then, if there is none, until the first.</summary>
    Gather,
}

/// <summary>Chooses the way of each wait from how the ones before went. One for each loop; pure, times are given.</summary>
/// <param name="pollTicks">Longest poll, in ticks of <see cref="Stopwatch"/>; 0 never polls.</param>
/// <param name="gatherNanoseconds">Longest time to gather; 0 never gathers.</param>
internal struct WaitPolicy(long pollTicks, long gatherNanoseconds)
{
    /// <summary>Events of a round from which on the loop counts as busy, and messages from which on the next wait gathers.</summary>
    internal const int Many = 4;

    /// <summary>Most events that gathering waits for. The kernel makes about 20 completions at once (IO_LOCAL_TW_DEFAULT_MAX).</summary>
    internal const int MostToGather = 16;

    // Short waits count up, long ones down; a poll for nothing costs as much as it may win, and weighs more.
    private const int ScoreToPoll = 6;
    private const int MaxScore = 16;
    private const int PriceOfMiss = 4;

    /// <summary>Of a poll in which the processor was taken away: once it may be an interrupt of the machine, twice it is somebody else's need.</summary>
    private const int PriceOfInterruption = 8;

    private int _score;

    /// <summary>Longest poll, in ticks of <see cref="Stopwatch"/>.</summary>
    public readonly long PollTicks => pollTicks;

    /// <summary>Longest time to gather.</summary>
    public readonly long GatherNanoseconds => gatherNanoseconds;

    /// <summary>The policy of a configuration.</summary>
    /// <param name="configuration">busyPollMicroseconds, coalesceMicroseconds.</param>
    /// <param name="processors">Processors of the machine: with one, a poll would keep away the process that it waits for.</param>
    public static WaitPolicy Of(ProxyConfiguration configuration, int processors) => new(
        processors > 1 ? configuration.BusyPollMicroseconds * (Stopwatch.Frequency / 1_000_000) : 0,
        configuration.CoalesceMicroseconds * 1000L);

    /// <summary>How to wait after a round.</summary>
    /// <param name="events">Events of the round.</param>
    /// <param name="messages">Messages it moved through buffers. Bulk streams are not waited for: their bytes come in sizes of their own.</param>
    /// <param name="isShort">Whether the thread is short of processor time.</param>
    public WaitKind Choose(int events, int messages, bool isShort)
    {
        if (events >= Many)
        {
            _score = 0; // with so many sessions, others on this machine have work for the processor that a poll would take
            return isShort && messages >= Many && gatherNanoseconds > 0 ? WaitKind.Gather : WaitKind.Sleep;
        }

        return pollTicks > 0 && _score >= ScoreToPoll ? WaitKind.Poll : WaitKind.Sleep;
    }

    /// <summary>
    /// How many events to gather: of sessions that ask and wait for the answer, half, so that the others' answers are on their way meanwhile.
    /// </summary>
    /// <param name="activeSessions">Sessions with traffic.</param>
    public static uint EnoughToGather(int activeSessions) => (uint)Math.Clamp(activeSessions / 2, 1, MostToGather);

    /// <summary>A wait has slept: had it been a poll, would it have found something? Waking takes some of the time.</summary>
    public void Slept(long ticks) => _score = ticks < 2 * pollTicks ? Math.Min(_score + 1, MaxScore) : Math.Max(_score - 1, 0);

    /// <summary>A poll has ended.</summary>
    /// <param name="ticks">How long it took; much longer than it may when the processor was taken away: somebody else needs it.</param>
    /// <param name="found">Whether there was something.</param>
    public void Polled(long ticks, bool found) => _score = found && ticks <= 2 * pollTicks
        ? Math.Min(_score + 1, MaxScore)
        : Math.Max(_score - (ticks > 2 * pollTicks ? PriceOfInterruption : PriceOfMiss), 0);
}
