// Brings every machine to its payload and proves it, one machine after the other: nothing else changes a running node.
//
// User data holds no secrets, so a new machine first gets its whole payload by SSH, all new machines at the same time: the first
// node of a new cluster is ready only when the others answer. Then each node in turn is proven. A later change of a payload reaches
// the nodes by that second part alone: the changed standard input runs its commands again, replicas first, the master after a
// switchover.
//
// When the list of nodes changes, its order keeps every master one that all proxies know: a node that leaves stops being master before they
// forget it, and a new node, synchronised already, may be promoted only after they know it. The Sentinels forget a node last.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>What a rollout needs.</summary>
public sealed record RolloutArgs
{
    /// <summary>The ways to the machines.</summary>
    public required Connections Connections { get; init; }

    /// <summary>The Redis nodes, in order.</summary>
    public required ImmutableArray<ConfiguredMachine> Redis { get; init; }

    /// <summary>Names of Redis nodes that are dead: nothing is sent to them, and the list of nodes is as it was.</summary>
    public ImmutableArray<string> Absent { get; init; } = [];

    /// <summary>The Redis nodes that are not.</summary>
    public IEnumerable<ConfiguredMachine> Present => Redis.Where(node => !Absent.Contains(node.Machine.Node.Name));

    /// <summary>The proxies, in order.</summary>
    public required ImmutableArray<ConfiguredMachine> Proxies { get; init; }

    /// <summary>Is given what has shown that all machines are reached, before anything that runs is changed.</summary>
    public Action<ImmutableArray<Resource>> Reached { get; init; } = _ => { };

    /// <summary>Makes the endpoint, given what it waits for until all proxies serve; the last step goes through it.</summary>
    public required Func<ImmutableArray<Resource>, LoadBalancer> LoadBalancer { get; init; }

    /// <summary>The passwords.</summary>
    public required Output<NodePasswords> Passwords { get; init; }
}

/// <summary>The chain of commands that make and prove the cluster.</summary>
public sealed class Rollout : ComponentResource
{
    // All nodes follow by then; a Sentinel finds replicas and Sentinels again within 12 s.
    private const int MembershipSeconds = 120;

    // All nodes are well by then; what is left is the balancer's first round of health checks.
    private const int EndpointSeconds = 300;

    private readonly RolloutArgs _args;
    private readonly CommandChain _chain;

    /// <summary>The endpoint.</summary>
    public LoadBalancer LoadBalancer { get; }

    /// <summary>Builds the chain.</summary>
    public Rollout(RolloutArgs args)
        : base("redis-ha:infra:Rollout", "rollout")
    {
        _args = args;
        _chain = new CommandChain(this);
        if (args.Connections.Bastion is { Machine: { } bastion })
        {
            string user = args.Connections.User;
            _chain.Run(new RemoteCommand("bastion-ready", args.Connections.ToBastion(), CommandChain.AsRoot(user, CommandChain.WaitSeconds),
                Bastion.ReadyScript(user, args.Connections.Ssh.PublicKey))
            {
                Owner = bastion.Instance,
                Triggers = [bastion.Instance.Id],
            });
        }
        BringSecrets([.. args.Present, .. args.Proxies]);
        args.Reached(_chain.Before);
        ChangePasswords("accept");
        Membership("before", [args.Redis[0]]);
        // From the last to the first: new nodes stand at the end of the list, and follow the master before the others count on them.
        foreach (ConfiguredMachine node in args.Present.Reverse())
        {
            Apply($"{node.Machine.Node.Name}-ready", node, pass: "replicas");
        }
        foreach (ConfiguredMachine node in args.Present)
        {
            Apply($"{node.Machine.Node.Name}-complete", node, pass: "all");
        }
        foreach (ConfiguredMachine node in args.Proxies)
        {
            Apply($"{node.Machine.Node.Name}-ready", node, pass: "all");
        }
        LoadBalancer = args.LoadBalancer(_chain.Before);
        ChangePasswords("retire");
        Membership("after", args.Redis);
        CheckThroughBalancer();
        RegisterOutputs();
    }

    // Each machine's commands follow one another; the machines do not wait for each other.
    private void BringSecrets(ImmutableArray<ConfiguredMachine> nodes)
    {
        ImmutableArray<Resource> start = _chain.Before;
        ImmutableArray<Resource>.Builder ends = ImmutableArray.CreateBuilder<Resource>();
        foreach (ConfiguredMachine node in nodes)
        {
            _chain.Before = start;
            if (_args.Connections.Bastion is not null)
            {
                WaitForSsh(node);
            }
            Apply($"{node.Machine.Node.Name}-secrets", node, pass: "secrets", isOnce: true);
            ends.AddRange(_chain.Before);
        }
        _chain.Before = ends.ToImmutable();
    }

