// What is served where: the paths of the admin server, and who may ask for them.

using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Hosting;

namespace RedisHaProxy.Admin;

/// <summary>Answers the admin server's requests.</summary>
internal sealed class AdminEndpoints(Lifecycle lifecycle, IForwarder forwarder, BasicAuthentication authentication)
{
    /// <summary>Answers one request.</summary>
    public Task HandleAsync(HttpContext context)
    {
        string path = context.Request.Path.Value ?? "/";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.XContentTypeOptions = "nosniff";
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            return AnswerAsync(context, HttpStatusCode.MethodNotAllowed, "only GET and HEAD are answered here");
        }

        // Health checks carry no credentials, and their answers hold no more than a yes or no.
        switch (path)
        {
            case "/healthz":
                return HealthAsync(context, ProxyHealth.Serving(lifecycle.Phase, forwarder.Snapshot()));
            case "/readyz":
                return HealthAsync(context, ProxyHealth.Ready(lifecycle.Phase, forwarder.Snapshot()));
        }

        switch (Authenticate(context))
        {
            case AuthenticationResult.TooManyGuesses:
                context.Response.Headers.RetryAfter = "3";
                return AnswerAsync(context, HttpStatusCode.TooManyRequests, "too many wrong passwords; wait a moment");
            case AuthenticationResult.Refused:
                context.Response.Headers.WWWAuthenticate = "Basic realm=\"redis-ha-proxy\", charset=\"UTF-8\"";
                return AnswerAsync(context, HttpStatusCode.Unauthorized, "user and password are needed");
        }

        return AnswerAsync(context, HttpStatusCode.NotFound, "nothing is here");
    }

    // Whoever may open the control socket needs no password: its permissions are the guard.
    private AuthenticationResult Authenticate(HttpContext context) =>
        context.Features.Get<ControlPeer>() is not null
            ? AuthenticationResult.Accepted
            : authentication.Check(context.Request.Headers.Authorization, context.Connection.RemoteIpAddress ?? IPAddress.None);

    private static Task HealthAsync(HttpContext context, HealthAnswer answer) =>
        AnswerAsync(context, answer.Good ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, answer.Reason);

    private static Task AnswerAsync(HttpContext context, HttpStatusCode status, string text)
    {
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.ContentLength = Encoding.UTF8.GetByteCount(text) + 1;
        return context.Response.WriteAsync(text + "\n", context.RequestAborted);
    }
}
