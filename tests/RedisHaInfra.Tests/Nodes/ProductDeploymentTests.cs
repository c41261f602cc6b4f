// The deployment that tests and benches run is the product's: held against servers that run from an applied payload.

using System.Net;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class ProductDeploymentTests
{
    // Redis sets these itself, each time or for each process.
    private static readonly string[] OfTheProcess = ["bind-source-addr", "logfile", "pidfile", "proc-title-template", "config-file"];

    [SkippableFact]
    public async Task Nodes_and_Sentinels_of_a_deployment_differ_from_the_products_in_the_listed_directives_only()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync(
            new RedisDeploymentOptions { AsProduct = true, Sentinels = 1, Quorum = 1, DownAfterMilliseconds = 4_321 });
        using AppliedPayload product = await AppliedPayload.StartAsync(deployment);
        string[] overrides = [.. RedisDeployment.Overrides.Select(item => item.Directive)];

        // The master's and a replica's.
        var wanted = product.Ask(product.Server, "CONFIG", "GET", "*").ToDictionary();
        var found = deployment.Nodes[0].Call("CONFIG", "GET", "*").ToDictionary();
        Assert.True(wanted.Count > 150, $"{wanted.Count} directives");
        Assert.Equal(wanted.Keys.Order(), found.Keys.Order());
        string[] different = [.. wanted.Keys.Where(key => wanted[key] != found[key] && !OfTheProcess.Contains(key)).Order()];
        Assert.Equal(overrides.Where(name => !name.StartsWith("sentinel ", StringComparison.Ordinal)).Order(), different);
        var replica = deployment.Nodes[1].Call("CONFIG", "GET", "*").ToDictionary();
        Assert.Equal(((string[])["dir", "aclfile", "port", "replica-announce-ip", "replicaof", "slave-announce-ip", "slaveof", "bind"]).Order(),
            replica.Keys.Where(key => replica[key] != found[key]).Order());

        Assert.Equal(product.UsersOfServer, await File.ReadAllTextAsync(Path.Combine(deployment.Nodes[0].Folder, "users.acl")));
        Assert.Equal(Texts(product.Ask(product.Server, "ACL", "LIST")), Texts(deployment.Nodes[0].Call("ACL", "LIST")));
        Assert.Equal(Texts(product.Ask(product.Server, "ACL", "LIST")), Texts(deployment.Nodes[1].Call("ACL", "LIST")));
        Assert.Equal(Texts(product.Ask(product.Sentinel, "ACL", "LIST")), Texts(deployment.Sentinels[0].Call("ACL", "LIST")));
        Assert.Equal(
            product.Ask(product.Sentinel, "SENTINEL", "CONFIG", "GET", "*").ToDictionary().OrderBy(pair => pair.Key, StringComparer.Ordinal),
            deployment.Sentinels[0].Call("SENTINEL", "CONFIG", "GET", "*").ToDictionary().OrderBy(pair => pair.Key, StringComparer.Ordinal));

        // Sentinels write their files again, each line in its own form: what is left to compare is what was configured.
        Assert.Equal("OK", product.Ask(product.Sentinel, "SENTINEL", "FLUSHCONFIG").Text);
        Assert.Equal("OK", deployment.Sentinels[0].Call("SENTINEL", "FLUSHCONFIG").Text);
        string[] lines = [.. SentinelLines(product.SentinelFile, overrides)];
        Assert.Contains("sentinel down-after-milliseconds mymaster 4321", lines);
        Assert.Equal(lines, SentinelLines(Path.Combine(deployment.Sentinels[0].Folder, "redis.conf"), overrides));
    }

    [SkippableFact]
    public async Task Clients_of_a_deployment_have_the_rights_of_clients_and_no_more()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync(
            new RedisDeploymentOptions { AsProduct = true, Nodes = 1, Sentinels = 0, MinReplicas = 0 });
        using RespConnection client = await RespConnection.ConnectAsync(deployment.Nodes[0].EndPoint, deployment.Accounts.Client);
        Assert.Contains("laddr=" + deployment.Nodes[0].EndPoint, client.Call("CLIENT", "INFO").Text, StringComparison.Ordinal);
        foreach (string[] command in new[] { ["CONFIG", "GET", "port"], ["BGREWRITEAOF"], ["CLIENT", "KILL", "TYPE", "normal"], (string[])["FAILOVER"] })
        {
            Assert.StartsWith("NOPERM", client.Ask(command).Text, StringComparison.Ordinal);
        }
        Assert.Equal("OK", deployment.Nodes[0].Call("CONFIG", "SET", "hz", "20").Text);
    }

    // Redis lists users and their rules in the order of hash tables, another one in each process.
    private static IEnumerable<string> Texts(RespReply reply) =>
        reply.Items.Select(item => item.Text).Order().SelectMany(user => user.Split(' ', '(', ')').Order());

    private static IEnumerable<string> SentinelLines(string file, string[] overrides) => File.ReadLines(file)
        .Where(line => line.Length > 0 && !line.StartsWith('#') && !overrides.Any(name => line.StartsWith(name + " ", StringComparison.Ordinal)))
        .Where(line => line.Split(' ') is not ["sentinel", "known-replica" or "known-sentinel" or "config-epoch" or "leader-epoch" or "current-epoch", ..])
        .Order();

    /// <summary>A redis-server and a Sentinel that run from what a payload installs, with only their own places changed.</summary>
    private sealed class AppliedPayload : IDisposable
    {
        private readonly Machine _machine = new("debian");
        private readonly WorkDirectory _work = new();
        private readonly List<ChildProcess> _processes = [];

        public required RedisDeployment Deployment { get; init; }

        public IPEndPoint Server { get; } = new(IPAddress.Loopback, FreePorts.Take());

        public IPEndPoint Sentinel { get; } = new(IPAddress.Loopback, FreePorts.Take());

        public string UsersOfServer => _machine.InRoot("/etc/redis-ha/users.acl");

        public string SentinelFile => Path.Combine(_machine.Root, "etc/redis/ha/sentinel.conf");

        public static async Task<AppliedPayload> StartAsync(RedisDeployment deployment)
        {
            var payload = new AppliedPayload { Deployment = deployment };
            try
            {
                await payload.StartAsync();
                return payload;
            }
            catch
            {
                payload.Dispose();
                throw;
            }
        }

        public RespReply Ask(IPEndPoint where, params string[] command)
        {
            using var connection = RespConnection.Connect(where, TimeSpan.FromSeconds(5), "operator", Deployment.Accounts.Operator);
            return connection.Call(command);
        }

        public void Dispose()
        {
            _processes.ForEach(process => process.Dispose());
            _work.Dispose();
            _machine.Dispose();
        }

        private async Task StartAsync()
        {
            NodeAddress[] nodes = [.. Deployment.Nodes.Select(node => new NodeAddress(node.Name, node.EndPoint.Address.ToString()))];
            RedisAccounts accounts = Deployment.Accounts;
            // Written out, not asked of the deployment: a setting that it gets wrong must show.
            ShellResult applied = await _machine.ApplyAsync(NodePayload.Of(new RedisNodeInputs
            {
                Node = nodes[0],
                Nodes = nodes,
                Redis = new RedisSettings { MaxMemory = "6gb" },
                Sentinel = new SentinelSettings { Quorum = 1, DownAfterMilliseconds = 4_321, FailoverTimeoutMilliseconds = 10_000 },
                Login = PayloadInputs.Login,
                Passwords = PayloadInputs.Passwords with
                {
                    Client = accounts.Client,
                    Replication = accounts.Replication,
                    Sentinel = accounts.Sentinel,
                    Health = accounts.Health,
                    SentinelWatch = accounts.SentinelWatch,
                    Operator = accounts.Operator,
                    Watch = accounts.Watch,
                },
            }).ApplyScript);
            Assert.True(applied.ExitCode == 0, applied.ToString());
            string etc = Path.Combine(_machine.Root, "etc/redis-ha");
            Start("redis-server", Path.Combine(etc, "settings.conf"),
                ["--port", $"{Server.Port}", "--dir", _work.Path, "--aclfile", Path.Combine(etc, "users.acl")]);
            await File.WriteAllTextAsync(SentinelFile, (await File.ReadAllTextAsync(SentinelFile))
                .Replace("port 26379\n", $"port {Sentinel.Port}\n", StringComparison.Ordinal)
                .Replace("dir /var/lib/redis\n", $"dir {_work.Path}\n", StringComparison.Ordinal)
                .Replace("aclfile /etc/redis-ha/", $"aclfile {etc}/", StringComparison.Ordinal)
                .Replace(" 6379 ", $" {Server.Port} ", StringComparison.Ordinal));
            Start("redis-sentinel", SentinelFile, []);
            await Eventually.HoldsAsync(
                () => Ask(Server, "PING").Text == "PONG" && Ask(Sentinel, "PING").Text == "PONG",
                () => string.Join('\n', _processes.Select(process => process.LogTail())));
        }

        private void Start(string program, string file, string[] more) =>
            _processes.Add(ChildProcess.Start(program, program, [file, .. more], Path.Combine(_work.Path, program + ".log")));
    }
}
