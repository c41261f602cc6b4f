// What all components share: where they put things, what they call them, how they tag them.

using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>The deployment that components belong to.</summary>
/// <param name="Name">Prefix of display names: project and stack.</param>
/// <param name="CompartmentId">OCID of the compartment.</param>
/// <param name="Settings">The stack's tags.</param>
public sealed record Deployed(string Name, string CompartmentId, TagSettings Settings)
{
    /// <summary>The deployment of the running Pulumi program.</summary>
    public static Deployed Current(StackSettings settings) =>
        new($"redis-ha-{Pulumi.Deployment.Instance.StackName}", settings.CompartmentId, settings.Tags);

    /// <summary>A display name.</summary>
    public string DisplayName(string resource) => $"{Name}-{resource}";

    /// <summary>Free-form tags on everything that takes tags.</summary>
    public InputMap<string> Tags => With(Settings.Freeform.Add("application", "redis-ha").Add("deployment", Name));

    /// <summary>
    /// Defined tags on everything that takes tags. Nothing when the stack names none: OCI's own and the tenancy's then stay as they
    /// are, while an empty list would take them off.
    /// </summary>
    public InputMap<string> DefinedTags => Settings.Defined.IsEmpty ? null! : With(Settings.Defined);

    private static InputMap<string> With(IEnumerable<KeyValuePair<string, string>> tags)
    {
        var map = new InputMap<string>();
        foreach ((string key, string value) in tags)
        {
            map.Add(key, value);
        }
        return map;
    }
}
