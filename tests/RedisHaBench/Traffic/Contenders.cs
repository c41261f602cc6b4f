// The proxies that are compared, with their configurations. Our engines are listed here and nowhere else.

using System.Globalization;
using System.Net;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>What stands between clients and Redis.</summary>
internal enum ContenderKind
{
    /// <summary>Nothing.</summary>
    Direct,

    /// <summary>HAProxy: the yardstick.</summary>
    HaProxy,

    /// <summary>Our proxy.</summary>
    Ours,
}

/// <summary>A way from clients to Redis.</summary>
/// <param name="Name">Name on the command line and in tables.</param>
/// <param name="Description">What its configuration is.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Start">Starts it for a deployment on an address, in a namespace or in ours; null for the direct way.</param>
internal sealed record Contender(
    string Name, string Description, ContenderKind Kind, Func<RedisDeployment, IPEndPoint, NetworkNamespace?, StartedProxy>? Start)
{
    /// <summary>Whether the exit code depends on it: it is what users get.</summary>
    public bool IsDefault { get; init; }

    /// <summary>Whether it is there to show what a setting does, and has no bars.</summary>
    public bool IsVariant { get; init; }

    /// <summary>Whether it hands sessions over to the kernel, for which it needs a network namespace of its own, and root.</summary>
    public bool HandsOver { get; init; }

    /// <summary>What it is called on the command line: the same for each version of HAProxy.</summary>
    public string Family => Name.Split(Contenders.BeforeVersion)[0];

    /// <summary>The loads it takes part in; null for all.</summary>
    public IReadOnlyList<string>? Loads { get; init; }

    /// <summary>Whether it takes part in a load.</summary>
    public bool Takes(Load load) => Loads?.Contains(load.Name) ?? true;
}

/// <summary>An HAProxy to measure.</summary>
/// <param name="Program">Its path, or a name to look up.</param>
/// <param name="Version">Its version.</param>
internal sealed record HaProxyVersion(string Program, string Version)
{
    /// <summary>The version without what a distribution appends.</summary>
    public string Short => Version.Split('-', '+')[0];
}

/// <summary>How an HAProxy is tuned.</summary>
/// <param name="Threads">nbthread; 0 leaves it to HAProxy, which takes one for each CPU.</param>
/// <param name="Splice">Lines on splicing; null leaves 16 kB buffers and no splicing, HAProxy's defaults; otherwise buffers have 64 kB.</param>
/// <param name="BusyPolling">Never sleep in epoll_wait.</param>
internal sealed record HaProxyTuning(int Threads, string? Splice, bool BusyPolling = false)
{
    /// <summary>Splice where HAProxy finds that a stream is bulk, in either direction.</summary>
    public const string SpliceAuto = "option splice-auto";

    /// <summary>Splice everything: better for bulk, and four more system calls for a small request.</summary>
    public const string SpliceAlways = "option splice-request\n  option splice-response";
}

/// <summary>All contenders.</summary>
internal static class Contenders
{
    /// <summary>Connections that every proxy is configured for. HAProxy reserves two descriptors for each, and for each pipe, at start.</summary>
    public const int ConnectionLimit = 9300;

    /// <summary>In the name of a contender, before the version of an HAProxy that is not the installed one.</summary>
    public const char BeforeVersion = '@';

    private const string OursPrefix = "ours-";

    /// <summary>
    /// Our engines, by the value of the key "engine", the one that "auto" takes last. A program that does not know the key has only the first.
    /// </summary>
    private static readonly string[] Engines = ["epoll", "io_uring"];

    /// <summary>Names that the command line knows.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All("", Engines).Select(c => c.Name)];

    /// <summary>The contenders that a program makes possible.</summary>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="engines">Its engines.</param>
    /// <param name="moreHaProxies">HAProxies beside the installed one; each has all of its tunings.</param>
    public static IReadOnlyList<Contender> All(string program, IReadOnlyList<string> engines, IReadOnlyList<HaProxyVersion>? moreHaProxies = null) =>
    [
        new("direct", "no proxy", ContenderKind.Direct, null),
        .. HaProxies("haproxy", ""),
        .. (moreHaProxies ?? []).SelectMany(one => HaProxies(one.Program, BeforeVersion + one.Short)),
        .. engines.Select(engine => new Contender(
            OursPrefix + engine, $"this project's proxy as it ships, engine {engine}", ContenderKind.Ours,
            (deployment, listen, network) => StartAlone(program, engines.Count > 1 ? engine : null, deployment, listen, network))
        { IsDefault = engine == engines[^1] }),
        new(OursPrefix + "polling", $"the same with engine {Engines[^1]} and busyPollMicroseconds 100, for the one load that it polls at", ContenderKind.Ours,
            (deployment, listen, network) => StartAlone(program, Engines[^1], deployment, listen, network, "polling",
                new Dictionary<string, object> { ["busyPollMicroseconds"] = 100 }))
        { IsVariant = true, Loads = ["c1"] },
        new(OursPrefix + "hand-over", $"the same with engine {Engines[^1]}, which hands sessions over to the kernel", ContenderKind.Ours,
            (deployment, listen, network) => HandOverHelper.Start(program, deployment, network, (settings, admin) =>
                StartOurs(program, Engines[^1], deployment, listen, admin, network, "hand-over", settings)))
        { HandsOver = true },
    ];

