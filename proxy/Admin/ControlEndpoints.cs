// The orders of an operator: only on the control socket, whose permissions are the guard, and each with a log line.

using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Admin;

/// <summary>Answers requests below /control/.</summary>
/// <param name="lifecycle">Drained and made ready.</param>
/// <param name="sessions">Listed and ended.</param>
/// <param name="status">For the numbers in answers.</param>
/// <param name="reload">Reads the configuration file again.</param>
/// <param name="maintenance">Takes a node (by name) out, or back; the last one: also when sessions go to it.</param>
/// <param name="log">Every order is a line.</param>
internal sealed partial class ControlEndpoints(
    Lifecycle lifecycle,
    ISessions sessions,
    StatusSource status,
    Func<Task<ReloadAnswer>> reload,
    Func<string, bool, bool, MaintenanceResult> maintenance,
    ILogger<ControlEndpoints> log)
{
    /// <summary>The start of the paths.</summary>
    public const string Prefix = "/control/";

    /// <summary>Answers one request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="order">The path after the prefix.</param>
    public Task HandleAsync(HttpContext context, string order)
    {
        if (context.Features.Get<ControlPeer>() is not { } peer)
        {
            return context.AnswerTextAsync(HttpStatusCode.Forbidden, "orders are taken on the control socket only");
        }

        bool reads = HttpMethods.IsGet(context.Request.Method);
        if (!reads && !HttpMethods.IsPost(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, POST";
            return context.AnswerTextAsync(HttpStatusCode.MethodNotAllowed, "only GET and POST are answered here");
        }

        if (!reads)
        {
            LogOrder(log, order, context.Request.QueryString.Value ?? "", peer.ProcessId, peer.UserId);
        }

        return (order, reads) switch
        {
            ("sessions", true) => ListAsync(context),
            ("status", true) => context.AnswerAsync(status.Now(), moment => moment.Figures.ForTerminal),
            ("sessions/end", false) => EndAsync(context),
            ("drain", false) => DrainAsync(context),
            ("ready", false) when context.Request.Query.ContainsKey("node") => MaintenanceAsync(context, on: false),
            ("ready", false) => ReadyAsync(context),
            ("maintenance", false) => MaintenanceAsync(context, on: true),
            ("reload", false) => ReloadAsync(context),
            _ => context.AnswerTextAsync(HttpStatusCode.NotFound, $"order '{order}' does not exist, or needs another method"),
        };
    }

    private Task DrainAsync(HttpContext context) =>
        lifecycle.Enter(LifecyclePhase.Draining)
            ? SaidAsync(context, $"draining: /healthz fails from now on, so that the load balancer sends new sessions elsewhere; "
                + $"{status.Now().Data.Sessions} sessions go on. 'ready' takes it back")
            : SaidAsync(context, $"nothing changed: the proxy is {Phase()} already",
                lifecycle.Phase == LifecyclePhase.Draining ? HttpStatusCode.OK : HttpStatusCode.Conflict);

    private Task ReadyAsync(HttpContext context) =>
        lifecycle.Phase == LifecyclePhase.Serving ? SaidAsync(context, "nothing changed: the proxy is serving already")
        : lifecycle.Enter(LifecyclePhase.Serving) ? SaidAsync(context, "serving: /healthz succeeds again")
        : SaidAsync(context, $"not possible: the proxy is {Phase()}", HttpStatusCode.Conflict);

    private Task MaintenanceAsync(HttpContext context, bool on)
    {
        var nodes = status.Now().Nodes;
        string node = context.Request.Query["node"].ToString();
        return maintenance(node, on, context.Request.Query["force"] == "true") switch
        {
            MaintenanceResult.Done when on => SaidAsync(context, $"{node} is in maintenance: it gets no sessions, whatever its role, until 'ready {node}' or "
                + "a restart of this proxy. Other proxies do not know of it"),
            MaintenanceResult.Done => SaidAsync(context, $"{node} is back from maintenance"),
            MaintenanceResult.Unchanged => SaidAsync(context, $"nothing changed: {node} is {(on ? "" : "not ")}in maintenance{(on ? " already" : "")}"),
            MaintenanceResult.IsRouted => SaidAsync(
                context,
                $"refused: sessions go to {node} ({nodes.FirstOrDefault(n => n.Name == node)?.Traffic.Sessions ?? 0} now). Make another node master first: "
                    + "on a Sentinel, SENTINEL FAILOVER with the master's name; "
                + "or repeat with --force: its sessions end, and new ones wait for another master",
                HttpStatusCode.Conflict),
            _ => SaidAsync(context, $"there is no node '{node}'; configured are {string.Join(", ", nodes.Select(n => n.Name))}", HttpStatusCode.NotFound),
        };
    }

    private async Task ReloadAsync(HttpContext context)
    {
        var answer = await reload();
        await SaidAsync(context, answer.Message, answer.Good ? HttpStatusCode.OK : HttpStatusCode.Conflict);
    }

    private async Task ListAsync(HttpContext context) => await context.AnswerListAsync(await sessions.ListSessionsAsync(), TimelineFigures.Session);

    private async Task EndAsync(HttpContext context)
    {
        var query = context.Request.Query;
        SessionFilter filter;
        if (query["id"] is [{ } id] && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            filter = new SessionFilter { Id = number };
        }
        else if (query["source"] is [{ } source] && IPAddress.TryParse(source, out var address))
        {
            filter = new SessionFilter { Source = address };
        }
        else
        {
            await SaidAsync(context, "which sessions? id=NUMBER or source=ADDRESS is needed", HttpStatusCode.BadRequest);
            return;
        }

        int ended = await sessions.EndSessionsAsync(filter);
        string said = ended == 0 ? "no session matches" : ended == 1 ? "1 session ended" : $"{ended} sessions ended";
        await SaidAsync(context, said, ended == 0 ? HttpStatusCode.NotFound : HttpStatusCode.OK);
    }

    private string Phase() => lifecycle.Phase.ToString().ToLowerInvariant();

    private static Task SaidAsync(HttpContext context, string message, HttpStatusCode code = HttpStatusCode.OK) =>
        context.AnswerJsonAsync(new ControlAnswer(message), AdminJson.Default.ControlAnswer, code);

    [LoggerMessage(LogEvents.Order, LogLevel.Information, "Order '{Order}{Arguments}' by process {ProcessId} of user {UserId}",
        EventName = nameof(LogEvents.Order))]
    private static partial void LogOrder(ILogger log, string order, string arguments, int processId, int userId);
}
