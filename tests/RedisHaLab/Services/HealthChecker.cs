// The load balancers' health checks: made from the balancer's own address, so that the security rules must allow them
// as on OCI. A change of verdict rewrites the balancer's rules in one transaction.

using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RedisHaLab.Host;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>One backend as the health checker sees it; written to the instance's health file.</summary>
/// <param name="BackendSet">Its set.</param>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address.</param>
/// <param name="Healthy">The verdict.</param>
/// <param name="Detail">What the last check said.</param>
internal sealed record BackendHealth(string BackendSet, string Name, string Address, bool Healthy, string Detail)
{
    /// <summary>What the checker last wrote; empty before its first verdict.</summary>
    public static IReadOnlyList<BackendHealth> Read(LabPaths paths) =>
        File.Exists(paths.HealthFile) ? JsonSerializer.Deserialize<List<BackendHealth>>(File.ReadAllText(paths.HealthFile)) ?? [] : [];
}

/// <summary>Checks all backends of all balancers.</summary>
internal sealed class HealthChecker
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);

    private readonly LabPaths _paths;
    private readonly StateFeed _feed;
    private readonly Dictionary<string, HealthVerdict> _verdicts = [];
    private readonly Dictionary<string, string> _details = [];
    private readonly Dictionary<string, long> _due = [];
    private readonly Dictionary<string, string> _loaded = [];
    private readonly HeaderRelay _relay;
    private string _published = "";

    public HealthChecker(LabPaths paths, StateFeed feed)
    {
        _paths = paths;
        _feed = feed;
        _relay = new HeaderRelay(paths);
    }

    /// <summary>Checks until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var pace = new PeriodicTimer(Pace);
        try
        {
            do
            {
                foreach (var balancer in _feed.Current.Network.Balancers)
                {
                    await CheckAsync(balancer);
                }
            }
            while (await pace.WaitForNextTickAsync(cancellation));
        }
        catch (OperationCanceledException)
        {
            // The process ends.
        }

        _relay.Close();
    }

    private async Task CheckAsync(Balancer balancer)
    {
        var now = Environment.TickCount64;
        var checks = balancer.BackendSets
            .SelectMany(set => set.Backends.Select(backend => (set, backend)))
            .Where(pair => _due.GetValueOrDefault(Key(balancer, pair.set, pair.backend)) <= now)
            .ToList();
        foreach (var (set, backend) in checks)
        {
            _due[Key(balancer, set, backend)] = now + (long)set.HealthCheck.Interval.TotalMilliseconds;
        }

        // One dead backend's time-out must not delay the other's check.
        var results = await Task.WhenAll(checks.Select(pair => ProbeAsync(balancer, pair.set, pair.backend)));
        foreach (var ((set, backend), detail) in checks.Zip(results))
        {
            var key = Key(balancer, set, backend);
            var before = _verdicts.GetValueOrDefault(key, HealthVerdict.Initial);
            _verdicts[key] = before.After(detail.Passed, set.HealthCheck.Retries);
            _details[key] = detail.What;
        }

        await LoadAsync(balancer);
    }

    private async Task LoadAsync(Balancer balancer)
    {
        bool Healthy(BackendSet set, Backend backend) => _verdicts.GetValueOrDefault(Key(balancer, set, backend), HealthVerdict.Initial).Healthy;
        var serving = balancer.BackendSets.ToDictionary(set => set.Name, set => ServingBackends.Of(set, backend => Healthy(set, backend)));
        var rules = RuleSet.ForBalancer(balancer, serving);
        try
        {
            if (_loaded.GetValueOrDefault(balancer.Id) != rules)
            {
                await HostCommand.RequireAsync(InBalancer(balancer, "nft", "-f", "-"), rules);
                _loaded[balancer.Id] = rules;
                foreach (var set in balancer.BackendSets.Where(set => set.InstantFailover && serving[set.Name].Count > 0))
                {
                    foreach (var dead in set.Backends.Where(backend => !Healthy(set, backend) && !serving[set.Name].Contains(backend)))
                    {
                        await SessionReset.RunAsync(_paths.Namespace(balancer.VnicName), balancer.Address, dead.Address, set.InstantFailoverReset);
                    }
                }
            }

            _relay.Serve(balancer, serving, (name, backend) => balancer.BackendSets.First(set => set.Name == name) is { InstantFailover: true } set
                && serving[name].All(other => other.Name != backend) && set.Backends.Any(known => known.Name == backend && !Healthy(set, known)));
            Publish(balancer.BackendSets.SelectMany(set => set.Backends.Select(backend => new BackendHealth(
                set.Name, backend.Name, backend.Address, Healthy(set, backend),
                    _details.GetValueOrDefault(Key(balancer, set, backend), "not checked yet")))).ToList());
        }
        catch (Exception e) when (e is LabException or IOException or SocketException)
        {
            // The namespace is being made or removed; the next round tries again.
            await Console.Error.WriteLineAsync(e.Message);
        }
    }

    private void Publish(IReadOnlyList<BackendHealth> health)
    {
        var text = JsonSerializer.Serialize(health);
        if (text == _published)
        {
            return;
        }

        File.WriteAllText(_paths.HealthFile + ".new", text);
        File.Move(_paths.HealthFile + ".new", _paths.HealthFile, overwrite: true);
        _published = text;
    }

    private async Task<(bool Passed, string What)> ProbeAsync(Balancer balancer, BackendSet set, Backend backend)
    {
        var check = set.HealthCheck;
        var endpoint = new IPEndPoint(IPAddress.Parse(backend.Address), check.Port == 0 ? backend.Port : check.Port);
        try
        {
            using var limit = new CancellationTokenSource(check.Timeout);
            using var socket = await NetworkNamespace.Named(_paths.Namespace(balancer.VnicName)).ConnectAsync(endpoint, check.Timeout);
            if (check.Protocol != "HTTP")
            {
                return (true, "connected");
            }

            var status = await GetAsync(socket, endpoint, check.Path, limit.Token);
            return (status == check.ReturnCode, $"HTTP {status}");
        }
        catch (OperationCanceledException)
        {
            return (false, $"no answer within {check.Timeout.TotalMilliseconds:0} ms");
        }
        catch (Exception e) when (e is SocketException or IOException or HttpRequestException or LabException)
        {
            return (false, e.Message);
        }
    }

    private static async Task<int> GetAsync(Socket socket, IPEndPoint endpoint, string path, CancellationToken cancellation)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = (_, _) => ValueTask.FromResult<Stream>(new NetworkStream(socket, ownsSocket: false)),
            UseProxy = false,
        };
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync(new Uri($"http://{endpoint}{path}"), HttpCompletionOption.ResponseHeadersRead, cancellation);
        return (int)response.StatusCode;
    }

    private IReadOnlyList<string> InBalancer(Balancer balancer, params string[] command) =>
        ["nsenter", "--net=/run/netns/" + _paths.Namespace(balancer.VnicName), "--", .. command];

    private static string Key(Balancer balancer, BackendSet set, Backend backend) => $"{balancer.Id}/{set.Name}/{backend.Name}/{backend.Address}";
}
