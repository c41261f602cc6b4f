// Whether the Sentinels could promote a replica by themselves now. The leader of a failover needs the votes of a majority of all Sentinels that it
// knows, and of as many as the quorum (Redis sentinel.c, sentinelGetLeader). Who waits for a failover should know when none can come.

using System.Net;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>The Sentinels at one moment.</summary>
/// <param name="All">How many there are: those that are listed, or more, if one that answers says so.</param>
/// <param name="Able">How many take part: they answer and are not in TILT. One that only refuses the proxy's password does, too.</param>
/// <param name="Needed">How many a failover takes.</param>
internal readonly record struct FailoverChance(int All, int Able, int Needed)
{
    /// <summary>Enough Sentinels take part; also where none are listed, which nobody waits for.</summary>
    public bool IsPossible => All == 0 || Able >= Needed;

    /// <summary>One of the Sentinels takes part.</summary>
    public static bool IsAble(ServerHealth health, SentinelVote vote) => (vote.Fresh && !health.VoidsAnswers()) || health.RefusesProbe();

    /// <summary>Counts them.</summary>
    /// <param name="listed">How many are configured.</param>
    /// <param name="isAble">Whether one of them takes part.</param>
    /// <param name="said">Its last answer; null for none.</param>
    public static FailoverChance Of(int listed, Func<int, bool> isAble, Func<int, SentinelReport?> said)
    {
        int able = 0, all = listed, quorum = 0;
        for (int i = 0; i < listed; i++)
        {
            if (!isAble(i))
            {
                continue;
            }

            able++;
            if (said(i) is { } answer)
            {
                all = Math.Max(all, answer.OtherSentinels + 1);
                quorum = Math.Max(quorum, answer.Quorum);
            }
        }

        return new FailoverChance(all, able, Math.Max((all / 2) + 1, quorum));
    }

    /// <summary>Why none is possible, and what to do.</summary>
    /// <param name="hasMaster">Whether there is a master now.</param>
    /// <param name="silent">The addresses of those that do not answer.</param>
    /// <param name="tilted">How many answer and are in TILT, which ends by itself.</param>
    /// <param name="nodes">The data nodes, whose names are better known.</param>
    public string Describe(bool hasMaster, IEnumerable<string> silent, int tilted, IReadOnlyList<RedisNode> nodes)
    {
        string[] addresses = [.. silent];
        int unlisted = All - Able - addresses.Length - tilted;
        string which = unlisted > 0 ? $" ({unlisted} of them not in sentinel.nodes)" : "";
        string what = hasMaster ? "If the master fails now, nobody will promote a replica" : "No failover will come";
        return $"{what}: {All - Able} of {All} Sentinels do not answer{(tilted > 0 ? " or are in TILT (for 30 s)" : "")}{which}, and a failover takes {Needed}."
            + Remedy([.. addresses.Select(address => MachineOf(address, nodes)).Distinct()], unlisted);
    }

    /// <summary>What to do about Sentinels that do not answer: an own sentence behind the reason, with a space before it.</summary>
    internal static string Remedy(string[] machines, int unlisted) => machines.Length > 0
        ? $" Start it there: systemctl start redis-sentinel on {string.Join(" and ", machines)}."
        : unlisted > 0 ? " List the others in sentinel.nodes, or let the Sentinels forget them (SENTINEL RESET)." : "";

    private static string MachineOf(string address, IReadOnlyList<RedisNode> nodes) =>
        IPEndPoint.TryParse(address, out IPEndPoint? sentinel) && nodes.FirstOrDefault(n => n.EndPoint.Address.Equals(sentinel.Address)) is { } node
            ? node.Name : address;
}
