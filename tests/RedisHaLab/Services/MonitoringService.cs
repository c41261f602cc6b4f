// OCI's Monitoring for custom metrics: takes what the nodes post, signed as an instance signs it, and keeps it for `lab alarms`.

using System.Text.Json;
using Microsoft.AspNetCore.Http;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>The service.</summary>
internal sealed class MonitoringService : IDisposable
{
    private const int MostValues = 10_000;

    private readonly LabPaths _paths;
    private readonly MetricService _service = new(TimeProvider.System);
    private readonly Queue<PostedValue> _values = [];
    private readonly Lock _lock = new();

    public MonitoringService(LabPaths paths)
    {
        _paths = paths;
        _service.Posted += Keep;
    }

    public void Dispose() => _service.Dispose();

    /// <summary>Whether a path is one of this service's, and not of Object Storage.</summary>
    public static bool Has(PathString path) => path.StartsWithSegments("/v1") || path.StartsWithSegments("/20180401");

    /// <summary>What the metadata service says of an instance's identity and region; null for what is not here.</summary>
    public string? Metadata(string instance, string path) => _service.Metadata(instance, path);

    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var (status, text) = _service.Answer(new PostRequest($"{context.Request.Path}{context.Request.QueryString}",
            name => context.Request.Headers[name] is { Count: > 0 } values ? values.ToString() : null, body.ToArray()));
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(text, context.RequestAborted);
    }

    /// <summary>What was posted since the services have run.</summary>
    public static IReadOnlyList<PostedValue> Read(LabPaths paths) => File.Exists(paths.MetricsFile)
        ? JsonSerializer.Deserialize<List<PostedValue>>(File.ReadAllText(paths.MetricsFile)) ?? []
        : [];

    private void Keep(PostedValue value)
    {
        lock (_lock)
        {
            _values.Enqueue(value);
            while (_values.Count > MostValues)
            {
                _values.Dequeue();
            }

            // Replaced as a whole, so that nobody sees half of it.
            File.WriteAllText(_paths.MetricsFile + ".new", JsonSerializer.Serialize(_values));
            File.Move(_paths.MetricsFile + ".new", _paths.MetricsFile, overwrite: true);
        }
    }
}