    /// <summary>Engines that a program knows: asks it to check a configuration with the key.</summary>
    /// <exception cref="InvalidOperationException">The program cannot be run.</exception>
    public static async Task<IReadOnlyList<string>> EnginesOfAsync(string program, CancellationToken cancellationToken)
    {
        using var work = new WorkDirectory();
        var file =
            work.Write("proxy.json", $$"""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "redis1": "127.0.0.1:2" } }, "engine": "{{Engines[^1]}}" }""");
        using var check = ChildProcess.Start("redis-ha-proxy check", program, ["check", file], Path.Combine(work.Path, "log"));
        await Eventually.HoldsAsync(() => check.HasExited, () => "redis-ha-proxy check ends", cancellationToken: cancellationToken);
        return check.ExitCode switch
        {
            0 => Engines,
            2 when check.LogTail().Contains("engine", StringComparison.Ordinal) => Engines[..1],
            _ => throw new InvalidOperationException($"{program} check failed: {check.LogTail()}"),
        };
    }

    /// <summary>haproxy.cfg: every node checked for its role once a second, the statistics page on, nothing logged.</summary>
    internal static string HaProxyConfiguration(
        IEnumerable<(string Name, IPEndPoint EndPoint)> nodes, string healthPassword, IPEndPoint listen, IPEndPoint stats, HaProxyTuning tuning)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            global
              maxconn {ConnectionLimit}
              {(tuning.Threads > 0 ? string.Create(CultureInfo.InvariantCulture, $"nbthread {tuning.Threads}") : "")}
              {(tuning.Splice is null ? "" : "tune.bufsize 65536\n  maxpipes 400")}
              {(tuning.BusyPolling ? "busy-polling" : "")}
            defaults
              mode tcp
              timeout connect 3s
              timeout client 1h
              timeout server 1h
              {tuning.Splice}
            frontend redis
              bind {listen} backlog 4096
              maxconn {ConnectionLimit}
              default_backend redis
            listen stats
              mode http
              bind {stats}
              stats enable
              stats uri /stats
            backend redis
              option tcp-check
              tcp-check send "AUTH rp-health {healthPassword}\r\n"
              tcp-check expect string +OK
              tcp-check send "info replication\r\nQUIT\r\n"
              tcp-check expect string role:master

            """);
        foreach (var node in nodes)
        {
            text.Append(CultureInfo.InvariantCulture, $"  server {node.Name} {node.EndPoint} check inter 1s fall 1 rise 1 on-marked-down shutdown-sessions\n");
        }

        return text.ToString();
    }

    private static IReadOnlyList<Contender> HaProxies(string program, string suffix)
    {
        return
        [
            Of("default", "HAProxy as it comes: a thread for each CPU, 16 kB buffers", new(0, null)),
            Of("tuned-1", "HAProxy with nbthread 1, tune.bufsize 65536 and option splice-auto, which splices bulk in both directions",
                new(1, HaProxyTuning.SpliceAuto)),
            Of("tuned-2", "the same with nbthread 2", new(2, HaProxyTuning.SpliceAuto)),
            Of("splice", "haproxy-tuned-1 that splices everything (option splice-request, splice-response), for large values",
                new(1, HaProxyTuning.SpliceAlways), "c50-16k", "c20-1m", "c20-1m-echo"),
            Of("busy", "haproxy-tuned-1 with busy-polling, for the one load where it might help",
                new(1, HaProxyTuning.SpliceAuto, BusyPolling: true), "c1"),
        ];

        Contender Of(string tuned, string description, HaProxyTuning tuning, params string[] loads) => new(
            $"haproxy-{tuned}{suffix}", description, ContenderKind.HaProxy,
            (deployment, listen, network) => new([HaProxyProcess.Start(
                HaProxyConfiguration(
                    deployment.Nodes.Select(n => (n.Name, n.EndPoint)), deployment.Accounts.Health, listen,
                    new(IPAddress.Loopback, FreePorts.Take()), tuning),
                deployment.Work, network, $"haproxy-{tuned}{suffix}", program)]))
        { Loads = loads.Length > 0 ? loads : null };
    }

    private static StartedProxy StartAlone(
        string program, string? engine, RedisDeployment deployment, IPEndPoint listen, NetworkNamespace? network, string? suffix = null,
        IReadOnlyDictionary<string, object>? more = null)
    {
        var admin = new IPEndPoint(IPAddress.Loopback, FreePorts.Take());
        return new([StartOurs(program, engine, deployment, listen, admin, network, suffix, more)], admin);
    }

    /// <summary>Starts our proxy with all that it has in production: probes of nodes and Sentinels, pages, control socket.</summary>
    /// <param name="program">Path of redis-ha-proxy.</param>
    /// <param name="engine">Value of the key "engine"; null leaves it out.</param>
    /// <param name="deployment">What it routes to.</param>
    /// <param name="listen">Where clients connect.</param>
    /// <param name="admin">Where the pages and /healthz are.</param>
    /// <param name="network">Namespace; null is ours.</param>
    /// <param name="suffix">Of its name; the engine when null.</param>
    /// <param name="more">Further settings.</param>
    internal static ChildProcess StartOurs(
        string program, string? engine, RedisDeployment deployment, IPEndPoint listen, IPEndPoint admin, NetworkNamespace? network = null,
        string? suffix = null, IReadOnlyDictionary<string, object>? more = null)
    {
        var name = OursPrefix + (suffix ?? engine ?? Engines[0]);
        var settings = new Dictionary<string, object>(more ?? new Dictionary<string, object>())
        {
            ["admin"] = new { listen = admin.ToString(), socket = Path.Combine(deployment.Work.Path, $"{name}.sock") },
            ["limits"] = new { connections = ConnectionLimit },
        };
        if (engine is not null)
        {
            settings["engine"] = engine;
        }

        return ProxyProcess.Start(program, deployment, listen, network, name, settings);
    }
}
