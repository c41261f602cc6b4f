// Which availability domain and fault domain a machine goes to: no single failure may take two of the first three.

namespace RedisHaInfra.Settings;

/// <summary>A place that a setting names by numbers, 1 to 3.</summary>
/// <param name="AvailabilityDomain">Of the availability domain.</param>
/// <param name="FaultDomain">Of the fault domain; null for the usual one.</param>
public sealed record MachinePlace(int AvailabilityDomain, int? FaultDomain);

/// <summary>A place in a region.</summary>
/// <param name="AvailabilityDomain">The domain's name, as OCI gives it.</param>
/// <param name="FaultDomain">FAULT-DOMAIN-1 to FAULT-DOMAIN-3; null when OCI chooses one.</param>
public sealed record Placement(string AvailabilityDomain, string? FaultDomain)
{
    /// <summary>The place that the stack names for a machine, or else the usual one.</summary>
    /// <param name="named">What the setting machinePlaces says; null for nothing.</param>
    /// <param name="usual">Where the machine goes otherwise.</param>
    /// <param name="all">All availability domains of the region, by number.</param>
    public static Placement Of(MachinePlace? named, Placement usual, IReadOnlyList<string> all) => named is null
        ? usual
        : new Placement(all[named.AvailabilityDomain - 1], named.FaultDomain is { } fault ? $"FAULT-DOMAIN-{fault}" : usual.FaultDomain);

    // Every availability domain has three (Regions and Availability Domains, "Fault Domains").
    private const int FaultDomains = 3;

    /// <summary>
    /// The place of the machine with this number among its kind. With three availability domains the first three machines
    /// differ in availability and fault domain, with one they differ in fault domain.
    /// </summary>
    /// <param name="index">0 for the first.</param>
    /// <param name="domains">The availability domains to use; at least one. Order does not matter: names are sorted, or a machine could move.</param>
    /// <param name="spread">Whether to choose the fault domain, too.</param>
    public static Placement Of(int index, IEnumerable<string> domains, bool spread = true)
    {
        string[] sorted = domains.Order(StringComparer.Ordinal).ToArray();
        int fault = (index + index / FaultDomains) % FaultDomains;
        return new Placement(sorted[index % sorted.Length], spread ? $"FAULT-DOMAIN-{fault + 1}" : null);
    }
}
