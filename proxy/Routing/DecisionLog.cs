// A line for each decision that means something else for traffic than the one before; more than a failover takes are held back.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;

// Everything here runs once per decision: what a line's arguments cost does not matter.
#pragma warning disable CA1873

namespace RedisHaProxy.Routing;

/// <summary>Writes decisions to the log. Under the router's lock.</summary>
internal sealed partial class DecisionLog(MonotonicClock clock, ILogger logger)
{
    private readonly ILogger _logger = logger;
    private readonly RepeatedLines _lines = new(burst: 20);

    /// <summary>Takes a decision that is another one than before.</summary>
    public void Note(Watch watch, RoutingDecision before, RoutingDecision decision)
    {
        if (decision.Action == before.Action && decision.Node == before.Node && decision.IsHeld == before.IsHeld)
        {
            LogOtherEvidence(decision.RuleName, watch.Names.Node(decision.Node), watch.Names.Describe(decision.Situation));
            return;
        }

        NoteChange(watch, decision);
        if (decision.Rule == RuleId.R4
            && !Enumerable.Range(0, watch.Sentinels.Count).Any(i => watch.State.Sentinel(i) is { HasAnswer: true, Answer.FailoverInProgress: true }))
        {
            LogRawFailover(watch.Names.Node(decision.Node), watch.Names.Node(decision.Situation.Named));
        }
    }

    public void NoteChange(Watch watch, RoutingDecision decision)
    {
        string action = decision.Action switch
        {
            RoutingAction.Route when decision.IsHeld =>
                $"keep sessions to {watch.Names.Node(decision.Node)}, which {Held(decision.Situation.Nodes[decision.Node])}; new ones wait",
            RoutingAction.Route => $"route to {watch.Names.Node(decision.Node)}",
            RoutingAction.Park => "park",
            _ => "closed",
        };
        if (_lines.Lets((int)decision.Rule, clock.Now, out int left))
        {
            LogDecision(decision.RuleName, action, $"{watch.Names.Describe(decision.Situation)}{RepeatedLines.Describe(left)}");
        }
    }

    private static string Held(NodeState state) =>
        state switch { { OnlyErrors: true } => "answers with errors only", { Silent: true } => "is silent", _ => "hands over to another node" };

    /// <summary>Writes a line that was held back and is due.</summary>
    public void NoteDue(Watch watch, RoutingDecision decision, TimeSpan now)
    {
        if (_lines.IsDue((int)decision.Rule, now))
        {
            NoteChange(watch, decision);
        }
    }

    [LoggerMessage(EventId = LogEvents.Decision, Level = LogLevel.Information, Message = "Rule {Rule}: {Action}. {Evidence}",
        EventName = nameof(LogEvents.Decision))]
    private partial void LogDecision(string rule, string action, string evidence);

    [LoggerMessage(EventId = LogEvents.Evidence, Level = LogLevel.Debug, Message = "Rule {Rule}, as before: {Node}. {Evidence}",
        EventName = nameof(LogEvents.Evidence))]
    private partial void LogOtherEvidence(string rule, string node, string evidence);

    [LoggerMessage(EventId = LogEvents.BareFailover, Level = LogLevel.Warning,
        Message = "Somebody made {Node} master by FAILOVER while Sentinels still name {Named}: " + DeploymentAdvice.BareFailover,
        EventName = nameof(LogEvents.BareFailover))]
    private partial void LogRawFailover(string node, string named);
}
