// Defined tags that the tenancy puts on everything by itself, and that no run takes off again.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Oci.Core;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>
/// Tags of who made a resource and when. Almost every tenancy adds them (Tagging, "Automatic Tag Defaults"); they come into the state with
/// each answer of OCI's, and where a stack names tags of its own, the provider takes all others for tags to be taken off. Its own remedy,
/// oci:ignoreDefinedTags, compares top-level names only, so it does not reach the tags of a machine's network interface.
/// </summary>
internal static class TenancyTags
{
    // NAMESPACE.KEY of each.
    private static ImmutableArray<string> Names { get; } = ["Oracle-Tags.CreatedBy", "Oracle-Tags.CreatedOn"];

    /// <summary>What leaves them alone on each resource that gets defined tags; nothing where the stack names none.</summary>
    public static ImmutableArray<ResourceTransformation> Left(TagSettings tags) => tags.Defined.IsEmpty ? [] : [Leave];

    private static ResourceTransformationResult? Leave(ResourceTransformationArgs resource)
    {
        // Of the type, not of the value: reading it makes an empty list of tags. The engine refuses a path whose beginning is missing.
        if (resource.Args?.GetType().GetProperty("DefinedTags") is null)
        {
            return null;
        }
        // A machine's network interface has the same tags.
        string[] places = resource.Args is InstanceArgs ? ["definedTags", "createVnicDetails.definedTags"] : ["definedTags"];
        resource.Options.IgnoreChanges.AddRange(places.SelectMany(place => Names.Select(name => $"{place}[\"{name}\"]")));
        return new ResourceTransformationResult(resource.Args, resource.Options);
    }
}
