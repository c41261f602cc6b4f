// Servers as pages, metrics and explain get them: what the rule makes of them, and how the last conversation went.

using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>Reads one moment of a watch. Under the router's lock.</summary>
internal readonly struct SnapshotReader(Watch watch, Situation situation, TimeSpan now, DateTimeOffset time)
{
    public NodeStatus Node(int index, DateTimeOffset? maintenanceSince)
    {
        NodeTrack track = watch.State.Node(index);
        NodeReport? answer = track.HasAnswer ? track.Answer : null;
        long? lag = null;
        if (answer is { IsMaster: false, Master: >= 0 } replica && watch.State.Node(replica.Master) is { HasAnswer: true, Answer.IsMaster: true } master)
        {
            lag = Math.Max(0, master.Answer.Offset - replica.Offset);
        }

        return new NodeStatus
        {
            Node = watch.Nodes[index],
            Health = watch.NodeHealth[index].Shown(track.Health, track.Error).Health,
            Since = watch.NodeHealth[index].Since,
            State = situation.Nodes[index],
            StateText = watch.Names.Describe(situation.Nodes[index], answer?.MasterAddress),
            Answer = answer,
            Age = track.Answer.Health == ServerHealth.Up ? now - track.Answer.SentAt : null,
            Latency = answer?.At - answer?.SentAt,
            LagBytes = lag,
            Error = watch.NodeHealth[index].Shown(track.Health, track.Error).Error,
            Falls = watch.NodeHealth[index].Falls,
            Downtime = watch.NodeHealth[index].DowntimeAt(time),
            MaintenanceSince = maintenanceSince,
        };
    }

    public SentinelStatus Sentinel(int index)
    {
        SentinelTrack track = watch.State.Sentinel(index);
        SentinelReport? answer = track.HasAnswer ? track.Answer : null;
        return new SentinelStatus
        {
            Address = watch.Sentinels[index].ToString(),
            Health = watch.SentinelHealth[index].Shown(track.Health, track.Error).Health,
            Since = watch.SentinelHealth[index].Since,
            Vote = situation.Votes[index],
            Promotes = now >= track.PromotesUntil ? null : track.Promotes >= 0 ? watch.Names.Node(track.Promotes) : track.PromotesAddress,
            VoteText = watch.Names.Node(situation.Votes[index].Node, answer?.NamedAddress),
            Concerns = watch.SentinelHealth[index].Concerns.Of(answer, watch.NodeHealth.Length, watch.Sentinels.Count),
            Answer = answer,
            Age = track.Answer.Health == ServerHealth.Up ? now - track.Answer.SentAt : null,
            Error = watch.SentinelHealth[index].Shown(track.Health, track.Error).Error,
            KnowsFew = watch.Deployment[index].WarnedKnown > 0,
            Events = watch.Subscriptions[index].Health,
            EventsError = watch.Subscriptions[index].Error,
        };
    }
}
