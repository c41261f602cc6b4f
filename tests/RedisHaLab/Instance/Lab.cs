// One instance of the lab: the engine that the provider and the commands drive. It knows machines, interfaces, rules
// and services, and nothing of Redis.

using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.Services;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Instance;

/// <summary>Machines and network of one instance.</summary>
internal sealed class Lab : IDisposable
{
    // OCI waits 15 minutes for the system before it cuts the power ("Stopping, Starting, or Restarting an Instance"); no test has that long.
    private static readonly TimeSpan ShutDownPatience = TimeSpan.FromMinutes(2);

    private readonly SemaphoreSlim _rules = new(1, 1);
    private long _rulesWanted;
    private long _rulesLoaded;

    public Lab(LabPaths paths, Progress progress)
    {
        Paths = paths;
        Progress = progress;
        Store = StateStore.Open(paths);
        Network = new VcnNetwork(paths);
        Services = new ServiceProcesses(paths, Network);
    }

    /// <summary>Names and places.</summary>
    public LabPaths Paths { get; }

    /// <summary>Where progress goes.</summary>
    public Progress Progress { get; }

    /// <summary>The state.</summary>
    public StateStore Store { get; }

    /// <summary>Namespaces, links and rules.</summary>
    public VcnNetwork Network { get; }

    /// <summary>Name service and cloud services.</summary>
    public ServiceProcesses Services { get; }

    /// <summary>The present state.</summary>
    public LabState State => Store.State;

    /// <summary>Where operators work: on the internet with a bastion, in their own network without one.</summary>
    public string DeskRole => State.Stack is { BastionAddress: "" } ? VcnNetwork.OfficeRole : VcnNetwork.OutsideRole;

    public void Dispose()
    {
        _rules.Dispose();
        Network.Dispose();
    }

    /// <summary>A machine by name.</summary>
    /// <exception cref="LabException">There is none of that name.</exception>
    public Machine Machine(string name) => new(Paths, State.Machines.FirstOrDefault(machine => machine.Name == name) ?? throw new LabException(
        State.Machines.Count == 0
            ? $"The lab \"{Paths.Name}\" has no machines; bring it up with `scripts/lab up`."
            : $"The lab has no machine \"{name}\"; its machines are {string.Join(", ", State.Machines.Select(machine => machine.Name))}.",
        LabException.Unusable));

    /// <summary>All machines.</summary>
    public IReadOnlyList<Machine> Machines() => State.Machines.Select(spec => new Machine(Paths, spec)).ToList();

    /// <summary>Makes what exists before any resource: root image, the network's namespace, the services.</summary>
    public async Task EnsureBaseAsync()
    {
        if (State.Machines.Count > 0 && Release is not null && Release != State.Release)
        {
            throw new LabException($"The lab's machines were built from {State.Release ?? "the host's own suite"}; another suite needs another lab (--name), "
                + "or `scripts/lab down` first.", LabException.Unusable);
        }

        var release = State.Machines.Count > 0 ? State.Release : Release;
        var image = await RootImage.EnsureAsync(Progress, release);
        Image = image;
        Store.Update(state => state with
        {
            Release = release,
            PackagesDirectory = Directory.Exists(Paths.PackagesDirectory) ? Paths.PackagesDirectory : image.PackagesDirectory,
        });
        await Network.EnsureBaseAsync();
        foreach (var subnet in State.Network.Subnets)
        {
            await Network.EnsureSubnetAsync(subnet);
        }

        await EnsureVnicsAsync();
        await ApplyRulesAsync();
        await Services.EnsureAsync(State);
    }

    /// <summary>Whether a machine without power stays as it is, as a broken one does, instead of being repaired.</summary>
    public bool LeavesOff { get; init; }

    /// <summary>Code name of the suite that a new lab's machines are built from; null for the host's own.</summary>
    public string? Release { get; init; }

    /// <summary>The machines' common root, after <see cref="EnsureBaseAsync"/>.</summary>
    public RootImage? Image { get; private set; }

    /// <summary>Changes the network model, then the kernel after it.</summary>
    public async Task ChangeNetworkAsync(Func<NetworkModel, NetworkModel> change)
    {
        Store.Update(state => state with { Network = change(state.Network) });
        await ApplyRulesAsync();
    }

