// The running cluster as its users and operators reach it: through the balancer, through one proxy, on a node.

using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.Services;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Cluster;

/// <summary>Ways to ask the cluster.</summary>
internal sealed class ClusterView
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <exception cref="LabException">The lab is not complete.</exception>
    public ClusterView(Lab lab)
    {
        Lab = lab;
        Stack = lab.State.Stack ?? throw new LabException("`up` has not run to its end; run it again.");
        Password = File.ReadAllText(lab.Paths.PasswordFile).Trim();
        Endpoint = IPEndPoint.Parse(Stack.Endpoint);
    }

    /// <summary>The lab.</summary>
    public Lab Lab { get; }

    /// <summary>The program's outputs.</summary>
    public StackResults Stack { get; }

    /// <summary>The clients' password.</summary>
    public string Password { get; }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>The Redis nodes.</summary>
    public IReadOnlyList<NodeRow> Redis => Stack.Nodes.Where(node => node.Role == "redis").ToList();

    /// <summary>The proxies.</summary>
    public IReadOnlyList<NodeRow> Proxies => Stack.Nodes.Where(node => node.Role == "proxy").ToList();

    /// <summary>The three ways to the master: through each proxy and through the balancer.</summary>
    public IReadOnlyList<(string Name, string Role, IPEndPoint Address)> Ways =>
    [
        // Proxies take sessions from the balancer's address only: so that is where these come from.
        .. Proxies.Select(proxy => (proxy.Name, BalancerNamespace, new IPEndPoint(IPAddress.Parse(proxy.Address), Endpoint.Port))),
        ("balancer", VcnNetwork.ClientRole, Endpoint),
    ];

    private Balancer Balancer => Lab.State.Network.Balancers.First(balancer => balancer.Address == Endpoint.Address.ToString());

    private string BalancerNamespace => Balancer.VnicName;

    /// <summary>A client's session through the balancer.</summary>
    public Task<RespConnection> ClientAsync(TimeSpan? patience = null) =>
        SessionAsync(VcnNetwork.ClientRole, Endpoint, patience ?? Patience);

    /// <summary>A session by one of <see cref="Ways"/>.</summary>
    public async Task<RespConnection> ByAsync((string Name, string Role, IPEndPoint Address) way)
    {
        if (way.Role != BalancerNamespace || !Balancer.Listeners.Any(listener => listener.HasHeader && listener.Port == Endpoint.Port))
        {
            return await SessionAsync(way.Role, way.Address, Patience);
        }

        // Proxies expect the balancer's header before anything else.
        var session = await RespConnection.ConnectAsync(way.Address, within: Patience, network: NetworkNamespace.Named(Lab.Paths.Namespace(way.Role)));
        try
        {
            session.Send(HeaderRelay.Header((IPEndPoint)session.LocalEndPoint, Endpoint));
            session.Call("AUTH", Password);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>A connection to the balancer that has not logged in.</summary>
    /// <param name="role">Where it comes from.</param>
    public Task<RespConnection> ConnectedAsync(string role = VcnNetwork.ClientRole) =>
        RespConnection.ConnectAsync(Endpoint, within: Patience, network: NetworkNamespace.Named(Lab.Paths.Namespace(role)));

    /// <summary>A client's session on a node itself, past proxies and balancer.</summary>
    public Task<RespConnection> OnNodeAsync(NodeRow node) => OnNodeAsync(node.Name, node, Password);

    /// <summary>A session on a node from one of the lab's networks, over TLS where the nodes speak that.</summary>
    /// <param name="role">Whose namespace.</param>
    /// <param name="node">The node.</param>
    /// <param name="password">The clients' password; null to log in as nobody.</param>
    public async Task<RespConnection> OnNodeAsync(string role, NodeRow node, string? password)
    {
        var network = NetworkNamespace.Named(Lab.Paths.Namespace(role));
        var address = new IPEndPoint(IPAddress.Parse(node.Address), Endpoint.Port);
        return HasNodeTls
            ? await RespConnection.ConnectAsync(
                await TlsRelay.OpenAsync(network, address, await File.ReadAllTextAsync(Lab.Paths.RedisAuthorityFile)), password, within: Patience)
            : await RespConnection.ConnectAsync(address, password, within: Patience, network: network);
    }

    /// <summary>Whether Redis and Sentinel speak TLS.</summary>
    private bool HasNodeTls => File.Exists(Lab.Paths.RedisAuthorityFile);

    private Task<RespConnection> SessionAsync(string role, IPEndPoint address, TimeSpan patience) =>
        RespConnection.ConnectAsync(address, Password, within: patience, network: NetworkNamespace.Named(Lab.Paths.Namespace(role)));

    /// <summary>What a proxy says of itself (`redis-ha-proxy status --json`).</summary>
    public async Task<JsonDocument> ProxyStatusAsync(NodeRow proxy)
    {
        var status = await ShellAsync(proxy.Name, "redis-ha-proxy status --json");
        CheckList.Require(status.ExitCode == 0, $"{proxy.Name}: redis-ha-proxy status: {status.Error}");
        return JsonDocument.Parse(status.Output);
    }

    /// <summary>Runs a shell line on a machine, as root.</summary>
    public Task<ShellResult> ShellAsync(string machine, string line) =>
        HostCommand.RunAsync(Lab.Machine(machine).Inside(["sh", "-c", line]), timeout: TimeSpan.FromSeconds(60));

    /// <summary>An operator's question to Redis or Sentinel on a node, by the node's own tool; the answer's lines.</summary>
    /// <exception cref="LabException">It failed.</exception>
    public async Task<IReadOnlyList<string>> OperatorAsync(string node, string service, string command)
    {
        var result = await ShellAsync(node, $". /etc/redis-ha/node.env; redis-ha-cli {service} -- {command}");
        return result.ExitCode == 0
            // Empty lines stay: among fields and values an empty value is one.
            ? result.Output.TrimEnd().Split('\n', StringSplitOptions.TrimEntries)
            : throw new LabException($"{node}: `redis-ha-cli {service} -- {command}`: {HostCommand.Tail(result.Error + result.Output, 2)}");
    }

    /// <summary>The role of whoever answers on a session, and his replicas' addresses when he is the master.</summary>
    public static async Task<string> RoleAsync(RespConnection session) => (await session.AskAsync("ROLE")).First;

    /// <summary>The node that says that it is the master; null when none or several do.</summary>
    public async Task<NodeRow?> MasterAsync()
    {
        var masters = new List<NodeRow>();
        foreach (var node in Redis.Where(node => Lab.Machine(node.Name).Leader is not null))
        {
            try
            {
                using var session = await OnNodeAsync(node);
                if (await RoleAsync(session) == "master")
                {
                    masters.Add(node);
                }
            }
            catch (Exception e) when (IsRefusal(e))
            {
                // A node that does not answer is not a master.
            }
        }

        return masters.Count == 1 ? masters[0] : null;
    }

    /// <summary>Whether an exception is the network's or the server's refusal, and not an error of this program.</summary>
    public static bool IsRefusal(Exception e) => e is IOException or SocketException or OperationCanceledException or RespErrorException;

    /// <summary>Waits until a master answers through the balancer and takes a write.</summary>
    public async Task<string?> WaitForWritesAsync(TimeSpan patience)
    {
        var last = "not tried";
        var works = await Eventually.HoldsWithinAsync(
            async () =>
            {
                try
                {
                    using var session = await ClientAsync();
                    var reply = await session.AskAsync("DEL", "redis-ha:lab:check");
                    last = reply.ToString();
                    return !reply.IsError;
                }
                catch (Exception e) when (IsRefusal(e))
                {
                    last = e.Message;
                    return false;
                }
            },
            patience,
            TimeSpan.FromMilliseconds(100));
        return works ? null : last;
    }
}
