// What a run does to the machines that exist: which restart, which is replaced, and which has to wait for another run. OCI restarts
// a machine whose size, shape or fault domain changes, and Pulumi changes all that differ at the same time; so the order is made here.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace RedisHaInfra.Settings;

/// <summary>What becomes of a machine that exists.</summary>
public enum MachineChange
{
    /// <summary>Nothing that it notices; or it is new.</summary>
    None,

    /// <summary>It is changed in place, and OCI restarts it for that.</summary>
    Restart,

    /// <summary>Another machine takes its place.</summary>
    Replace,

    /// <summary>It is no machine of the stack any more.</summary>
    Leave,
}

/// <summary>A machine as a run leaves it.</summary>
/// <param name="Node">Name and private address.</param>
/// <param name="Size">Shape and size.</param>
/// <param name="Place">Where it runs.</param>
public sealed record PlannedMachine(NodeAddress Node, MachineSize Size, Placement Place)
{
    /// <summary>What becomes of the one that exists.</summary>
    public MachineChange Change { get; init; }

    /// <summary>Where the machine that exists answers until then.</summary>
    public NodeAddress Present { get; init; } = Node;

    /// <summary>OCPUs, or nothing where the shape says it.</summary>
    public string Ocpus => Size.IsFlexible ? Size.Ocpus.ToString(CultureInfo.InvariantCulture) : string.Empty;

    /// <summary>Memory in GB, or nothing where the shape says it.</summary>
    public string MemoryGb => Size.IsFlexible ? Size.MemoryGb.ToString(CultureInfo.InvariantCulture) : string.Empty;

    /// <summary>What the next run compares: address, availability domain, fault domain, shape, OCPUs, memory in GB.</summary>
    public string Text => string.Join(' ', new[] { Node.Address, Place.AvailabilityDomain, Place.FaultDomain ?? string.Empty, Size.Shape, Ocpus, MemoryGb }
        .Select(word => word.Length == 0 ? "-" : word));
}

/// <summary>The machines of a run.</summary>
public sealed record MachinePlan
{
    private readonly ImmutableDictionary<string, PlannedMachine> _machines;

    private readonly ImmutableHashSet<string> _new;

    private MachinePlan(
        ImmutableDictionary<string, PlannedMachine> machines, ImmutableArray<string> waiting, ImmutableHashSet<string> added,
        ImmutableArray<PlannedMachine> leaving)
    {
        _machines = machines;
        Waiting = waiting;
        _new = added;
        LeavingProxies = leaving;
    }

    /// <summary>Proxies that are no longer in the list and have sessions; not one that was drained in the run before, as one that is dead can be.</summary>
    public ImmutableArray<PlannedMachine> LeavingProxies { get; }

    /// <summary>Whether a machine was not there in the run before.</summary>
    public bool IsNew(string name) => _new.Contains(name);

    /// <summary>A machine by its name.</summary>
    public PlannedMachine this[string name] => _machines[name];

    /// <summary>Machines that were there in the run before and stay, in the order of their names.</summary>
    public IEnumerable<PlannedMachine> Standing => _machines.Values
        .Where(machine => !_new.Contains(machine.Node.Name) && machine.Change != MachineChange.Replace)
        .OrderBy(machine => machine.Node.Name, StringComparer.Ordinal);

    /// <summary>Machines that stay in their availability domain for now, since one moves in each run.</summary>
    public ImmutableArray<string> Waiting { get; }

    /// <summary>Whether a machine that exists restarts or is replaced, or a proxy leaves.</summary>
    public bool HasChanges => !LeavingProxies.IsEmpty || _machines.Values.Any(machine => machine.Change != MachineChange.None);

