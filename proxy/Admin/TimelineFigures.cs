// The figures of what happened and of single sessions.

using RedisHaProxy.Forwarding;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>The scopes of /timeline and of the list of sessions.</summary>
internal static class TimelineFigures
{
    /// <summary>The document of /timeline, the newest first.</summary>
    public static IReadOnlyList<Figure<RoutingSnapshot>> Timeline { get; } =
    [
        Figure<RoutingSnapshot>.Many<Switchover>("interruptions",
            [
                new("from", "The master before; null for the start of the process.", s => s.From),
                new("to", "The master after.", s => s.To),
                new("shut", "When the gate shut.", s => s.ShutTime),
                new("shutRule", "By which rule, or `maintenance`, or `start`.", s => s.ShutRule),
                new("open", "When it opened.", s => s.OpenTime),
                new("openRule", "By which rule.", s => s.OpenRule),
                new("shutMs", "How long it was shut.", s => s.Shut),
                new("promotionToOpenMs", "From the answer that showed the promotion to the open gate; null when none was seen.", s => s.PromotionToOpen),
                new("sessionsKept", "Whether the old sessions lived on (the master was only silent).", s => s.SessionsKept),
                new("sessionsCut", "Sessions that it ended.", s => s.Damage.Cut),
                new("sessionsRefused", "Sessions that were refused in it.", s => s.Damage.Refused),
            ],
            c => c.Switchovers.Reverse()),
        Figure<RoutingSnapshot>.Many<GateEvent>("orders",
            [
                new("time", "When the order was given.", e => e.Time),
                new("generation", "Its number.", e => e.Generation),
                new("mode", "`open`, `park` or `closed`.", e => Moment.Lower(e.Mode)),
                new("target", "Name of the node whose sessions may live.", e => e.Target),
                new("rule", "As in `gate.rule`.", e => e.Rule),
                new("evidence", "What was observed, in words.", e => e.Evidence),
                new("tookMs", "Until every event loop had carried it out.", e => e.Took),
            ],
            c => c.Events.Reverse()),
    ];

    /// <summary>An open session.</summary>
    public static IReadOnlyList<Figure<SessionInfo>> Session { get; } =
    [
        new("id", "For `sessions --end`.", s => s.Id),
        new("client", "Address and port.", s => s.Client.ToString()),
        new("node", "Its node; null while it waits.", s => s.Node?.Name),
        new("localPort",
            "The port of the proxy's machine that its connection to the node comes from, as `CLIENT LIST` shows it there; null while it has none.",
            s => s.LocalPort > 0 ? s.LocalPort : null),
        new("state", "`header`, `parked`, `connecting`, `open`, `handedover` (the kernel forwards it) or `refused`.", s => Moment.Lower(s.State)),
        new("accepted", "When.", s => s.Accepted),
        new("quietMs", "Since the last byte in either direction.", s => TimeSpan.FromMilliseconds(s.QuietMilliseconds)),
        new("bytesIn", "From the client.", s => s.BytesIn) { Unit = Unit.Bytes },
        new("bytesOut", "To the client.", s => s.BytesOut) { Unit = Unit.Bytes },
    ];
}
