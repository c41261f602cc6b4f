// What is known before the first resource is registered.

using Pulumi;
using RedisHaInfra.Components;
using RedisHaInfra.Settings;

namespace RedisHaInfra;

/// <summary>The settings, OCI's answers and the published proxy.</summary>
internal sealed record Beforehand(StackSettings Settings, Region Region, BundleFile Bundle)
{
    /// <summary>Finds it all; nothing is registered yet.</summary>
    /// <exception cref="RunException">Something is wrong; the message has all that is, and what to do.</exception>
    public static Beforehand Find()
    {
        StackSettings settings = StackSettings.Read(SettingsSource.FromPulumi());
        SshAgent.RequireUsable(Environment.GetEnvironmentVariable(SshAgent.Variable));
        // A constructor cannot await. The questions run on the thread pool, so this thread, which waits for them, is needed by none.
        Region region = Task.Run(() => AskAsync(settings)).GetAwaiter().GetResult();
        string published = settings.Proxy.BundlePath ?? ProxyPublisher.FromCheckout().Publish(settings.Compute.Proxy.RuntimeIdentifier, text => Log.Info(text));
        return new Beforehand(settings, region, BundleFile.Store(published));
    }

    private static async Task<Region> AskAsync(StackSettings settings)
    {
        if (FixedSettings.Refusal(await LastOutputs.TableAsync(RedisHaStack.BuiltWithName).ConfigureAwait(false), settings) is { } refusal)
        {
            throw new RunException(refusal);
        }
        return await Region.AskAsync(settings).ConfigureAwait(false);
    }
}
