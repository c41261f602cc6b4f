// What all components share: where they put things, what they call them, and how much of a drift they accept.

using Pulumi;

namespace RedisHaInfra.Components;

/// <summary>The deployment that components belong to.</summary>
/// <param name="Name">Prefix of display names: project and stack.</param>
/// <param name="CompartmentId">OCID of the compartment.</param>
public sealed record Deployed(string Name, string CompartmentId)
{
    /// <summary>The deployment of the running Pulumi program.</summary>
    public static Deployed Current(string compartmentId) =>
        new($"redis-ha-{Pulumi.Deployment.Instance.StackName}", compartmentId);

    /// <summary>A display name.</summary>
    public string DisplayName(string resource) => $"{Name}-{resource}";

    /// <summary>Free-form tags on everything that takes tags.</summary>
    public InputMap<string> Tags => new() { ["application"] = "redis-ha", ["deployment"] = Name };

    /// <summary>
    /// Accepts the tags that a tenancy's tag defaults put on every resource (Oracle-Tags.CreatedBy and CreatedOn): this program
    /// sets no defined tags, and would otherwise take them off at each run.
    /// </summary>
    public static ResourceTransformationResult? AcceptTenancyTags(ResourceTransformationArgs args)
    {
        if (args.Options is CustomResourceOptions options && args.Resource.GetResourceType().StartsWith("oci:", StringComparison.Ordinal))
        {
            options.IgnoreChanges.Add("definedTags");
        }
        return new ResourceTransformationResult(args.Args, args.Options);
    }
}
