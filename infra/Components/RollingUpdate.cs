// A change that restarts machines (size, shape, fault domain) or replaces one goes from machine to machine: each lets go of its work
// first, and the next waits until all others do theirs again. These commands exist only in a run that has such a change; the run
// after it removes them, which does nothing on the machines.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using ConnectionArgs = Pulumi.Command.Remote.Inputs.ConnectionArgs;

namespace RedisHaInfra.Components;

/// <summary>The commands between the machines of a rolling update. A component that adds machines asks it before and after each.</summary>
public sealed class RollingUpdate : ComponentResource
{
    // What has not restarted yet serves, or is dead: whoever waits should hear of it soon.
    private const int BeforehandSeconds = 60;

    private readonly CommandChain _chain;
    private readonly Connections _connections;
    private readonly MachinePlan _plan;
    private readonly Credentials _credentials;

    // A run that stopped half-way is run again: what was true when a command ran need not be true any more, so all run again.
    private readonly string _run;

    private ImmutableArray<NodeAddress> _done = [];

    private bool _hasFoundAll;

    /// <summary>Prepares the update.</summary>
    /// <param name="connections">The ways to the machines; the bastion is up to date already.</param>
    /// <param name="plan">What becomes of each machine.</param>
    /// <param name="credentials">The machines' host keys.</param>
    public RollingUpdate(Connections connections, MachinePlan plan, Credentials credentials)
        : base("redis-ha:infra:RollingUpdate", "rolling-update")
    {
        _chain = new CommandChain(this);
        _connections = connections;
        _plan = plan;
        _credentials = credentials;
        _run = Guid.NewGuid().ToString("N");
        if (connections.Bastion is { Machine: { } bastion } && plan[bastion.Node.Name].Change == MachineChange.Restart)
        {
            Run("bastion-answers", connections.ToBastion(), "true", string.Empty);
        }
        RegisterOutputs();
    }

    /// <summary>The order in which machines of a kind change: from the last to the first, which is the master more often than not.</summary>
    public static IEnumerable<int> Order(int count) => Enumerable.Range(0, count).Reverse();

    /// <summary>What a Redis node waits for: it is no master any more, and all others are in step.</summary>
    /// <param name="name">The node.</param>
    /// <param name="nodes">All of them.</param>
    public IEnumerable<Resource> BeforeRedis(string name, ImmutableArray<NodeAddress> nodes)
    {
        PlannedMachine machine = _plan[name];
        if (machine.Change == MachineChange.None)
        {
            return [];
        }
        FindAll();
        // One that has changed already, or else the one that changes last: two switchovers at most.
        string? target = _done.IsEmpty
            ? Order(nodes.Length).Select(index => nodes[index].Name).LastOrDefault(other => other != name && _plan[other].Change == MachineChange.Restart)
            : _done[0].Name;
        // One that is replaced may be dead, which may be why; any other node can see to it that the rest is in step, and switch over.
        PlannedMachine at = machine.Change == MachineChange.Replace
            ? nodes.Select(node => _plan[node.Name]).FirstOrDefault(other => other != machine, machine) : machine;
        LetGo(machine, at.Present, target ?? string.Empty, _done.IsEmpty ? BeforehandSeconds : CommandChain.WaitSeconds);
        _done = _done.Insert(0, machine.Present);
        return _chain.Before;
    }

    /// <summary>After the last Redis node: all of them are in step.</summary>
    /// <param name="machines">The nodes.</param>
    public void AfterRedis(ImmutableArray<ConfiguredMachine> machines)
    {
        // One that is replaced has nothing yet; the rollout brings it all and proves it.
        if (_done.IsEmpty || machines.Any(node => _plan[node.Machine.Node.Name].Change == MachineChange.Replace))
        {
            return;
        }
        // Not on the one that has just restarted: the second hop of a connection is made once.
        PlannedMachine last = _plan[_done[0].Name];
        PlannedMachine other = machines.Select(node => _plan[node.Machine.Node.Name]).First(machine => machine != last);
        OnNode("redis-in-step", other.Node, "after", other, string.Empty, CommandChain.WaitSeconds);
    }

    /// <summary>What a proxy waits for: all others serve, and this one has ended its sessions.</summary>
    /// <param name="name">The proxy.</param>
    /// <param name="proxies">All of them.</param>
    public IEnumerable<Resource> BeforeProxy(string name, ImmutableArray<NodeAddress> proxies)
    {
        PlannedMachine machine = _plan[name];
        if (machine.Change == MachineChange.None)
        {
            return [];
        }
        FindAll();
        Serving($"{name}-others-serve", proxies.Where(proxy => proxy.Name != name).Select(proxy => _plan[proxy.Name].Present));
        LetGo(machine, machine.Present, string.Empty, CommandChain.WaitSeconds);
        return _chain.Before;
    }

