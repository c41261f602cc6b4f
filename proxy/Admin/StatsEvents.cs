// The page's updates as server-sent events (HTML standard, 9.2): a section is sent again when it has changed.

using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace RedisHaProxy.Admin;

/// <summary>Feeds open pages.</summary>
internal sealed class StatsEvents(StatusSource source, TimeProvider timeProvider, CancellationToken ends)
{
    // A few operators look at once; more would be a mistake or an attack, and each costs a rendering twice a second.
    private const int MaxViewers = 24;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    private int _viewers;

    /// <summary>Answers until the viewer leaves or the process ends.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        if (Interlocked.Increment(ref _viewers) > MaxViewers)
        {
            Interlocked.Decrement(ref _viewers);
            await context.AnswerTextAsync(HttpStatusCode.ServiceUnavailable, "too many pages are open");
            return;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, ends);
        try
        {
            context.Response.ContentType = "text/event-stream";
            await SendAsync(context.Response, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The viewer left, or the process ends.
        }
        finally
        {
            Interlocked.Decrement(ref _viewers);
        }
    }

    private async Task SendAsync(HttpResponse response, CancellationToken cancellationToken)
    {
        var sent = new Dictionary<string, string>(StringComparer.Ordinal);
        long lastSent = timeProvider.GetTimestamp();
        await response.WriteAsync("retry: 1000\n\n", cancellationToken);
        while (true)
        {
            Moment moment = source.Now();
            var text = new StringBuilder();
            string title = StatsPage.Title(moment);
            if (Changed(sent, "", title))
            {
                text.Append("event: title\ndata: ").Append(JsonSerializer.Serialize(title, AdminJson.Default.String)).Append("\n\n");
            }

            foreach (PageSection section in StatsPage.Sections(moment))
            {
                if (Changed(sent, section.Id, section.Html))
                {
                    text.Append("event: section\ndata: ").Append(JsonSerializer.Serialize(section, AdminJson.Compact.PageSection)).Append("\n\n");
                }
            }

            if (text.Length == 0 && timeProvider.GetElapsedTime(lastSent) > KeepAlive)
            {
                text.Append(":\n\n");
            }

            if (text.Length > 0)
            {
                await response.WriteAsync(text.ToString(), cancellationToken);
                await response.Body.FlushAsync(cancellationToken);
                lastSent = timeProvider.GetTimestamp();
            }

            await Task.Delay(Interval, timeProvider, cancellationToken);
        }
    }

    private static bool Changed(Dictionary<string, string> sent, string id, string content)
    {
        if (sent.TryGetValue(id, out string? last) && last == content)
        {
            return false;
        }

        sent[id] = content;
        return true;
    }
}
