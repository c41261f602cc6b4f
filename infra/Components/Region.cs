// What has to be known of the region before anything can be made: availability domains, images, the services' network, the Object
// Storage namespace. All of it is asked at once and before anything is registered, so that a wrong credential or compartment ends in one
// message instead of one for each resource that depends on the answer.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Oci.Core.Outputs;
using RedisHaInfra.Settings;
using Core = Pulumi.Oci.Core;
using Identity = Pulumi.Oci.Identity;
using Os = Pulumi.Oci.ObjectStorage;

namespace RedisHaInfra.Components;

/// <summary>An image to boot.</summary>
/// <param name="Id">Its OCID.</param>
/// <param name="Name">Its name, or the OCID when the stack names an image itself.</param>
public sealed record MachineImage(string Id, string Name);

/// <summary>All of Oracle's services in the region, as a service gateway knows them.</summary>
/// <param name="Id">OCID.</param>
/// <param name="CidrBlock">The name that routes have for them.</param>
public sealed record ServiceNetwork(string Id, string CidrBlock);

/// <summary>Answers about the region.</summary>
public sealed record Region
{
    /// <summary>Names of the availability domains to use.</summary>
    public required ImmutableArray<string> AvailabilityDomains { get; init; }

    /// <summary>Names of all of them, in the order of their numbers.</summary>
    public required ImmutableArray<string> AllAvailabilityDomains { get; init; }

    /// <summary>The image that machines of a shape boot: the configured one, or the newest platform image for the shape's processor.</summary>
    public required ImmutableDictionary<string, MachineImage> Images { get; init; }

    /// <summary>Oracle's services, Object Storage among them.</summary>
    public required ServiceNetwork Services { get; init; }

    /// <summary>The tenancy's Object Storage namespace.</summary>
    public required string ObjectNamespace { get; init; }

    /// <summary>OCID of Oracle's policy by which data volumes are backed up; null for none.</summary>
    public string? VolumeBackupPolicyId { get; init; }

    /// <summary>Asks.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="built">What the stack was built with; empty for a new stack.</param>
    /// <exception cref="RunException">Something is not there, or cannot be asked; the message has all of it, each with what to do.</exception>
    public static async Task<Region> AskAsync(StackSettings settings, IReadOnlyDictionary<string, string> built)
    {
        ComputeSettings compute = settings.Compute;
        NodeOperatingSystem system = compute.OperatingSystem;
        string compartment = settings.CompartmentId;
        // Availability domains are the tenancy's; its OCID is among the provider's own settings, or the compartment's rights must do.
        string root = new Config("oci").Get("tenancyOcid") is { Length: > 0 } tenancy ? tenancy : compartment;
        MachineSize[] sizes = settings.Network.Bastion is null ? [compute.Redis, compute.Proxy] : [compute.Redis, compute.Proxy, compute.Bastion];
        string[] shapes = compute.ImageId is null ? [.. sizes.Select(size => size.Shape).Distinct()] : [];

        var questions = new RegionQuestions(settings);
        Task<ImmutableArray<string>> domains = questions.AskAsync("availability domains",
            () => Identity.GetAvailabilityDomains.InvokeAsync(new Identity.GetAvailabilityDomainsArgs { CompartmentId = root }),
            result => Known(compute, result.AvailabilityDomains.Select(domain => domain.Name)));
        Task<ServiceNetwork?> services = questions.AskAsync("services", () => Core.GetServices.InvokeAsync(), AllServices);
        Task<string?> space = questions.AskAsync("Object Storage namespace",
            () => Os.GetNamespace.InvokeAsync(new Os.GetNamespaceArgs { CompartmentId = compartment }), result => result.Namespace);
        (string Shape, Task<MachineImage?> Image)[] images = shapes.Select(shape => (Shape: shape, Image: questions.AskAsync($"images for {shape}",
            () => Core.GetImages.InvokeAsync(new Core.GetImagesArgs
            {
                CompartmentId = compartment,
                OperatingSystem = system.Name,
                OperatingSystemVersion = system.Version,
                Shape = shape,
                State = "AVAILABLE",
                SortBy = "TIMECREATED",
                SortOrder = "DESC",
            }),
            result => Newest(result, system, shape)))).ToArray();
        Task<string?> policy = compute.DataVolumeBackupPolicy is { } wanted
            ? questions.AskAsync("volume backup policies", () => Core.GetVolumeBackupPolicies.InvokeAsync(), result => Policy(result, wanted))
            : Task.FromResult<string?>(null);
        Task network = settings.Network.Existing is { } existing
            ? ExistingNetworkCheck.AskAsync(questions, settings.Network, existing, built) : Task.CompletedTask;
        await Task.WhenAll([domains, services, space, policy, network, .. images.Select(asked => asked.Image)]).ConfigureAwait(false);
        questions.ThrowIfAnyFailed();

        MachineImage? own = compute.ImageId is { } id ? new MachineImage(id, id) : null;
        return new Region
        {
            AvailabilityDomains = Choose(compute, await domains.ConfigureAwait(false)),
            AllAvailabilityDomains = await domains.ConfigureAwait(false),
            Images = own is null
                ? images.ToImmutableDictionary(asked => asked.Shape, asked => asked.Image.Result!)
                : sizes.Select(size => size.Shape).Distinct().ToImmutableDictionary(shape => shape, _ => own),
            Services = (await services.ConfigureAwait(false))!,
            ObjectNamespace = (await space.ConfigureAwait(false))!,
            VolumeBackupPolicyId = await policy.ConfigureAwait(false),
        };
    }