    /// <summary>All machines, for the next run to compare.</summary>
    public IEnumerable<KeyValuePair<string, string>> Table => _machines.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.Text));

    /// <summary>Plans.</summary>
    /// <param name="built">What the stack was built with; empty for a new stack. A machine that is not there is new.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="availabilityDomains">Names of the availability domains to use.</param>
    /// <param name="allAvailabilityDomains">Names of all of the region, by number.</param>
    /// <exception cref="MachinePlanException">What is wanted takes more than one run; the message says which.</exception>
    public static MachinePlan Of(IReadOnlyDictionary<string, string> built, StackSettings settings, IReadOnlyCollection<string> availabilityDomains,
        IReadOnlyList<string> allAvailabilityDomains)
    {
        // In this order they move, one a run: replicas stand at the end more often than not.
        ImmutableArray<(PlannedMachine Now, PlannedMachine? Before)> all =
        [
            .. Kind(settings.Network.Redis, settings.Compute.Redis).Reverse(),
            .. Kind(settings.Network.Proxies, settings.Compute.Proxy).Reverse(),
            .. Kind(settings.Network.Bastion is { } bastion ? [bastion] : [], settings.Compute.Bastion),
        ];
        var readdressed = all.Where(pair => pair.Before is { } before && before.Node.Address != pair.Now.Node.Address).ToList();
        var moving = all.Where(pair => pair.Before is { } before && before.Place.AvailabilityDomain != pair.Now.Place.AvailabilityDomain).ToList();
        var restarting = all.Where(pair => pair.Before is { } before && (IsResized(before, pair.Now) || (!moving.Contains(pair) && Restarts(before, pair.Now))))
            .ToList();
        if (readdressed.Count > 1 || (readdressed.Count == 1 && restarting.Any(pair => pair.Now.Node.Name != readdressed[0].Now.Node.Name)))
        {
            throw new MachinePlanException(Refusal(readdressed, restarting.Count > 0, settings.Network));
        }

        List<(PlannedMachine Now, PlannedMachine? Before)> held =
            restarting.Count + readdressed.Count > 0 ? moving.Where(pair => !readdressed.Contains(pair)).ToList() : [.. moving.Skip(1)];
        return new MachinePlan(
            all.Select(pair => Decide(pair.Now, pair.Before)).ToImmutableDictionary(machine => machine.Node.Name),
            [.. held.Select(pair => pair.Now.Node.Name)],
            [.. all.Where(pair => pair.Before is null).Select(pair => pair.Now.Node.Name)],
            [.. Leaving(built, settings)]);

        IEnumerable<(PlannedMachine, PlannedMachine?)> Kind(IEnumerable<NodeAddress> nodes, MachineSize size) => nodes.Select((node, index) =>
            (new PlannedMachine(node, size, Placement.Of(settings.Compute.Places.GetValueOrDefault(node.Name),
                Placement.Of(index, availabilityDomains, settings.Compute.SpreadsOverFaultDomains), allAvailabilityDomains)), Parse(node.Name, built)));

        PlannedMachine Decide(PlannedMachine now, PlannedMachine? before)
        {
            if (before is null)
            {
                return now;
            }
            bool waits = held.Any(pair => pair.Now == now);
            // Its size changes all the same.
            now = waits ? now with { Place = before.Place } : now;
            bool isReplaced = now.Node.Address != before.Node.Address || now.Place.AvailabilityDomain != before.Place.AvailabilityDomain;
            return now with
            {
                Present = before.Node,
                Change = isReplaced ? MachineChange.Replace : Restarts(before, now) ? MachineChange.Restart : MachineChange.None,
            };
        }
    }

    private static IEnumerable<PlannedMachine> Leaving(IReadOnlyDictionary<string, string> built, StackSettings settings)
    {
        string[] drained = built.GetValueOrDefault(Setting.DrainedProxies.Key)?.Split(' ') ?? [];
        var staying = settings.Network.Proxies.Select(proxy => proxy.Name).ToHashSet(StringComparer.Ordinal);
        return built.Keys.Where(name => name.StartsWith("proxy", StringComparison.Ordinal) && !staying.Contains(name) && !drained.Contains(name))
            .Order(StringComparer.Ordinal).Select(name => Parse(name, built)).OfType<PlannedMachine>()
            .Select(machine => machine with { Change = MachineChange.Leave });
    }

    // Where OCI is to choose the fault domain, it leaves the machine where it is.
    private static bool Restarts(PlannedMachine before, PlannedMachine now) =>
        IsResized(before, now) || (now.Place.FaultDomain is not null && before.Place.FaultDomain != now.Place.FaultDomain);

    private static bool IsResized(PlannedMachine before, PlannedMachine now) =>
        before.Size.Shape != now.Size.Shape || before.Ocpus != now.Ocpus || before.MemoryGb != now.MemoryGb;

    private static PlannedMachine? Parse(string name, IReadOnlyDictionary<string, string> built)
    {
        if (built.GetValueOrDefault(name)?.Split(' ') is not [var address, var domain, var fault, var shape, var ocpus, var memory])
        {
            return null;
        }
        var size = new MachineSize(shape, Number(ocpus), Number(memory));
        return new PlannedMachine(new NodeAddress(name, address), size, new Placement(domain, fault == "-" ? null : fault));

        static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;
    }

    private static string Refusal(List<(PlannedMachine Now, PlannedMachine? Before)> readdressed, bool withSizes, NetworkSettings network)
    {
        var text = new StringBuilder("Another address makes another machine, without the data of the old one: one machine in each run, and no other size in "
            + "the same run. Nothing was changed. (Where an address leaves the list, add and remove at its end: all after it would move.)\n");
        foreach ((PlannedMachine now, PlannedMachine? before) in readdressed)
        {
            text.Append("\n  ").Append(now.Node.Name).Append(": ").Append(before!.Node.Address).Append(" to be ").Append(now.Node.Address);
        }
        text.Append("\n\nSet the addresses as they were, and run pulumi up if sizes are to change, too:\n");
        foreach ((PlannedMachine now, PlannedMachine? before) in readdressed)
        {
            text.Append("\n  ").Append(Command(now.Node.Name, before!.Node.Address));
        }
        text.Append(withSizes ? "\n  pulumi up" : string.Empty).Append("\n\nThen one after the other:\n");
        foreach ((PlannedMachine now, _) in readdressed)
        {
            text.Append("\n  ").Append(Command(now.Node.Name, now.Node.Address)).Append(" && pulumi up");
        }
        return text.ToString();

        string Command(string name, string address)
        {
            string key = SettingsSource.Namespace + ":";
            key += Place(network.Redis, name) is { } redis ? $"{Setting.RedisAddresses.Key}[{redis}]"
                : Place(network.Proxies, name) is { } proxy ? $"{Setting.ProxyAddresses.Key}[{proxy}]" : Setting.BastionAddress.Key;
            return $"pulumi config set --path '{key}' {address}";
        }

        static string? Place(ImmutableArray<NodeAddress> nodes, string name) =>
            nodes.Select(node => node.Name).ToList().IndexOf(name) is >= 0 and int index ? index.ToString(CultureInfo.InvariantCulture) : null;
    }
}

/// <summary>What is wanted takes more than one run.</summary>
public sealed class MachinePlanException(string message) : Exception(message);
