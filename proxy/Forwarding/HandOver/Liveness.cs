// Whether an end of a handed-over session is still there. Nobody here has a socket that would find out: its packets, and what is under way to it, say so.

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>
/// When silent ends are asked whether they are there. The defaults find one within the minute in which the proxy's sockets do (Linux/Sockets.cs).
/// </summary>
internal sealed record HandOverTimes
{
    /// <summary>An end that is silent for so long is asked.</summary>
    public TimeSpan Silent { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>When the node has finished, the client may be silent for so long.</summary>
    public TimeSpan HalfClosed { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>So long after a question without an answer comes the next one.</summary>
    public TimeSpan Probe { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After so many questions the end is given up: on a wire that loses one packet of ten each way, six are lost once in 20,000 times.</summary>
    public int Probes { get; init; } = 6;

    /// <summary>
    /// An end that answers, and acknowledges nothing of what is under way to it, is given up after so long. It is the other end that sends again, at intervals
    /// that double up to two minutes (RFC 6298, 5.5), and that gives up by itself after about a quarter of an hour (tcp_retries2).
    /// </summary>
    public TimeSpan Standstill { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>An end that has read nothing for so long, and for whose room the other end waits, is given up: as long as the proxy's sockets wait.</summary>
    public TimeSpan Full { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The other end waits when it has asked so often for room. It asks at intervals that double (RFC 9293, 3.8.6.1), so within a minute; one that has nothing
    /// to send may ask as well, whether anybody is there, but seldom.
    /// </summary>
    public int FullQuestions { get; init; } = 5;
}

/// <summary>What is known of an end.</summary>
/// <param name="Heard">How long ago its last packet came.</param>
/// <param name="Standing">Since when it has acknowledged nothing of what is under way to it; null when nothing is.</param>
/// <param name="Probes">Questions since its last packet.</param>
/// <param name="Probed">How long ago the last of them was; of no meaning without any.</param>
/// <param name="Full">Since when it has had no room for more; null when it has.</param>
/// <param name="Questions">How often the other end has asked since then.</param>
internal readonly record struct EndSigns(
    TimeSpan Heard, TimeSpan? Standing, int Probes, TimeSpan Probed, TimeSpan? Full = null, uint Questions = 0);

/// <summary>What follows.</summary>
internal enum Liveness
{
    There,
    ToBeAsked,
    Silent,
    Standing,
    Full,
}

internal static class EndSignsJudgement
{
    /// <summary>Whether an end is there; the last three are ends that are given up.</summary>
    public static Liveness Judge(this in EndSigns end, HandOverTimes times)
    {
        if (end.Standing > times.Standstill)
        {
            return Liveness.Standing;
        }

        if (end.Full > times.Full && end.Questions >= times.FullQuestions)
        {
            return Liveness.Full;
        }

        if (end.Heard < times.Silent || (end.Probes > 0 && end.Probed < times.Probe))
        {
            return Liveness.There;
        }

        return end.Probes >= times.Probes ? Liveness.Silent : Liveness.ToBeAsked;
    }
}