    /// <summary>After the last proxy: all of them serve.</summary>
    /// <param name="machines">The proxies.</param>
    public void AfterProxies(ImmutableArray<ConfiguredMachine> machines)
    {
        PlannedMachine[] restarted = [.. machines.Select(node => _plan[node.Machine.Node.Name]).Where(machine => machine.Change == MachineChange.Restart)];
        if (restarted.Length > 0)
        {
            Serving("proxies-serve", restarted.Select(machine => machine.Node));
        }
    }

    /// <summary>Proxies that leave end their sessions while the balancer still watches them: it resets what is left, and no client waits for a machine
    /// that is gone.</summary>
    /// <param name="staying">The others, which take the sessions.</param>
    /// <param name="reached">What has shown that all other machines are reached: a run that ends there has left the proxies as they were.</param>
    public void LeavingProxies(ImmutableArray<NodeAddress> staying, ImmutableArray<Resource> reached)
    {
        _chain.Before = [.. _chain.Before, .. reached];
        foreach (PlannedMachine machine in _plan.LeavingProxies)
        {
            Serving($"{machine.Node.Name}-others-serve", staying.Where(proxy => !_plan.IsNew(proxy.Name)).Select(proxy => _plan[proxy.Name].Present));
            LetGo(machine, machine.Present, string.Empty, CommandChain.WaitSeconds);
        }
    }

    /// <summary>The last step so far.</summary>
    public IEnumerable<Resource> Last => _chain.Before;

    /// <summary>The next machine changes after this one.</summary>
    public void Next(Machine machine)
    {
        if (_plan[machine.Node.Name].Change != MachineChange.None)
        {
            _chain.Before = [machine.Instance];
        }
    }

    /// <summary>What a node runs, as root, from its standard input.</summary>
    internal static string LetGoScript(string step, int waitSeconds, PlannedMachine machine, string target) =>
        $"set -- {ShellText.Words(step, machine.Node.Name, waitSeconds, target,
            // A machine that is replaced or leaves does not have what it is to have, whatever its size.
            machine.Change is MachineChange.Replace or MachineChange.Leave ? "-" : machine.Size.Shape, machine.Ocpus, machine.MemoryGb,
            machine.Place.FaultDomain ?? string.Empty)}\n"
        + Template.Read("rollout/let-go.sh");

    /// <summary>What the bastion, or else the first Redis node, runs, from its standard input.</summary>
    internal static string ServingScript(int waitSeconds, int steadySeconds, int port, IEnumerable<NodeAddress> proxies) =>
        $"set -- {ShellText.Words([waitSeconds, steadySeconds, port, .. proxies.Select(proxy => $"{proxy.Name}={proxy.Address}")])}\n"
        + Template.Read("rollout/proxies-serve.sh");

    // Before the first machine lets go of its work: a run that is refused, because one of them does not answer, has not begun a switchover.
    private void FindAll()
    {
        if (_hasFoundAll)
        {
            return;
        }
        _hasFoundAll = true;
        ImmutableArray<Resource> start = _chain.Before;
        ImmutableArray<Resource>.Builder ends = ImmutableArray.CreateBuilder<Resource>();
        foreach (PlannedMachine machine in _plan.Standing.Where(machine => machine.Node.Name != _connections.Bastion?.Machine.Node.Name))
        {
            _chain.Before = start;
            string name = $"{machine.Node.Name}-found";
            if (_connections.Bastion is null)
            {
                Run(name, _connections.To(machine.Present.Address, HostKey(machine.Node.Name)), CommandChain.AsUser(), "true");
            }
            else
            {
                Answers(name, machine.Present);
            }
            ends.AddRange(_chain.Before);
        }
        _chain.Before = ends.ToImmutable();
    }

    private void Answers(string name, NodeAddress at) => Run(name, _connections.ToBastion(),
        HostKey(at.Name).Apply(key => CommandChain.AsUser(at.Name, at.Address, BeforehandSeconds, key)), Template.Read("rollout/wait-for-ssh.sh"));

    // A second hop that fails is retried on a connection that is dead by then, and says nothing of a wrong host key.
    private void LetGo(PlannedMachine machine, NodeAddress at, string target, int waitSeconds)
    {
        string name = machine.Node.Name;
        if (_connections.Bastion is not null)
        {
            Answers($"{name}-answers", at);
        }
        OnNode($"{name}-let-go", at, "before", machine, target, waitSeconds);
    }

    private Output<string> HostKey(string name) => Output.Unsecret(_credentials.HostKeyOf(name).Apply(key => key.PublicKey));

    private void OnNode(string name, NodeAddress at, string step, PlannedMachine machine, string target, int waitSeconds) =>
        Run(name, _connections.To(at.Address, HostKey(at.Name)), CommandChain.AsRoot(), LetGoScript(step, waitSeconds, machine, target));

    private void Serving(string name, IEnumerable<NodeAddress> proxies) =>
        Run(name, _connections.ToOnlooker(), CommandChain.AsUser(),
            ServingScript(CommandChain.WaitSeconds, BalancerCheck.SteadySeconds, Ports.Admin, proxies));

    private void Run(string name, ConnectionArgs connection, Input<string> line, string script) =>
        _chain.Run(new RemoteCommand(name, connection, line, $"# run {_run}\n{script}"));
}
