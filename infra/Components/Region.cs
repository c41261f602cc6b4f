// What has to be asked of the region before machines can be placed: its availability domains and its images.

using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra.Settings;
using Core = Pulumi.Oci.Core;
using Identity = Pulumi.Oci.Identity;

namespace RedisHaInfra.Components;

/// <summary>An image to boot.</summary>
/// <param name="Id">Its OCID.</param>
/// <param name="Name">Its name, or the OCID when the stack names an image itself.</param>
public sealed record MachineImage(string Id, string Name);

/// <summary>Answers about the region, each asked once.</summary>
public sealed class Region
{
    private readonly Deployed _deployed;
    private readonly ComputeSettings _settings;
    private readonly Dictionary<string, Output<MachineImage>> _images = [];

    /// <summary>Names of the availability domains to use.</summary>
    public Output<ImmutableArray<string>> AvailabilityDomains { get; }

    /// <summary>Asks for the availability domains.</summary>
    public Region(Deployed deployed, ComputeSettings settings)
    {
        _deployed = deployed;
        _settings = settings;
        // Availability domains are the tenancy's; its OCID is among the provider's own settings, or the compartment's rights must do.
        string root = new Config("oci").Get("tenancyOcid") is { Length: > 0 } tenancy ? tenancy : deployed.CompartmentId;
        AvailabilityDomains = Identity.GetAvailabilityDomains
            .Invoke(new Identity.GetAvailabilityDomainsInvokeArgs { CompartmentId = root })
            .Apply(result => Choose(result.AvailabilityDomains.Select(domain => domain.Name)));
    }

    /// <summary>The image that machines of a shape boot: the configured one, or the newest platform image for the shape's architecture.</summary>
    public Output<MachineImage> ImageFor(string shape)
    {
        if (_settings.ImageId is { } id)
        {
            return Output.Create(new MachineImage(id, id));
        }
        if (!_images.TryGetValue(shape, out Output<MachineImage>? image))
        {
            NodeOperatingSystem system = _settings.OperatingSystem;
            image = Core.GetImages.Invoke(new Core.GetImagesInvokeArgs
            {
                CompartmentId = _deployed.CompartmentId,
                OperatingSystem = system.Name,
                OperatingSystemVersion = system.Version,
                Shape = shape,
                State = "AVAILABLE",
                SortBy = "TIMECREATED",
                SortOrder = "DESC",
            }).Apply(result => result.Images
                .Where(candidate => !candidate.DisplayName.Contains("GPU", StringComparison.OrdinalIgnoreCase))
                .Select(candidate => new MachineImage(candidate.Id, candidate.DisplayName))
                .FirstOrDefault()
                ?? throw new RunException($"OCI lists no image of {system.Name} {system.Version} for the shape {shape} in this region. Choose another shape, or set {SettingsSource.Namespace}:imageId."));
            _images[shape] = image;
        }
        return image;
    }

    private ImmutableArray<string> Choose(IEnumerable<string> names)
    {
        ImmutableArray<string> all = names.Order(StringComparer.Ordinal).ToImmutableArray();
        int highest = _settings.AvailabilityDomains.DefaultIfEmpty(1).Max();
        if (highest > all.Length)
        {
            throw new RunException($"{SettingsSource.Namespace}:availabilityDomains names number {highest}, but this region has {all.Length}: {string.Join(", ", all)}.");
        }
        return _settings.AvailabilityDomains.IsEmpty ? all : _settings.AvailabilityDomains.Select(number => all[number - 1]).ToImmutableArray();
    }
}
