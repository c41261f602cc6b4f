// Metadata service, auth and Monitoring of one machine, on a port of loopback.

using System.Collections.Concurrent;
using System.Net;
using System.Text;

namespace RedisHaInfra.Tests.Nodes;

internal sealed class MetricEndpoint : IDisposable
{
    private readonly LoopbackHttp _http;

    public MetricEndpoint()
    {
        Service.Posted += Values.Enqueue;
        _http = new LoopbackHttp(AnswerAsync);
    }

    public string Address => _http.Address;

    public MetricService Service { get; } = new(TimeProvider.System);

    /// <summary>What was posted, in order.</summary>
    public ConcurrentQueue<PostedValue> Values { get; } = [];

    /// <summary>What the script finds the services by.</summary>
    public IEnumerable<KeyValuePair<string, string>> Environment =>
        new[] { "REDIS_HA_METADATA_URL", "REDIS_HA_AUTH_URL", "REDIS_HA_TELEMETRY_URL" }.Select(name => KeyValuePair.Create(name, Address));

    /// <summary>The newest value of a metric of a node; null where there is none.</summary>
    public double? Newest(string metric, string node) =>
        Values.LastOrDefault(value => value.Metric == metric && value.Dimensions["node"] == node)?.Value;

    public void Dispose()
    {
        _http.Dispose();
        Service.Dispose();
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        string path = context.Request.Url!.PathAndQuery;
        (int status, string body) = (404, string.Empty);
        if (path.StartsWith("/opc/v2/", StringComparison.Ordinal))
        {
            // Version 2 answers only to who asks on purpose.
            (status, body) = context.Request.Headers["Authorization"] != "Bearer Oracle" ? (403, string.Empty)
                : Service.Metadata("ocid1.instance.oc1..aaaatest", path["/opc/v2/".Length..]) is { } text ? (200, text) : (404, string.Empty);
        }
        else if (context.Request.HttpMethod == "POST")
        {
            using var content = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(content);
            (status, body) = Service.Answer(new PostRequest(path, name => context.Request.Headers[name], content.ToArray()));
        }
        context.Response.StatusCode = status;
        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(body));
        context.Response.Close();
    }
}
