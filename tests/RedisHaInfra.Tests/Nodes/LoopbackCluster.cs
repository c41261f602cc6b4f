// Three Redis nodes on loopback addresses of their own: applied payloads, real redis-server and redis-sentinel processes, and the
// payload's own boot rule before every start.

using System.Diagnostics;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

internal sealed class LoopbackCluster : IAsyncDisposable
{
    private readonly Dictionary<string, ChildProcess> _processes = [];
    private readonly WorkDirectory _logs = new();
    private readonly List<Task> _rules = [];
    private readonly CancellationTokenSource _stop = new();

    private readonly NodeBackup? _backup;
    private readonly NodeMetrics? _metrics;

    private bool _appendOnly = true;

    private PrivateAuthority? _authority;

    private LoopbackCluster(string network, NodeBackup? backup, NodeMetrics? metrics) => (Network, _backup, _metrics) = (network, backup, metrics);

    public string Network { get; }

    public Dictionary<int, Machine> Machines { get; } = [];

    /// <summary>Applies the payloads and starts the Sentinels; no redis-server yet.</summary>
    public static async Task<LoopbackCluster> CreateAsync(
        int minReplicasToWrite = 0, NodeBackup? backup = null, bool appendOnly = true, NodeMetrics? metrics = null, bool tls = false)
    {
        // Any of 127/8 is this machine; two runs at once hardly ever meet.
        var cluster = new LoopbackCluster($"127.{Random.Shared.Next(16, 250)}.{Random.Shared.Next(1, 250)}", backup, metrics)
        {
            _appendOnly = appendOnly,
            _authority = tls ? new PrivateAuthority("0123456789abcdefghijklmnopqrstuv", "test") : null,
        };
        int[] numbers = [1, 2, 3];
        foreach (int number in numbers)
        {
            cluster.Machines[number] = new Machine("debian");
        }
        await Task.WhenAll(numbers.Select(number => cluster.ApplyAsync(number, nodes: 3, minReplicasToWrite)));
        foreach (int number in numbers)
        {
            cluster.StartSentinel(number);
        }
        return cluster;
    }

    /// <summary>Applies the payload of a cluster of so many nodes to one more machine and starts its Sentinel; no redis-server yet.</summary>
    public async Task AddAsync(int number, int nodes, int minReplicasToWrite = 0)
    {
        Machines[number] = new Machine("debian");
        await ApplyAsync(number, nodes, minReplicasToWrite);
        StartSentinel(number);
    }

