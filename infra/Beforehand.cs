// What is known before the first resource is registered.

using Pulumi;
using RedisHaInfra.Components;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra;

/// <summary>The settings, OCI's answers, what becomes of the machines, and the published proxy.</summary>
internal sealed record Beforehand(StackSettings Settings, Region Region, MachinePlan Machines, BundleFile Bundle)
{
    /// <summary>Finds it all; nothing is registered yet.</summary>
    /// <exception cref="RunException">Something is wrong; the message has all that is, and what to do.</exception>
    public static Beforehand Find()
    {
        var settings = StackSettings.Read(SettingsSource.FromPulumi());
        MetadataSize.Require(settings);
        SshAgent.RequireUsable(Environment.GetEnvironmentVariable(SshAgent.Variable));
        // A constructor cannot await. The questions run on the thread pool, so this thread, which waits for them, is needed by none.
        (Region region, MachinePlan machines) = Task.Run(() => AskAsync(settings)).GetAwaiter().GetResult();
        string published = settings.Proxy.BundlePath ?? ProxyPublisher.FromCheckout().Publish(settings.Compute.Proxy.RuntimeIdentifier, text => Log.Info(text));
        return new Beforehand(settings, region, machines, BundleFile.Store(published));
    }

    private static async Task<(Region, MachinePlan)> AskAsync(StackSettings settings)
    {
        System.Collections.Immutable.ImmutableDictionary<string, string> built = await LastOutputs.TableAsync(RedisHaStack.BuiltWithName).ConfigureAwait(false);
        if ((FixedSettings.Refusal(built, settings) ?? settings.Passwords.Refusal(built.GetValueOrDefault(Setting.PasswordVersions.Key))) is { } refusal)
        {
            throw new RunException(refusal);
        }
        Region region = await Region.AskAsync(settings, built).ConfigureAwait(false);
        try
        {
            var machines = MachinePlan.Of(built, settings, region.AvailabilityDomains, region.AllAvailabilityDomains);
            if (AbsentNodes.Refusal(built, settings, machines) is { } incomplete)
            {
                throw new RunException(incomplete);
            }
            if (!machines.Waiting.IsEmpty)
            {
                Log.Warn("One machine moves to another availability domain in each run, and none while others restart. "
                    + $"Still to move: {string.Join(", ", machines.Waiting)}. Run pulumi up again.");
            }
            if (built.IsEmpty)
            {
                await CapacityCheck.WarnAsync(settings.CompartmentId, LimitNeed.Of(settings, machines)).ConfigureAwait(false);
            }
            return (region, machines);
        }
        catch (MachinePlanException error)
        {
            throw new RunException(error.Message);
        }
    }
}
