// What is served where: the paths of the admin server, and who may ask for them.

using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Admin;

/// <summary>Answers the admin server's requests.</summary>
internal sealed class AdminEndpoints(Lifecycle lifecycle, IForwarder forwarder, BasicAuthentication authentication, StatusSource status, StatsEvents events,
    ControlEndpoints control, Func<bool> blind, Func<WriteRefusal> refusal, TextForms texts)
{
    private const string MetricsPath = "/metrics";

    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (path.StartsWith(ControlEndpoints.Prefix, StringComparison.Ordinal))
        {
            return control.HandleAsync(context, path[ControlEndpoints.Prefix.Length..]);
        }

        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            return context.AnswerTextAsync(HttpStatusCode.MethodNotAllowed, "only GET and HEAD are answered here");
        }

        // Health checks carry no credentials, and their answers hold no more than a yes or no.
        switch (path)
        {
            case "/healthz":
                return HealthAsync(context, ProxyHealth.Serving(lifecycle.Phase, forwarder.Snapshot(), blind()));
            case "/readyz":
                return HealthAsync(context, ProxyHealth.Ready(lifecycle.Phase, forwarder.Snapshot(), blind(), refusal()));
        }

        // Before any password is looked at: it came where everybody on the way could read it.
        if (context.Features.Get<WithoutTls>() is { } open)
        {
            open.Refused();
            context.Response.Headers.Connection = "close";
            return context.AnswerTextAsync(HttpStatusCode.BadRequest, "this port speaks HTTPS; without TLS it answers /healthz and /readyz only");
        }

        switch (Authenticate(context))
        {
            case AuthenticationResult.TooManyGuesses:
                context.Response.Headers.RetryAfter = "3";
                return context.AnswerTextAsync(HttpStatusCode.TooManyRequests, "too many wrong passwords; wait a moment");
            case AuthenticationResult.Refused:
                context.Response.Headers.WWWAuthenticate = "Basic realm=\"redis-ha-proxy\", charset=\"UTF-8\"";
                return context.AnswerTextAsync(HttpStatusCode.Unauthorized, "user and password are needed");
            case AuthenticationResult.MetricsOnly when path != MetricsPath:
                return context.AnswerTextAsync(HttpStatusCode.Forbidden, $"this user may read {MetricsPath} and nothing else");
        }

        return Meant(path) switch
        {
            "/" => RedirectAsync(context),
            "/stats" => PageAsync(context),
            "/explain.txt" => context.AnswerTextAsync(HttpStatusCode.OK, texts.Explain(status.Now()).TrimEnd()),
            "/timeline.txt" => context.AnswerTextAsync(HttpStatusCode.OK, texts.Timeline(status.Now().Control).TrimEnd()),
            "/stats/events" when HttpMethods.IsGet(context.Request.Method) => events.HandleAsync(context),
            "/stats;csv" => context.AnswerAsync(HttpStatusCode.OK, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(HaproxyCsv.Write(status.Now()))),
            MetricsPath => context.AnswerAsync(HttpStatusCode.OK, MetricsText.ContentType, Encoding.UTF8.GetBytes(MetricsText.Write(status.Now()))),
            "/stats.json" => context.AnswerAsync(status.Now(), moment => moment.Figures.Status),
            "/timeline" => context.AnswerAsync(status.Now().Control, _ => TimelineFigures.Timeline),
            "/explain" => context.AnswerAsync(status.Now(), moment => moment.Figures.Explain),
            _ => context.AnswerTextAsync(HttpStatusCode.NotFound, "nothing is here; /stats has the links"),
        };
    }

    // HAProxy has its page at whatever "stats uri" says, "/haproxy?stats" by default, and takes options behind a semicolon: what is bookmarked, or is
    // asked by an agent, may be any of these. ("norefresh" and the like change nothing here; management guide, 9.)
    private static string Meant(string path)
    {
        string[] parts = path.Split(';');
        if (parts.Length > 1 || parts[0] is "/haproxy_stats" or "/haproxy")
        {
            return parts[0] is not ("/" or "/stats" or "/haproxy_stats" or "/haproxy") ? path
                : parts.Contains("csv") ? "/stats;csv" : parts.Contains("json") ? "/stats.json" : "/stats";
        }

        return path;
    }

    // Whoever may open the control socket needs no password: its permissions are the guard.
    private AuthenticationResult Authenticate(HttpContext context) =>
        context.Features.Get<ControlPeer>() is not null
            ? AuthenticationResult.Accepted
            : authentication.Check(context.Request.Headers.Authorization, context.Connection.RemoteIpAddress ?? IPAddress.None);

    private Task PageAsync(HttpContext context)
    {
        // Only what the page itself brings may run, and nothing may be loaded from anywhere.
        // The nonce is 122 bits of the kernel's random numbers, as Guid takes them; RandomNumberGenerator would load OpenSSL for it, 5 MB of resident memory.
        string nonce = Guid.NewGuid().ToString("N");
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = $"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        headers["Referrer-Policy"] = "no-referrer";
        return context.AnswerAsync(HttpStatusCode.OK, "text/html; charset=utf-8", Encoding.UTF8.GetBytes(StatsPage.Write(status.Now(), nonce)));
    }

    private static Task RedirectAsync(HttpContext context)
    {
        context.Response.Headers.Location = "/stats";
        return context.AnswerTextAsync(HttpStatusCode.Found, "the page is /stats");
    }

    private static Task HealthAsync(HttpContext context, HealthAnswer answer)
    {
        context.Response.Headers.Connection = "close"; // who asks again connects again: no place is held in between
        return context.AnswerTextAsync(answer.Good ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, answer.Reason);
    }
}

/// <summary>The texts of the verbs, for who has a browser only.</summary>
/// <param name="Explain">That of "explain".</param>
/// <param name="Timeline">That of "timeline".</param>
internal sealed record TextForms(Func<Moment, string> Explain, Func<Routing.RoutingSnapshot, string> Timeline);
