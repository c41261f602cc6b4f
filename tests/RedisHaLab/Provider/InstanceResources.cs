// Instances: each becomes a machine that boots the user data it was given.

using System.Globalization;
using RedisHaCloud;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Makes machines.</summary>
internal sealed class InstanceResources
{
    private readonly Lab _lab;

    public InstanceResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers, Dictionary<string, Func<string, string, Task>> removers)
    {
        makers[ProviderTable.Instance] = InstanceAsync;
        removers[ProviderTable.Instance] = (_, id) => RemoveAsync(id);
    }

    private async Task<Made> InstanceAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        var interfaceInputs = inputs.Object("createVnicDetails") ?? throw new LabException("an instance of the lab needs createVnicDetails.");
        var name = interfaceInputs.Text("hostnameLabel");
        var subnet = _lab.State.Network.Subnets.FirstOrDefault(subnet => subnet.Id == interfaceInputs.Text("subnetId"))
            ?? throw new LabException("its subnet does not belong to the lab.");
        var address = interfaceInputs.Text("privateIp");
        var known = registration.Known is null ? null : _lab.State.Machines.FirstOrDefault(machine => machine.InstanceId == registration.Known.Id);
        // A wiped boot volume has nothing of the old machine; here another machine stands for it.
        var isSame = known is not null && Disk.Exists(_lab.Paths, known) && registration.Step.Effect != Effect.Wipe;
        var spec = isSame ? known! with { Facts = Facts(inputs) } : new MachineSpec
        {
            Name = name,
            InstanceId = Registration.NewId("instance"),
            Domain = Domain(subnet),
            Address = address,
            PrefixLength = Addresses.PrefixLength(subnet.Cidr),
            Gateway = Addresses.Gateway(subnet.Cidr),
            Metadata = inputs.Map("metadata"),
            Facts = Facts(inputs),
        };
        var vnic = new Vnic
        {
            Name = name,
            Address = address,
            SubnetId = subnet.Id,
            GroupIds = interfaceInputs.Texts("nsgIds"),
            PublicAddress = PublicAddress(interfaceInputs, subnet, name),
            HostName = name,
            // `up` repairs: a cut that somebody made heals.
            IsCut = false,
            IsDead = isSame && (_lab.State.Vnic(name)?.IsDead ?? false),
        };
        if (isSame && _lab.State.Vnic(name) is { IsCut: true })
        {
            _lab.Progress.Say($"{name} was cut off the network; it is connected again");
        }

        var wasRunning = isSame && _lab.Machine(name).Leader is not null;
        await _lab.AddMachineAsync(spec, vnic);
        if (wasRunning && registration.Step.Effect == Effect.Reboot)
        {
            _lab.Progress.Say($"{name} restarts, because of {LabCloud.Paths(registration.Step)}");
            await _lab.RebootMachineAsync(name);
        }
        else if (!wasRunning && _lab.Machine(name).Leader is not null)
        {
            _lab.Progress.Say($"{name} {(isSame ? "was off; it boots again" : "boots")} ({address})");
        }

        return new Made(spec.InstanceId, new Dictionary<string, object>
        {
            ["privateIp"] = address,
            ["publicIp"] = vnic.PublicAddress ?? "",
            ["state"] = "RUNNING",
            ["hostnameLabel"] = name,
        });
    }

    private async Task RemoveAsync(string id)
    {
        if (_lab.State.Machines.FirstOrDefault(machine => machine.InstanceId == id) is { } machine)
        {
            await _lab.RemoveMachineAsync(machine.Name);
        }
    }

    private string? Domain(Subnet subnet)
    {
        var parent = _lab.State.Network.Vcns.FirstOrDefault(vcn => vcn.Id == subnet.VcnId)?.DnsLabel;
        return subnet.DnsLabel is null || parent is null ? null : $"{subnet.DnsLabel}.{parent}.oraclevcn.com";
    }

    private string? PublicAddress(Properties interfaceInputs, Subnet subnet, string name)
    {
        if (!interfaceInputs.Flag("assignPublicIp", otherwise: !subnet.ProhibitPublicAddress))
        {
            return null;
        }

        if (subnet.ProhibitPublicAddress)
        {
            throw new LabException("it asks for a public address in a subnet that prohibits them.");
        }

        if (_lab.State.Vnic(name)?.PublicAddress is { } address)
        {
            return address;
        }

        var taken = _lab.State.Network.Vnics.Select(vnic => vnic.PublicAddress).ToHashSet();
        return Enumerable.Range(0, 100).Select(Addresses.Public).First(candidate => !taken.Contains(candidate));
    }

    private static Dictionary<string, string> Facts(Properties inputs)
    {
        var facts = new Dictionary<string, string> { ["canonicalRegionName"] = "lab" };
        foreach (var name in new[] { "displayName", "shape", "availabilityDomain", "faultDomain", "compartmentId" })
        {
            if (inputs.OptionalText(name) is { } value)
            {
                facts[name] = value;
            }
        }

        if (inputs.Object("shapeConfig") is { } size)
        {
            foreach (var name in new[] { "ocpus", "memoryInGBs" })
            {
                // The metadata service and the provider spell one of them differently.
                if (size.Number(name == "ocpus" ? name : "memoryInGbs") is { } value)
                {
                    facts[MachineSpec.SizePrefix + name] = string.Create(CultureInfo.InvariantCulture, $"{value}.0");
                }
            }
        }

        return facts;
    }
}
