// What the program asks the region: availability domains, images, services, the object namespace.

using System.Collections.Immutable;
using RedisHaLab.Host;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Answers the program's look-ups: a region with three availability domains.</summary>
/// <param name="state">The lab: its last outputs say which settings cannot change, and its network may be another owner's.</param>
internal sealed class Lookups(LabState state)
{
    /// <summary>The tenancy's Object Storage namespace.</summary>
    public const string ObjectNamespace = "lab";

    private readonly string _image = File.ReadLines("/etc/os-release")
        .FirstOrDefault(line => line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))?["PRETTY_NAME=".Length..].Trim('"') ?? "the host's distribution";

    /// <summary>Answers a look-up by its token.</summary>
    /// <exception cref="LabException">The lab does not know it.</exception>
    public object Answer(string token, ImmutableDictionary<string, object> arguments) => token switch
    {
        "oci:Identity/getAvailabilityDomains:getAvailabilityDomains" => List("availabilityDomains", Enumerable.Range(1, 3).Select(i => Item(
            ("name", $"LAB:LAB-AD-{i}"), ("id", $"ocid1.availabilitydomain.oc1..lab{i}"),
                ("compartmentId", arguments.GetValueOrDefault("compartmentId") as string ?? "")))),
        "oci:Identity/getFaultDomains:getFaultDomains" => List("faultDomains", Enumerable.Range(1, 3).Select(i => Item(
            ("name", $"FAULT-DOMAIN-{i}"), ("id", $"ocid1.faultdomain.oc1..lab{i}"),
                ("availabilityDomain", arguments.GetValueOrDefault("availabilityDomain") as string ?? "")))),
        // The machine below is no tenancy with limits.
        "oci:Limits/getResourceAvailability:getResourceAvailability" => Item(("available", "1000000"), ("used", "0"), ("id", "limit")),
        "oci:Core/getServices:getServices" => List("services",
        [
            Item(("id", "ocid1.service.oc1.lab.storage"), ("cidrBlock", "oci-lab-objectstorage"), ("name", "OCI LAB Object Storage"), ("description", "")),
            Item(("id", "ocid1.service.oc1.lab.all"), ("cidrBlock", Addresses.ServicesCidrBlock), ("name", "All LAB Services In Oracle Services Network"),
                ("description", "")),
        ]),
        "oci:Core/getImages:getImages" => List("images", [Item(("id", "ocid1.image.oc1.lab.host"), ("displayName", _image))]),
        "oci:Core/getVolumeBackupPolicies:getVolumeBackupPolicies" => List("volumeBackupPolicies", new[] { "bronze", "silver", "gold" }.Select(name => Item(
            ("id", $"ocid1.volumebackuppolicy.oc1.lab.{name}"), ("displayName", name)))),
        "oci:Core/getCnvDnsResolverAssociation:getCnvDnsResolverAssociation" =>
            Item(("dnsResolverId", "ocid1.dnsresolver.oc1.lab.vcn"), ("id", "resolver"), ("state", "AVAILABLE")),
        "oci:Dns/getResolver:getResolver" => Item(("defaultViewId", "ocid1.dnsview.oc1.lab.vcn"), ("id", "ocid1.dnsresolver.oc1.lab.vcn")),
        "oci:ObjectStorage/getNamespace:getNamespace" => Item(("namespace", ObjectNamespace)),
        "pulumi:pulumi:readStackOutputs" => ImmutableDictionary<string, object>.Empty.Add("outputs", state.Stack?.BuiltWith is not { } builtWith
            ? ImmutableDictionary<string, object>.Empty
            : ImmutableDictionary<string, object>.Empty.Add("builtWith", builtWith.ToImmutableDictionary(pair => pair.Key, pair => (object)pair.Value))),
        _ => ExistingNetwork.Answer(state, token, arguments)
            ?? throw new LabException($"the program asks {token}, which the lab does not know; add it in tests/RedisHaLab/Provider/Lookups.cs."),
    };

    private static ImmutableDictionary<string, object> Item(params (string Name, string Value)[] values) =>
        values.ToImmutableDictionary(pair => pair.Name, pair => (object)pair.Value);

    private static ImmutableDictionary<string, object> List(string name, IEnumerable<ImmutableDictionary<string, object>> items) =>
        ImmutableDictionary<string, object>.Empty.Add(name, items.Cast<object>().ToImmutableArray());
}
