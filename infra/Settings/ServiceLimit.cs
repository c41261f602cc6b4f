// What a new stack takes of the tenancy's service limits, as far as their names are documented ("Compute Quotas", "Block Volume Quotas",
// "Networking Quotas"): what OCI counts, and how much of it the machines of the plan add up to.

using System.Collections.Immutable;
using System.Globalization;

namespace RedisHaInfra.Settings;

/// <summary>A service limit.</summary>
/// <param name="Service">The service, as OCI's Limits knows it.</param>
/// <param name="Name">The limit's name.</param>
/// <param name="AvailabilityDomain">Where it counts; null for the whole region.</param>
internal sealed record ServiceLimit(string Service, string Name, string? AvailabilityDomain);

/// <summary>What a stack takes of a limit.</summary>
/// <param name="Limit">The limit.</param>
/// <param name="Amount">How much, in whole OCPUs, GB or pieces.</param>
/// <param name="For">What it is for, for people.</param>
internal sealed record LimitNeed(ServiceLimit Limit, long Amount, string For)
{
    /// <summary>All that a new stack needs.</summary>
    public static ImmutableArray<LimitNeed> Of(StackSettings settings, MachinePlan plan)
    {
        PlannedMachine[] all = [.. settings.Network.Redis.Concat(settings.Network.Proxies).Concat(new[] { settings.Network.Bastion }.OfType<NodeAddress>())
            .Select(node => plan[node.Name])];
        bool HasVolume(PlannedMachine machine) => settings.Network.Redis.Any(node => node.Name == machine.Node.Name);
        return
        [
            .. all.SelectMany(machine => Family(machine.Size).Select(limit => (Limit: new ServiceLimit("compute", limit.Name, machine.Place.AvailabilityDomain),
                limit.Amount, machine.Node.Name)))
                .Concat(all.Select(machine => (Limit: new ServiceLimit("block-storage", "total-storage-gb", machine.Place.AvailabilityDomain),
                    Amount: (long)settings.Compute.BootVolumeGb + (HasVolume(machine) ? settings.Compute.DataVolumeGb : 0), machine.Node.Name)))
                .GroupBy(need => need.Limit)
                .Select(same => new LimitNeed(same.Key, same.Sum(need => need.Amount), string.Join(", ", same.Select(need => need.Name)))),
            .. settings.Network.Existing is null ? new[] { new LimitNeed(new ServiceLimit("vcn", "vcn-count", null), 1, "the VCN") } : [],
        ];
    }

    /// <summary>What to say when that much is left; null when it is enough.</summary>
    public string? Shortage(long left) => left >= Amount ? null : string.Create(CultureInfo.InvariantCulture,
        $"The service limit {Limit.Name}{(Limit.AvailabilityDomain is { } domain ? $" in {domain}" : string.Empty)} leaves {left}, and this stack needs "
        + $"{Amount} ({For}): pulumi up would end with LimitExceeded. Take less or another shape, or ask for more: in the console, Governance & "
        + $"Administration, Limits, Quotas and Usage, Request a service limit increase; a quota of the compartment is your administrator's.");

    // VM.Standard.E5.Flex counts in standard-e5-core-count and standard-e5-memory-count; what a shape of a fixed size counts as is not known here.
    private static (string Name, long Amount)[] Family(MachineSize size)
    {
        if (!size.IsFlexible)
        {
            return [];
        }
        string family = size.Shape["VM.".Length..^".Flex".Length].ToLowerInvariant().Replace('.', '-');
        return [(family == "standard-e3" ? "standard-e3-core-ad-count" : $"{family}-core-count", size.Ocpus), ($"{family}-memory-count", size.MemoryGb)];
    }
}
