// An address that grants access to a bucket, or to one object in it, to whoever knows it.

using Pulumi;
using RedisHaInfra.Settings;
using Os = Pulumi.Oci.ObjectStorage;

namespace RedisHaInfra.Components;

/// <summary>Makes pre-authenticated requests.</summary>
internal static class PreauthenticatedRequest
{
    /// <summary>
    /// Makes one. Every field replaces the request, and a new one has another address: so nothing in it may depend on the time of the run.
    /// </summary>
    /// <param name="name">The resource's name.</param>
    /// <param name="parent">The component that it belongs to.</param>
    /// <param name="args">What it grants; how long is set here.</param>
    /// <param name="expires">Until when.</param>
    /// <returns>The whole address: a secret.</returns>
    public static Output<string> Address(string name, Resource parent, Os.PreauthrequestArgs args, DateTimeOffset expires)
    {
        args.TimeExpires = BackupSettings.Utc(expires);
        var request = new Os.Preauthrequest(name, args, new CustomResourceOptions { Parent = parent, AdditionalSecretOutputs = { "fullPath", "accessUri" } });
        return Output.CreateSecret(Partial.Required(request.FullPath));
    }
}
