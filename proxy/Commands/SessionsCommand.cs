// The verb "sessions": lists the open sessions, those that match, or ends some of them.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Text.Json;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Commands;

/// <summary>Creates the verb.</summary>
internal static class SessionsCommand
{
    public static Command Create()
    {
        var (socket, form) = (ControlCommands.SocketOption(), new FormOptions());
        var node = new Option<string?>("--node") { Description = "Only sessions with this node.", HelpName = "NAME" };
        var source = new Option<IPAddress?>("--source")
        {
            Description = "Only sessions from this address.",
            HelpName = "ADDRESS",
            CustomParser = result => Parse(result, text => IPAddress.TryParse(text, out var address) ? address : null,
                "is not a valid address; an IPv4 or IPv6 literal is expected"),
        };
        var idle = new Option<TimeSpan?>("--idle")
        {
            Description = "Only sessions without a byte for so long, such as 90s or 5m.",
            HelpName = "TIME",
            CustomParser = result => Parse<TimeSpan?>(result, text => Durations.TryParse(text, out var time) ? time : null,
                "is not a time; write 90s, 5m or 1h"),
        };
        var top = new Option<int?>("--top")
        {
            Description = "Only so many, those with the most bytes first.",
            HelpName = "N",
            CustomParser = result => Parse<int?>(result, text => Number(text) is > 0 and < int.MaxValue and var n ? (int)n : null,
                "is not a number of sessions; write 10"),
        };
        var end = new Option<long?>("--end")
        {
            Description = "End the session with this number.",
            HelpName = "ID",
            CustomParser = result => Parse(result, Number, "is not the number of a session; the list has them under id"),
        };
        var endAll = new Option<bool>("--end-all") { Description = "End all sessions from the address that --source names." };
        var command = new Command("sessions", "List the open sessions, or end some of them.") { node, source, idle, top, end, endAll, socket, form.Json,
            form.Output };
        command.Validators.Add(result =>
        {
            bool Has(Option option) => result.GetResult(option) is { Implicit: false };
            if (Has(end) && (Has(endAll) || Has(source) || Has(node) || Has(idle) || Has(top)))
            {
                result.AddError("--end ends one session, and excludes all filters.");
            }
            else if (Has(endAll) && (!Has(source) || Has(node) || Has(idle) || Has(top)))
            {
                result.AddError("--end-all needs --source ADDRESS, and no other filter.");
            }
        });
        command.SetAction(parsed => ControlCommands.AskAsync(parsed.GetRequiredValue(socket), async client =>
        {
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(end) is { } id)
            {
                await output.WriteLineAsync(client.Order($"control/sessions/end?id={id}"));
                return;
            }

            var from = parsed.GetValue(source);
            if (parsed.GetValue(endAll))
            {
                await output.WriteLineAsync(client.Order($"control/sessions/end?source={Uri.EscapeDataString(from!.ToString())}"));
                return;
            }

            using JsonDocument answer = client.Get("control/sessions");
            var all = answer.RootElement.EnumerateArray().ToList();
            var listed = Filter(all, parsed.GetValue(node), from, parsed.GetValue(idle), parsed.GetValue(top)).ToList();
            if (form.IsJson(parsed))
            {
                await output.WriteLineAsync($"[{string.Join(",", listed.Select(session => "\n  " + session.GetRawText()))}\n]");
            }
            else
            {
                var screen = Screen.For(output);
                SessionsText.Write(screen, listed, all.Count, form.IsWide(parsed));
                await output.WriteAsync(screen.ToString());
            }
        }));
        return command;
    }

    /// <summary>The sessions that match.</summary>
    internal static IEnumerable<JsonElement> Filter(IEnumerable<JsonElement> sessions, string? node, IPAddress? source, TimeSpan? idle, int? top)
    {
        var matching = sessions.Where(s =>
            (node is null || s.Text("node") == node)
            && (source is null || (IPEndPoint.TryParse(s.Text("client")!, out IPEndPoint? client) && client.Address.Equals(source)))
            && (idle is not { } least || s.Number("quietMs") >= least.TotalMilliseconds));
        return top is { } most ? matching.OrderByDescending(s => s.Number("bytesIn") + s.Number("bytesOut")).Take(most) : matching;
    }

    private static long? Number(string text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;

    private static T? Parse<T>(ArgumentResult result, Func<string, T?> parse, string problem)
    {
        string text = result.Tokens[0].Value;
        T? value = parse(text);
        if (value is null)
        {
            result.AddError($"'{text}' {problem}.");
        }

        return value;
    }
}