    // Whatever uses a password meets servers that know it, at every moment and wherever a run stops: first all nodes learn the new ones,
    // then everybody uses them, then all nodes forget the former ones.
    private void ChangePasswords(string pass)
    {
        foreach (ConfiguredMachine node in _args.Present)
        {
            Apply($"{node.Machine.Node.Name}-{pass}", node, pass);
        }
    }

    // A second hop that fails is retried on a connection that is dead by then, so it is made only when it will succeed. A first one is retried well.
    private void WaitForSsh(ConfiguredMachine node) => _chain.Run(new RemoteCommand(
        $"{node.Machine.Node.Name}-reachable",
        _args.Connections.ToBastion(),
        node.Machine.HostKey.Apply(key => CommandChain.AsUser(node.Machine.Node.Name, node.Machine.Node.Address, CommandChain.WaitSeconds, key)),
        // The identifier makes it run again before each change of the node: the provider itself would say nothing of a wrong host key
        // on the second hop, because it tries again on the dead connection.
        Output.Tuple(Output.Unsecret(node.Payload.Apply(payload => payload.Identifier)), node.Machine.Instance.Id).Apply(known =>
            $"# payload: {known.Item1}\nmachine={ShellText.Quote(known.Item2)}\n{Template.Read("rollout/wait-for-ssh.sh")}"))
    {
        Owner = node.Machine.Instance,
        After = node.Attached,
        Triggers = [node.Machine.Instance.Id],
    });

    // The first node speaks for all; a list that changed, or another machine in the place of one, makes it do so again.
    private void Membership(string pass, ImmutableArray<ConfiguredMachine> machines)
    {
        if (!_args.Absent.IsEmpty)
        {
            return;
        }
        Machine first = _args.Redis[0].Machine;
        _chain.Run(new RemoteCommand($"membership-{pass}", _args.Connections.To(first.Node.Address, first.HostKey), CommandChain.AsRoot(),
            MembershipScript(pass, MembershipSeconds, _args.Redis.Select(node => node.Machine.Node)))
        {
            Owner = first.Instance,
            Triggers = [.. machines.Select(node => node.Machine.Instance.Id)],
        });
    }

    /// <summary>What the first Redis node runs, as root, from its standard input, before and after the proxies get their list of nodes.</summary>
    internal static string MembershipScript(string pass, int waitSeconds, IEnumerable<NodeAddress> nodes) =>
        $"set -- {ShellText.Words([pass, waitSeconds, .. nodes.Select(node => $"{node.Name}={node.Address}")])}\n{Template.Read("rollout/membership.sh")}";

    private void Apply(string name, ConfiguredMachine node, string pass, bool isOnce = false) =>
        _chain.Run(new RemoteCommand(name, _args.Connections.To(node.Machine.Node.Address, node.Machine.HostKey), CommandChain.AsRoot(),
            node.Payload.Apply(payload => NodeScript(node.Machine.Node.Name, payload, CommandChain.WaitSeconds, pass, _args.Absent)))
        {
            Owner = node.Machine.Instance,
            Triggers = [node.Machine.Instance.Id],
            IsOnce = isOnce,
        });

    /// <summary>What a node runs, as root, from its standard input.</summary>
    internal static string NodeScript(string name, NodePayload payload, int waitSeconds, string pass, ImmutableArray<string> absent = default) =>
        $"set -- {ShellText.Words([name, payload.Identifier, waitSeconds, pass, .. absent.IsDefault ? [] : absent])}\n"
        + Template.Render("rollout/node-rollout.sh", ("payload", payload.ApplyScript.TrimEnd('\n')));

    /// <summary>What the bastion, or else the first Redis node, runs at the end, from its standard input.</summary>
    internal static string EndpointScript(string password, IEnumerable<string> payloadIdentifiers) =>
        // The identifiers make the check run again whenever a node has changed.
        $"# payloads: {string.Join(' ', payloadIdentifiers)}\npassword={ShellText.Quote(password)}\n{Template.Read("rollout/balancer-check.sh")}";

    private void CheckThroughBalancer()
    {
        Output<string> input = Output.Tuple(_args.Passwords, Output.All(_args.Redis.Concat(_args.Proxies).Select(node => node.Payload)))
            .Apply(known => EndpointScript(known.Item1.Client, known.Item2.Select(payload => payload.Identifier)));
        _chain.Run(new RemoteCommand("endpoint-check", _args.Connections.ToOnlooker(),
            LoadBalancer.Address.Apply(address => CommandChain.AsUser(address, Ports.Redis, EndpointSeconds)), input)
        {
            Owner = (_args.Connections.Bastion?.Machine ?? _args.Present.First().Machine).Instance,
            After = [LoadBalancer],
            Triggers = [LoadBalancer.Id, .. _args.Redis.Concat(_args.Proxies).Select(node => node.Machine.Instance.Id)],
        });
    }
}
