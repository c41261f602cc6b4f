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

    /// <summary>The field in which the verbs say for whom root acts: the user that called sudo.</summary>
    public const string SudoHeader = "Redis-Ha-Sudo";

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

        return (order, reads) switch
        {
            ("sessions", true) => ListAsync(context),
            ("status", true) => context.AnswerAsync(status.Now(), moment => moment.Figures.ForTerminal),
            (_, false) => OrderAsync(context, order, peer),
            _ => context.AnswerTextAsync(HttpStatusCode.NotFound, $"order '{order}' does not exist, or needs another method"),
        };
    }

    // One line an order, with its result: what is done is done when it is written.
    private async Task OrderAsync(HttpContext context, string order, ControlPeer peer)
    {
        var (message, code) = order switch
        {
            "sessions/end" => await EndAsync(context.Request.Query),
            "drain" => Drain(),
            "ready" when context.Request.Query.ContainsKey("node") => SetMaintenance(context.Request.Query, on: false),
            "ready" => Ready(),
            "maintenance" => SetMaintenance(context.Request.Query, on: true),
            "reload" => await ReloadAsync(),
            _ => ($"order '{order}' does not exist, or needs another method", HttpStatusCode.NotFound),
        };
        LogOrder(log, order, context.Request.QueryString.Value ?? "", peer.ProcessId, peer.UserId, BehindSudo(context, peer),
            message.ReplaceLineEndings("; "));
        await context.AnswerJsonAsync(new ControlAnswer(message), AdminJson.Default.ControlAnswer, code);
    }

    // Root is believed whom it acts for: it could do everything anyway. Nobody else is.
    private static string BehindSudo(HttpContext context, ControlPeer peer)
    {
        string name = context.Request.Headers[SudoHeader].ToString();
        return peer.UserId != 0 || name.Length is 0 or > 64 || name.Any(char.IsControl) ? "" : $", by sudo for {name}";
    }

    private (string Message, HttpStatusCode Code) Drain() =>
        lifecycle.Enter(LifecyclePhase.Draining)
            ? ($"draining: /healthz fails from now on, so that the load balancer sends new sessions elsewhere; "
                + $"{status.Now().Data.Sessions} sessions go on. 'ready' takes it back", HttpStatusCode.OK)
            : ($"nothing changed: the proxy is {Phase()} already", lifecycle.Phase == LifecyclePhase.Draining ? HttpStatusCode.OK : HttpStatusCode.Conflict);

    private (string Message, HttpStatusCode Code) Ready() =>
        lifecycle.Phase == LifecyclePhase.Serving ? ("nothing changed: the proxy is serving already", HttpStatusCode.OK)
        : lifecycle.Enter(LifecyclePhase.Serving) ? ("serving: /healthz succeeds again", HttpStatusCode.OK)
        : ($"not possible: the proxy is {Phase()}", HttpStatusCode.Conflict);

    private (string Message, HttpStatusCode Code) SetMaintenance(IQueryCollection query, bool on)
    {
        var before = status.Now();
        string node = query["node"].ToString();
        int sessionsThere = before.Nodes.FirstOrDefault(n => n.Name == node)?.Traffic.Sessions ?? 0;
        return maintenance(node, on, query["force"] == "true") switch
        {
            MaintenanceResult.DoneRouted =>
                ($"{node} is in maintenance, and it was the master: its {sessionsThere} sessions end now, and new ones wait until another node is master. "
                + $"Make one now: {SwitchoverCommand(before)}. Or take it back: redis-ha-proxy ready {node}. "
                + $"Other proxies do not know of it, and go on with {node}",
                HttpStatusCode.OK),
            MaintenanceResult.Done when on => ($"{node} is in maintenance: it gets no sessions, whatever its role, until 'ready {node}' or "
                + "a restart of this proxy. Other proxies do not know of it", HttpStatusCode.OK),
            MaintenanceResult.Done => ($"{node} is back from maintenance", HttpStatusCode.OK),
            MaintenanceResult.Unchanged => ($"nothing changed: {node} is {(on ? "" : "not ")}in maintenance{(on ? " already" : "")}", HttpStatusCode.OK),
            MaintenanceResult.IsRouted => ($"refused: sessions go to {node} ({sessionsThere} now). Make another node master first: "
                + $"{SwitchoverCommand(before)}; "
                + "or repeat with --force: its sessions end, and new ones wait for another master", HttpStatusCode.Conflict),
            _ => ($"there is no node '{node}'; configured are {string.Join(", ", before.Nodes.Select(n => n.Name))}", HttpStatusCode.NotFound),
        };
    }

    // In full, for the night: the product's own script, and what it is made of for others.
    private static string SwitchoverCommand(Moment moment)
    {
        var sentinel = moment.Sentinels.OrderByDescending(s => s.Vote.Fresh).FirstOrDefault();
        if (sentinel is null || !IPEndPoint.TryParse(sentinel.Address, out IPEndPoint? address))
        {
            return "on a replica, FAILOVER or REPLICAOF NO ONE, as no Sentinels are configured";
        }

        return "sudo redis-ha-switchover on a Redis node (it loses no write), or "
            + $"redis-cli -h {address.Address} -p {address.Port} SENTINEL FAILOVER {moment.Settings.Sentinel!.Master}";
    }

    private async Task<(string Message, HttpStatusCode Code)> ReloadAsync()
    {
        var answer = await reload();
        return (answer.Message, answer.Good ? HttpStatusCode.OK : HttpStatusCode.Conflict);
    }

    private async Task ListAsync(HttpContext context) => await context.AnswerListAsync(await sessions.ListSessionsAsync(), TimelineFigures.Session);

    private async Task<(string Message, HttpStatusCode Code)> EndAsync(IQueryCollection query)
    {
        SessionFilter filter;
        if (query["id"] is [{ } id] && long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out long number))
        {
            filter = new SessionFilter { Id = number };
        }
        else if (query["source"] is [{ } source] && IPAddress.TryParse(source, out IPAddress? address))
        {
            filter = new SessionFilter { Source = address };
        }
        else
        {
            return ("which sessions? id=NUMBER or source=ADDRESS is needed", HttpStatusCode.BadRequest);
        }

        int ended = await sessions.EndSessionsAsync(filter);
        string said = ended == 0 ? "no session matches" : ended == 1 ? "1 session ended" : $"{ended} sessions ended";
        return (said, ended == 0 ? HttpStatusCode.NotFound : HttpStatusCode.OK);
    }

    private string Phase() => lifecycle.Phase.ToString().ToLowerInvariant();

    [LoggerMessage(LogEvents.Order, LogLevel.Information, "Order '{Order}{Arguments}' by process {ProcessId} of user {UserId}{Sudo}: {Result}",
        EventName = nameof(LogEvents.Order))]
    private static partial void LogOrder(ILogger log, string order, string arguments, int processId, int userId, string sudo, string result);
}