    private static ImmutableArray<string> Known(ComputeSettings settings, IEnumerable<string> names)
    {
        var all = names.Order(StringComparer.Ordinal).ToImmutableArray();
        if (settings.Places.FirstOrDefault(place => place.Value.AvailabilityDomain > all.Length).Key is { } name)
        {
            throw new UnsuitableAnswerException(
                $"this region has {all.Length}: {string.Join(", ", all)}",
                $"{SettingsSource.Namespace}:{Setting.MachinePlaces.Key} puts {name} into number {settings.Places[name].AvailabilityDomain}; name another");
        }
        int highest = settings.AvailabilityDomains.DefaultIfEmpty(1).Max();
        if (highest > all.Length)
        {
            throw new UnsuitableAnswerException(
                $"this region has {all.Length}: {string.Join(", ", all)}",
                $"{SettingsSource.Namespace}:{Setting.AvailabilityDomains.Key} names number {highest}; name others, or remove it to use all");
        }
        return all;
    }

    private static ImmutableArray<string> Choose(ComputeSettings settings, ImmutableArray<string> all) =>
        settings.AvailabilityDomains.IsEmpty ? all : settings.AvailabilityDomains.Select(number => all[number - 1]).ToImmutableArray();

    private static ServiceNetwork AllServices(Core.GetServicesResult result) => result.Services
        .Where(service => service.CidrBlock.StartsWith("all-", StringComparison.Ordinal))
        .Select(service => new ServiceNetwork(service.Id, service.CidrBlock))
        .FirstOrDefault()
        ?? throw new UnsuitableAnswerException(
            "no service network all-...-services-in-oracle-services-network, which the service gateway needs",
            "check that oci:region is a commercial region");

    private static string Policy(Core.GetVolumeBackupPoliciesResult result, string name) => result.VolumeBackupPolicies
        .FirstOrDefault(policy => policy.DisplayName == name)?.Id
        ?? throw new UnsuitableAnswerException(
            $"no policy \"{name}\" among Oracle's own: {string.Join(", ", result.VolumeBackupPolicies.Select(policy => policy.DisplayName))}",
            $"choose another {SettingsSource.Namespace}:{Setting.RedisDataVolumeBackupPolicy.Key}, or none");

    private static MachineImage Newest(Core.GetImagesResult result, NodeOperatingSystem system, string shape)
    {
        // A platform image belongs to no compartment and has no base; somebody's own image may have the same name and system.
        var all = result.Images.Where(image => !image.DisplayName.Contains("GPU", StringComparison.OrdinalIgnoreCase)).ToList();
        IEnumerable<GetImagesImageResult> platform = all.Where(image => string.IsNullOrEmpty(image.CompartmentId) && string.IsNullOrEmpty(image.BaseImageId));
        return platform.Select(image => new MachineImage(image.Id, image.DisplayName)).FirstOrDefault()
            ?? throw new UnsuitableAnswerException(
                $"no platform image of {system.Name} {system.Version} for {shape}"
                    + (all.Count == 0 ? string.Empty : $"; only the compartment's own: {string.Join(", ", all.Take(3).Select(image => image.DisplayName))}"),
                $"choose another shape, or name an image of that system by {SettingsSource.Namespace}:{Setting.ImageId.Key}");
    }
}
