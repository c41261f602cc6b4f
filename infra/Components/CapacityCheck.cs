// Before a new stack: whether the tenancy's service limits, and the compartment's quotas, leave room for it. It warns and never stops a run: OCI does not
// answer for every limit, the user may lack the right to ask, and what is left may change until the run.

using System.Globalization;
using Pulumi;
using RedisHaInfra.Settings;
using Limits = Pulumi.Oci.Limits;

namespace RedisHaInfra.Components;

/// <summary>Asks and warns.</summary>
internal static class CapacityCheck
{
    /// <summary>Warns of each limit that leaves too little.</summary>
    /// <param name="compartment">OCID of the compartment.</param>
    /// <param name="needs">What the stack needs.</param>
    public static async Task WarnAsync(string compartment, IReadOnlyList<LimitNeed> needs)
    {
        long?[] left = await Task.WhenAll(needs.Select(need => LeftAsync(compartment, need.Limit))).ConfigureAwait(false);
        foreach ((LimitNeed need, long? available) in needs.Zip(left))
        {
            if (available is { } known && need.Shortage(known) is { } text)
            {
                Log.Warn(text);
            }
        }
        string[] silent =
        [
            .. needs.Zip(left).Where(pair => pair.Second is null).Select(pair => pair.First.Limit.Name).Distinct().Order(StringComparer.Ordinal),
        ];
        if (silent.Length > 0)
        {
            Log.Info("OCI does not say what these service limits leave, so nothing is known of them (the right: inspect resource-availability): "
                + string.Join(", ", silent));
        }
    }

    // Limits without this figure are answered with 404, like those that may not be asked for (Limits, "GetResourceAvailability").
    private static async Task<long?> LeftAsync(string compartment, ServiceLimit limit)
    {
        try
        {
            Limits.GetResourceAvailabilityResult answer = await Limits.GetResourceAvailability.InvokeAsync(new Limits.GetResourceAvailabilityArgs
            {
                CompartmentId = compartment,
                ServiceName = limit.Service,
                LimitName = limit.Name,
                AvailabilityDomain = limit.AvailabilityDomain,
            }).ConfigureAwait(false);
            return long.TryParse(answer.Available, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long left) ? left : null;
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return null;
        }
    }
}