    private async Task ApplyAsync(int number, int nodes, int minReplicasToWrite)
    {
        Machine machine = Machines[number];
        RedisNodeInputs inputs = PayloadInputs.Redis(number, Network, nodes) with
        {
            Redis = new RedisSettings
            {
                MaxMemory = "64mb",
                ReplicationBacklog = "1mb",
                MaxClients = 200,
                MinReplicasToWrite = minReplicasToWrite,
                HasAppendOnlyFile = _appendOnly,
            },
            Backup = _backup,
            Metrics = _metrics,
            Sentinel = new SentinelSettings { DownAfterMilliseconds = 3_000, FailoverTimeoutMilliseconds = 6_000, ParallelSyncs = 1 },
        };
        if (_authority is { } authority)
        {
            (string certificate, string key) = authority.Issue([Address(number)], [], TimeProvider.System.GetUtcNow(), Address(number));
            inputs = inputs with { Tls = new NodeTls(certificate, key, authority.Certificate()) };
        }
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript);
        Assert.True(result.ExitCode == 0, result.ToString());
        machine.WithoutStandIn("redis-cli", "redis-server", "sleep", "systemctl");
        // Paths of this directory, and one address only: 127.0.0.1 belongs to all of them here.
        foreach (string file in new[] { "etc/redis-ha/settings.conf", "etc/redis/ha/sentinel.conf" })
        {
            string path = Path.Combine(machine.Root, file);
            await File.WriteAllTextAsync(path, (await File.ReadAllTextAsync(path))
                .Replace(" 127.0.0.1\n", "\n", StringComparison.Ordinal)
                .Replace(" /var/lib/redis\n", $" {machine.Root}/var/lib/redis\n", StringComparison.Ordinal)
                .Replace(" /etc/redis-ha/", $" {machine.Root}/etc/redis-ha/", StringComparison.Ordinal)
                // Nobody waits for a second replica: each full copy is a second shorter.
                .Replace("\nrepl-diskless-sync-delay 1\n", "\nrepl-diskless-sync-delay 0\n", StringComparison.Ordinal));
        }
    }

    public string Address(int number) => $"{Network}.{130 + number}";

    public void StartSentinel(int number) =>
        Start($"sentinel {number}", "redis-sentinel", [Path.Combine(Machines[number].Root, "etc/redis/ha/sentinel.conf")]);

    /// <summary>What systemd does: the boot rule, then redis-server, then redis-ha-joined. Ends when redis-server has started.</summary>
    public async Task StartRedisAsync(int number)
    {
        Machine machine = Machines[number];
        Task<ShellResult> run = Shell.RunAsync("bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/boot.sh")], environment: machine.Environment,
            timeout: TimeSpan.FromSeconds(90), stop: _stop.Token);
        _rules.Add(run);
        ShellResult rule = await run;
        Assert.True(rule.ExitCode == 0, rule.ToString());
        // On a node the folder of redis.conf is root's, so a CONFIG REWRITE fails; here its folder goes as soon as it was read.
        string folder = Path.Combine(machine.Root, "started");
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(machine.Root, "etc/redis-ha/redis.conf"), Path.Combine(folder, "redis.conf"), overwrite: true);
        Start($"redis {number}", "redis-server", [Path.Combine(folder, "redis.conf")]);
        await Eventually.HoldsAsync(async () => await OperatorAsync(number, 6379, "PING") == "PONG", () => $"redis-server {number} does not answer");
        Directory.Delete(folder, recursive: true);
        string scripts = Path.Combine(machine.Root, "usr/local/libexec/redis-ha");
        string steps = string.Join(" && ", ((string[])["joined.sh copied", "mark.sh member", "joined.sh admitted", "mark.sh promotable", "joined.sh founders"])
            .Select(step => $"bash {scripts}/{step}"));
        Start($"joined {number}", "bash", ["-c", steps], machine.Environment);
    }

    /// <summary>
    /// Starts a node's watch as systemd does, with shorter rounds; it may kill the redis-server that runs now.
    /// </summary>
    public void StartWatch(int number)
    {
        Machine machine = Machines[number];
        var environment = new Dictionary<string, string>(machine.WatchEnvironment(PayloadInputs.Passwords.Watch)) { ["REDIS_HA_WATCH_INTERVAL"] = "0.5" };
        machine.RunsAs("redis-server", _processes[$"redis {number}"].Id);
        Start($"watch {number}", "bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/watch.sh")], environment);
    }

    /// <summary>Whether a node's redis-server runs.</summary>
    public bool Runs(int number) => !_processes[$"redis {number}"].HasExited;

    /// <summary>What a process has written.</summary>
    public string Output(string what) => _processes[what].LogTail(int.MaxValue);

    /// <summary>What the boot rule last said on a node.</summary>
    public string BootRule(int number) => Machines[number].InRoot("/run/redis-ha/boot-rule").TrimEnd('\n');

    public void Kill(string what)
    {
        if (_processes.Remove(what, out ChildProcess? process))
        {
            process.KillTree();
            process.Dispose();
        }
    }

    /// <summary>A power cut: redis-server and, if wanted, the Sentinel are gone at once.</summary>
    public void PowerCut(int number, bool sentinelToo = false)
    {
        Kill($"joined {number}");
        Kill($"redis {number}");
        if (sentinelToo)
        {
            Kill($"sentinel {number}");
        }
    }

    public void Wipe(int number)
    {
        string data = Path.Combine(Machines[number].Root, "var/lib/redis");
        Directory.Delete(data, recursive: true);
        Directory.CreateDirectory(data);
    }

    /// <summary>One command as a user; an empty user asks without logging in.</summary>
    public async Task<string> AskAsync(int number, int port, string user, string password, params string[] command)
    {
        string[] login = user.Length == 0 ? [] : ["--no-auth-warning", "--user", user];
        string[] tls = _authority is null ? [] : ["--tls", "--cacert", Path.Combine(Machines[number].Root, "etc/redis-ha/redis-ca.crt")];
        ShellResult result = await Shell.RunAsync("redis-cli", [.. tls, .. login, "-h", Address(number), "-p", $"{port}", .. command],
            environment: new Dictionary<string, string> { ["REDISCLI_AUTH"] = user.Length == 0 ? string.Empty : password }, timeout: TimeSpan.FromSeconds(30));
        return (result.Output + result.Error).TrimEnd('\n');
    }

    public Task<string> OperatorAsync(int number, int port, params string[] command) =>
        AskAsync(number, port, "operator", PayloadInputs.Passwords.Operator, command);

    /// <summary>
    /// Waits until exactly this node is master, all others follow it, every Sentinel names it and knows both replicas, and all are
    /// members. A Sentinel learns of replicas from the master's INFO, every 10 s: one that leads a failover earlier never turns the
    /// replica that it does not know. That both follow is asked of the master too: after a full copy a replica's link is up before
    /// the master has seen its saving child end, and until then FAILOVER TO is refused (replication.c, updateSlavesWaitingBgsave).
    /// </summary>
    public async Task<int> SettledAsync(int? expected = null, int seconds = 60)
    {
        var clock = Stopwatch.StartNew();
        string seen;
        do
        {
            var roles = new List<string>();
            var names = new List<string>();
            for (int number = 1; number <= 3; number++)
            {
                string info = await OperatorAsync(number, 6379, "INFO", "replication");
                string Field(string name) => info.Split('\n').Select(line => line.TrimEnd('\r').Split(':')).FirstOrDefault(pair => pair[0] == name)?[1] ?? "?";
                roles.Add(Field("role") == "master" ? $"master of {info.Split("state=online").Length - 1} online replicas"
                    : $"{Field("master_host")} {Field("master_link_status")} {Field("slave_priority")}");
                string[] monitored = (await OperatorAsync(number, 26379, "SENTINEL", "MASTER", "mymaster")).Split('\n');
                string Monitored(string name) => monitored.SkipWhile((line, index) => index % 2 == 1 || line != name).Skip(1).FirstOrDefault() ?? "?";
                names.Add($"{Monitored("ip")} with {Monitored("num-slaves")} replicas");
            }
            bool members = Machines.Values.All(machine => machine.Exists("root/var/lib/redis/redis-ha.member"));
            int master = roles.IndexOf("master of 2 online replicas") + 1;
            if (master > 0 && members && (expected is null || expected == master)
                && roles.Where((_, index) => index != master - 1).All(role => role == $"{Address(master)} up 100")
                && names.All(name => name == $"{Address(master)} with 2 replicas"))
            {
                return master;
            }
            seen = $"roles: {string.Join("; ", roles)}; Sentinels: {string.Join("; ", names)}; all members: {members}; "
                + $"boot rules: {string.Join("; ", Machines.Keys.Select(BootRule))}";
            await Task.Delay(100);
        }
        while (clock.Elapsed < TimeSpan.FromSeconds(seconds));
        throw new TimeoutException($"The cluster has not settled: {seen}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_rules.Select(rule => rule.ContinueWith(_ => { }, TaskScheduler.Default)));
        foreach (string what in _processes.Keys.ToArray())
        {
            Kill(what);
        }
        _stop.Dispose();
        _logs.Dispose();
        foreach (Machine machine in Machines.Values)
        {
            machine.Dispose();
        }
    }

    private void Start(string what, string program, string[] arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        Kill(what);
        _processes[what] = ChildProcess.Start(what, program, arguments, Path.Combine(_logs.Path, $"{what}.log"), environment: environment);
    }
}
