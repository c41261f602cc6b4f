// Every form of the status, of fixed moments, byte for byte against files beside this one. A change of a form shows there as a difference to
// read: GOLDEN=write writes them again. The order of metrics means nothing to whoever reads them, so families stand sorted there.

using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Admin;
using RedisHaProxy.Commands;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Admin;

public sealed partial class GoldenTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests/RedisHaProxy.Tests/Admin/Golden");

    private static readonly Regex Host = new($@"(?<![\w-]){Regex.Escape(Environment.MachineName)}(?![\w-])");

    public static TheoryData<string> Names => [.. Scene.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Every_form_is_as_it_was(string scene)
    {
        var forms = await FormsAsync(Scene.All[scene]);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "write")
        {
            foreach ((string form, string text) in forms)
            {
                await File.WriteAllTextAsync(Path.Combine(Folder, $"{scene}.{form}"), text);
            }
        }

        Assert.Multiple([.. forms.Select(form => (Action)(() => Assert.Equal(File.ReadAllText(Path.Combine(Folder, $"{scene}.{form.Key}")), form.Value)))]);
        Assert.Equal(forms.Keys.Order(), Directory.GetFiles(Folder, $"{scene}.*").Select(file => Path.GetFileName(file)[(scene.Length + 1)..]).Order());
    }

    private static async Task<Dictionary<string, string>> FormsAsync(Scene scene)
    {
        var time = new FakeTimeProvider(Scene.Now.AddHours(-2));
        var lifecycle = new Lifecycle(time);
        lifecycle.Enter(LifecyclePhase.Serving);
        var forwarder = new FixedForwarder
        {
            Current = scene.Data with
            {
                SessionsTotal = scene.Data.SessionsTotal - scene.Second.Sessions,
                BytesIn = scene.Data.BytesIn - scene.Second.In,
                BytesOut = scene.Data.BytesOut - scene.Second.Out,
            },
        };
        var rates = new TrafficRates(forwarder, time);
        using var stop = new CancellationTokenSource();
        Task sampling = rates.RunAsync(stop.Token);
        var before = rates.Current;
        forwarder.Current = scene.Data;
        time.Advance(TimeSpan.FromSeconds(1));
        await Eventually.HoldsAsync(() => rates.Current != before || scene.Second == default, () => "a sample of the rates");
        await stop.CancelAsync();
        await sampling;
        time.Advance(TimeSpan.FromMinutes(119));
        if (scene.Draining)
        {
            lifecycle.Enter(LifecyclePhase.Draining);
        }

        var source = new StatusSource(() => scene.Settings, lifecycle, forwarder, () => scene.Control, rates, () => scene.WrongPassword, () => Scene.Usage);
        var endpoints = new AdminEndpoints(
            lifecycle, forwarder, new BasicAuthentication(time, NullLogger.Instance), source, null!, null!, () => false, () => default, PageTexts.Forms);
        async Task<string> GetAsync(string path)
        {
            var context = new DefaultHttpContext();
            using var body = new MemoryStream();
            context.Request.Method = "GET";
            context.Request.Path = path;
            context.Response.Body = body;
            await endpoints.HandleAsync(context);
            Assert.Equal(200, context.Response.StatusCode);
            return Version().Replace(Host.Replace(Encoding.UTF8.GetString(body.ToArray()), "HOST"), "VERSION");
        }

        string csv = await GetAsync("/stats;csv");
        foreach (string path in new[] { "/;csv", "/stats;csv;norefresh", "/haproxy_stats;csv", "/haproxy_stats;csv;norefresh", "/haproxy;csv" })
        {
            Assert.Equal(csv, await GetAsync(path));
        }

        Assert.Equal(await GetAsync("/stats.json"), await GetAsync("/stats;json"));
        Assert.All([await GetAsync("/haproxy_stats"), await GetAsync("/stats;norefresh"), await GetAsync("/;up")], page =>
            Assert.StartsWith("<!doctype html>", page, StringComparison.Ordinal));
        var moment = source.Now() with { Host = "HOST", Version = "VERSION" };
        JsonElement forTerminal = Scene.Json(moment.Figures.ForTerminal, moment);
        return new()
        {
            ["stats.json"] = ProcessIdInJson().Replace(await GetAsync("/stats.json"), "\"processId\": 17"),
            ["explain.json"] = await GetAsync("/explain"),
            ["timeline.json"] = await GetAsync("/timeline"),
            ["metrics"] = Sorted(await GetAsync("/metrics")),
            ["csv"] = csv,
            ["html"] = ProcessIdOnPage().Replace(Nonce().Replace(StyleAndScript().Replace(await GetAsync("/stats"), "$1$2"), "nonce=\"N\""), "process 17,"),
            ["status.txt"] = Text(screen => StatusText.Write(screen, forTerminal)),
            ["explain.txt"] = await GetAsync("/explain.txt"),
            ["timeline.txt"] = await GetAsync("/timeline.txt"),
        };
    }

    private static string Text(Action<Screen> write)
    {
        var screen = new Screen();
        write(screen);
        return screen.ToString();
    }

    private static string Sorted(string metrics) =>
        string.Concat(metrics.Split("# HELP ", StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal).Select(family => "# HELP " + family));

    [GeneratedRegex("\"processId\": [0-9]+")]
    private static partial Regex ProcessIdInJson();

    [GeneratedRegex("(?<=\"version\": \"|version=\"|version )[0-9]+\\.[0-9]+\\.[0-9]+")]
    private static partial Regex Version();

    [GeneratedRegex("process [0-9]+,")]
    private static partial Regex ProcessIdOnPage();

    [GeneratedRegex("nonce=\"[0-9a-f]{32}\"")]
    private static partial Regex Nonce();

    [GeneratedRegex("(<(?:style|script) [^>]*>).*?(</(?:style|script)>)", RegexOptions.Singleline)]
    private static partial Regex StyleAndScript();

    private sealed class FixedForwarder : IForwarder
    {
        public required ForwarderSnapshot Current { get; set; }

        public void Start() => throw new NotSupportedException();

        public void Apply(GateOrder order, Action carriedOut) => throw new NotSupportedException();

        public ValueTask ReconfigureAsync(ProxyConfiguration changed) => throw new NotSupportedException();

        public ValueTask StopAcceptingAsync() => throw new NotSupportedException();

        public ForwarderSnapshot Snapshot() => Current;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