    /// <summary>Adds a subnet and makes its gateway answer.</summary>
    public async Task AddSubnetAsync(Subnet subnet)
    {
        await Network.EnsureSubnetAsync(subnet);
        await ChangeNetworkAsync(network => network with { Subnets = network.Subnets.With(subnet, item => item.Id) });
    }

    /// <summary>Adds an interface; its rules are loaded before anything can use it.</summary>
    public async Task AddVnicAsync(Vnic vnic, bool configure)
    {
        var known = State.Vnic(vnic.Name);
        var joined = vnic with { IsCut = known?.IsCut ?? false, IsDead = known?.IsDead ?? false };
        await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.With(joined, item => item.Name) });
        await Network.EnsureVnicAsync(vnic, SubnetOf(vnic), configure);
        Services.PublishNames(State);
    }

    /// <summary>Makes the namespace where clients of a subnet live: any way out, no way in, as for an application's machine.</summary>
    public async Task AddClientAsync(string subnetId)
    {
        var subnet = State.Network.Subnets.First(subnet => subnet.Id == subnetId);
        var everything = new SecurityRule
        {
            OwnerId = NetworkModel.ClientGroup,
            Direction = Direction.Egress,
            Protocol = "all",
            PeerKind = PeerKind.Cidr,
            Peer = "0.0.0.0/0",
        };
        await ChangeNetworkAsync(network => network with
        {
            Rules = network.Rules.Without(rule => rule.OwnerId == NetworkModel.ClientGroup).Append(everything).ToList(),
        });
        await AddVnicAsync(
            new Vnic
            {
                Name = VcnNetwork.ClientRole,
                Address = Addresses.LastUsable(subnet.Cidr),
                SubnetId = subnetId,
                GroupIds = [NetworkModel.ClientGroup],
                HostName = VcnNetwork.ClientRole,
            },
            configure: true);
    }

    /// <summary>Orders a machine and boots it.</summary>
    public async Task AddMachineAsync(MachineSpec spec, Vnic vnic)
    {
        var image = Image ?? throw new InvalidOperationException("EnsureBaseAsync comes first.");
        var made = State.Machines.FirstOrDefault(machine => machine.Name == spec.Name);
        if (made is not null && made.InstanceId != spec.InstanceId)
        {
            await RemoveMachineAsync(made.Name);
        }

        var staysOff = LeavesOff && made is { IsPoweredOff: true } && made.InstanceId == spec.InstanceId;
        spec = spec with { Layers = made?.InstanceId == spec.InstanceId ? made.Layers : [image.TweakDirectory, image.RootDirectory] };
        // In the order of their addresses, whatever the order in which they came.
        Store.Update(state => state with
        {
            Machines = state.Machines.With(spec,
            machine => machine.Name).OrderBy(machine => Addresses.LinkName(machine.Address), StringComparer.Ordinal).ToList()
        });
        await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.With(vnic with { IsDead = staysOff }, item => item.Name) });
        if (!staysOff)
        {
            await StartMachineAsync(spec.Name);
        }
    }

    /// <summary>Gives a machine power: a new interface, then its boot.</summary>
    public async Task StartMachineAsync(string name)
    {
        var machine = Machine(name);
        if (machine.Leader is null)
        {
            var vnic = State.Vnic(name)!;
            // A fresh interface: what the kernel still holds of the dead machine's connections must not speak again.
            await Network.RemoveVnicAsync(vnic);
            await Network.EnsureVnicAsync(vnic, SubnetOf(vnic), configure: false);
            Store.Update(state => state with { Machines = state.Machines.With(machine.Spec with { IsPoweredOff = false }, spec => spec.Name) });
            await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.With(vnic with { IsDead = false }, item => item.Name) });
            await machine.StartAsync();
        }

        Services.PublishNames(State);
    }

    /// <summary>Restarts a machine: shuts it down as its own power button would, then boots it.</summary>
    public async Task RebootMachineAsync(string name)
    {
        await Machine(name).ShutDownAsync(ShutDownPatience);
        await StartMachineAsync(name);
    }

    /// <summary>Cuts a machine's power: silence first, so that no connection is ended politely.</summary>
    public async Task CutPowerAsync(string name)
    {
        var machine = Machine(name);
        Store.Update(state => state with { Machines = state.Machines.With(machine.Spec with { IsPoweredOff = true }, spec => spec.Name) });
        await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.With(State.Vnic(name)! with { IsDead = true }, item => item.Name) });
        await machine.CutPowerAsync();
    }

    /// <summary>Cuts a machine off the network, or heals the cut.</summary>
    public async Task SetPartitionAsync(string name, bool cut)
    {
        _ = Machine(name);
        await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.With(State.Vnic(name)! with { IsCut = cut }, item => item.Name) });
    }

    /// <summary>Removes a machine, its interface and its disk.</summary>
    public async Task RemoveMachineAsync(string name)
    {
        var machine = Machine(name);
        await machine.CutPowerAsync();
        await Disk.UnmountAsync(Paths, name);
        if (Directory.Exists(Paths.MachineDisk(name)))
        {
            Directory.Delete(Paths.MachineDisk(name), recursive: true);
        }

        await ControlGroup.RemoveAsync($"{Paths.ControlGroup}/{name}");
        if (State.Vnic(name) is { } vnic)
        {
            await Network.RemoveVnicAsync(vnic);
        }

        Store.Update(state => state with { Machines = state.Machines.Without(spec => spec.Name == name) });
        await ChangeNetworkAsync(network => network with { Vnics = network.Vnics.Without(item => item.Name == name) });
    }

    /// <summary>Waits until the machines' cloud-init has finished, well or not.</summary>
    /// <exception cref="LabException">One did not within <paramref name="patience"/>, or is off; the message shows its console and cloud-init's
    /// log.</exception>
    public async Task WaitForBootAsync(TimeSpan patience)
    {
        await Eventually.HoldsWithinAsync(() => Machines().All(machine => machine.Phase() is not MachinePhase.Booting), patience,
            TimeSpan.FromMilliseconds(100));
        if (Machines().FirstOrDefault(machine => machine.Phase() == MachinePhase.Booting
            || (machine.Phase() == MachinePhase.Off && !(LeavesOff && machine.Spec.IsPoweredOff))) is { } bad)
        {
            throw new LabException(Report(bad));
        }
    }

    /// <summary>What is known about a machine that did not come up.</summary>
    public static string Report(Machine machine)
    {
        var errors = machine.ReadResult();
        var what = machine.Phase() switch
        {
            MachinePhase.Off => "is off",
            MachinePhase.Booting => "has not finished its first boot",
            MachinePhase.Failed => $"finished its first boot with errors: {string.Join("; ", errors ?? [])}",
            _ => "is up",
        };
        return string.Create(CultureInfo.InvariantCulture, $"""
            {machine.Spec.Name} {what}.
            --- end of its console
            {machine.ConsoleTail(15)}
            --- end of /var/log/cloud-init-output.log
            {machine.CloudInitTail(25)}
            """);
    }

    /// <summary>Loads the rules of the present state; calls that come while one loads share the next one.</summary>
    public async Task ApplyRulesAsync()
    {
        var wanted = Interlocked.Increment(ref _rulesWanted);
        await _rules.WaitAsync();
        try
        {
            if (_rulesLoaded < wanted)
            {
                var loading = Interlocked.Read(ref _rulesWanted);
                await Network.ApplyAsync(State.Network);
                _rulesLoaded = loading;
            }
        }
        finally
        {
            _rules.Release();
        }
    }

    private Subnet SubnetOf(Vnic vnic) => State.Network.Subnets.First(subnet => subnet.Id == vnic.SubnetId);

    private async Task EnsureVnicsAsync()
    {
        var machines = State.Machines.Select(machine => machine.Name).ToHashSet();
        foreach (var vnic in State.Network.Vnics.Where(vnic => !machines.Contains(vnic.Name)))
        {
            await Network.EnsureVnicAsync(vnic, SubnetOf(vnic), configure: true);
            if (State.Network.Balancers.Any(balancer => balancer.VnicName == vnic.Name))
            {
                await Network.EnableForwardingAsync(vnic.Name);
            }
        }
    }
}
