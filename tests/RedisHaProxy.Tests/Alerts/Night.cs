// A night: what Prometheus gets from a proxy while something fails, recorded from real processes every 5 s, and kept as promtool's series.
// NIGHTS=record in the environment records them again (about four minutes; as root).

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using RedisHaProxy.Tests.Admin;

namespace RedisHaProxy.Tests.Alerts;

/// <summary>Something that fails.</summary>
/// <param name="Name">Of its file.</param>
/// <param name="Length">How long is recorded.</param>
/// <param name="Course">What happens, and when, counted from the first sample.</param>
internal sealed record Night(string Name, TimeSpan Length, params (int Seconds, Func<RedisDeployment, Task> Act)[] Course)
{
    /// <summary>Between two samples.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<Night> All { get; } =
    [
        new("crash", TimeSpan.FromSeconds(200), (20, Kill(d => d.Nodes[0])), (175, RestartAsReplica)),
        new("partition", TimeSpan.FromSeconds(240), (20, d => d.Network!.CutAsync(d.Nodes[0].EndPoint.Address)), (180, d => d.Network!.HealAsync())),
        new("lost-majority", TimeSpan.FromSeconds(200), (20, Kill(d => d.Sentinels[1])), (20, Kill(d => d.Sentinels[2])), (120, Kill(d => d.Nodes[0]))),
        new("no-replicas", TimeSpan.FromSeconds(200), (20, Kill(d => d.Nodes[1])), (20, Kill(d => d.Nodes[2]))),
    ];

    private static string Folder => Path.Combine(Repository.Root, "tests/RedisHaProxy.Tests/Alerts/Nights");

    /// <summary>Lines of input_series, with their indentation.</summary>
    public string Series => File.ReadAllText(Path.Combine(Folder, $"{Name}.series.yml"));

    /// <summary>Runs it and writes its file.</summary>
    public async Task RecordAsync()
    {
        await using var deployment = await RedisDeployment.StartAsync(
            new RedisDeploymentOptions { AsProduct = true, Namespaces = true, DownAfterMilliseconds = 5000 });
        var address = IPAddress.Parse("10.79.0.101");
        var machine = await deployment.Network!.AddAsync("proxy1", address);
        var admin = new IPEndPoint(address, 1936);
        using var proxy = ProxyProcess.Start(
            Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy"), deployment, new IPEndPoint(address, 6379), machine,
            settings: new Dictionary<string, object> { ["admin"] = new { listen = admin.ToString() } });
        using var client = machine.HttpClient(admin);
        await Eventually.HoldsAsync(
            async () => (await SampleAsync(client)).GetValueOrDefault("redis_ha_proxy_gate{mode=\"open\"}") == 1, () => "the proxy routes");

        var samples = new List<Dictionary<string, double>>();
        var due = new Queue<(int Seconds, Func<RedisDeployment, Task> Act)>(Course);
        using var timer = new PeriodicTimer(Interval);
        for (var at = TimeSpan.Zero; at <= Length; at += Interval)
        {
            while (due.TryPeek(out var next) && next.Seconds <= at.TotalSeconds)
            {
                await due.Dequeue().Act(deployment);
            }

            samples.Add(await SampleAsync(client));
            await timer.WaitForNextTickAsync();
        }

        await File.WriteAllTextAsync(Path.Combine(Folder, $"{Name}.series.yml"), Write(samples));
    }

    private static Func<RedisDeployment, Task> Kill(Func<RedisDeployment, RedisProcess> which) => deployment =>
    {
        which(deployment).Kill();
        return Task.CompletedTask;
    };

    private static Task RestartAsReplica(RedisDeployment deployment)
    {
        deployment.StartNode(deployment.Nodes[0], deployment.OnlyMaster());
        return Task.CompletedTask;
    }

    // A scrape as Prometheus keeps it: with "up", and without histograms, which no rule uses.
    private static async Task<Dictionary<string, double>> SampleAsync(HttpClient client)
    {
        try
        {
            client.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("text/plain"));
            var families = PrometheusText.Parse(await client.GetStringAsync(new Uri("/metrics", UriKind.Relative)));
            return families.Values.Where(family => family.Type != "histogram").SelectMany(family => family.Samples)
                .Select(sample => (Name: SeriesName(sample.Name, sample.Labels), sample.Value)).Append(("up", 1)).ToDictionary(StringComparer.Ordinal);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return new() { ["up"] = 0 };
        }
    }

    private static string SeriesName(string name, IReadOnlyDictionary<string, string> labels) =>
        labels.Count == 0 ? name : $"{name}{{{string.Join(',', labels.Select(label => $"{label.Key}=\"{label.Value}\""))}}}";

    // promtool's notation: "1+0x3" is 1 four times, "_" no sample, "stale" what Prometheus notes when a scrape lacks a series that the last one had.
    private static string Write(List<Dictionary<string, double>> samples)
    {
        var text = new StringBuilder();
        foreach (string name in samples.SelectMany(sample => sample.Keys).Distinct().Order(StringComparer.Ordinal))
        {
            var values = samples.Select(
                sample => sample.TryGetValue(name, out double value) ? value.ToString("R", CultureInfo.InvariantCulture) : "_").ToList();
            var runs = new List<string>();
            for (int i = 0; i < values.Count;)
            {
                if (values[i] == "_" && i > 0 && values[i - 1] != "_")
                {
                    runs.Add("stale");
                    i++;
                    continue;
                }

                int same = values.Skip(i).TakeWhile(value => value == values[i]).Count();
                runs.Add(same == 1 ? values[i] : values[i] == "_" ? $"_x{same}" : $"{values[i]}+0x{same - 1}");
                i += same;
            }

            string labels = name.Contains('{', StringComparison.Ordinal)
                ? name.Replace("{", "{job=\"redis-ha-proxy\",instance=\"proxy1\",", StringComparison.Ordinal)
                : name + "{job=\"redis-ha-proxy\",instance=\"proxy1\"}";
            text.Append(CultureInfo.InvariantCulture, $"      - series: '{labels}'\n        values: '{string.Join(' ', runs)}'\n");
        }

        return text.ToString();
    }
}
