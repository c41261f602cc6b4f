// The machines: where they run, what image they boot, what size they have.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>An operating system that the nodes can run.</summary>
/// <param name="Key">Its name in the settings.</param>
/// <param name="Name">OCI's "operating system" of its platform images.</param>
/// <param name="Version">OCI's "operating system version".</param>
/// <param name="User">The user that cloud-init gives the SSH key to.</param>
/// <param name="SystemLog">The file that its syslog service writes what comes to the journal to.</param>
public sealed record NodeOperatingSystem(string Key, string Name, string Version, string User, string SystemLog)
{
    /// <summary>All that are supported; the first is the default.</summary>
    public static IReadOnlyList<NodeOperatingSystem> All { get; } =
    [
        new("ubuntu-24.04", "Canonical Ubuntu", "24.04", "ubuntu", "/var/log/syslog"),
        new("oracle-linux-9", "Oracle Linux", "9", "opc", "/var/log/messages"),
    ];
}

/// <summary>A machine's size.</summary>
/// <param name="Shape">OCI's shape name.</param>
/// <param name="Ocpus">OCPUs; used by flexible shapes.</param>
/// <param name="MemoryGb">Memory in GB; used by flexible shapes.</param>
public sealed partial record MachineSize(string Shape, int Ocpus, int MemoryGb)
{
    /// <summary>Whether OCPUs and memory are chosen apart from the shape.</summary>
    public bool IsFlexible => Shape.EndsWith(".Flex", StringComparison.Ordinal);

    /// <summary>Whether the processor is Ampere's: 64-bit Arm instead of x86.</summary>
    public bool IsArm => AmpereShape().IsMatch(Shape);

    /// <summary>The processor's kind, x86 or Ampere: an image, and so a machine, has one for good.</summary>
    public string Architecture => IsArm ? "Ampere" : "x86";

    /// <summary>.NET's name of the platform, which the proxy is published for.</summary>
    public string RuntimeIdentifier => IsArm ? "linux-arm64" : "linux-x64";

    // VM.Standard.A1.Flex, A2, A4: OCI's Ampere families. E is AMD; digits and Optimized are x86.
    [GeneratedRegex(@"^VM\.Standard\.A[0-9]+\.")]
    private static partial Regex AmpereShape();
}

/// <summary>Where machines run and what they are.</summary>
public sealed partial record ComputeSettings
{
    /// <summary>Numbers (1 to 3) of the availability domains to use; empty means all of the region.</summary>
    public required ImmutableArray<int> AvailabilityDomains { get; init; }

    /// <summary>Places of single machines, by name: around a place without capacity, without moving any other machine.</summary>
    public required ImmutableDictionary<string, MachinePlace> Places { get; init; }

    /// <summary>Whether the program chooses fault domains; otherwise OCI does, by where it has capacity.</summary>
    public required bool SpreadsOverFaultDomains { get; init; }

    /// <summary>The nodes' operating system.</summary>
    public required NodeOperatingSystem OperatingSystem { get; init; }

    /// <summary>An image to boot instead of the newest platform image; null for none.</summary>
    public required string? ImageId { get; init; }

    /// <summary>Size of a Redis node.</summary>
    public required MachineSize Redis { get; init; }

    /// <summary>Size of a proxy node.</summary>
    public required MachineSize Proxy { get; init; }

    /// <summary>Size of the bastion.</summary>
    public required MachineSize Bastion { get; init; }

    /// <summary>Boot volume of each machine in GB.</summary>
    public required int BootVolumeGb { get; init; }

    /// <summary>Volume of each Redis node for its data in GB; 0 for none, and the data lies on the boot volume.</summary>
    public required int DataVolumeGb { get; init; }

    /// <summary>Oracle's policy by which these volumes are backed up: bronze, silver or gold; null for none.</summary>
    public required string? DataVolumeBackupPolicy { get; init; }

    internal static ComputeSettings Read(SettingsReader reader)
    {
        ImmutableArray<int> domains = reader.Integers(Setting.AvailabilityDomains);
        reader.Require(domains.All(number => number is >= 1 and <= 3) && domains.Distinct().Count() == domains.Length,
            Setting.AvailabilityDomains, "numbers of availability domains, 1 to 3, each once; an empty list for all");
        string system = reader.Choice(Setting.OperatingSystem);
        string policy = reader.Choice(Setting.RedisDataVolumeBackupPolicy);
        var settings = new ComputeSettings
        {
            AvailabilityDomains = domains,
            Places = ReadPlaces(reader),
            SpreadsOverFaultDomains = reader.Choice(Setting.FaultDomains) == Setting.FaultDomains.Value,
            OperatingSystem = NodeOperatingSystem.All.First(item => item.Key == system),
            ImageId = reader.OptionalText(Setting.ImageId, ImageIdForm(), "the OCID of an image of the chosen operatingSystem, or nothing for the newest"),
            Redis = Size(reader, Setting.RedisShape, Setting.RedisOcpus, Setting.RedisMemoryGb),
            Proxy = Size(reader, Setting.ProxyShape, Setting.ProxyOcpus, Setting.ProxyMemoryGb),
            Bastion = Size(reader, Setting.BastionShape, Setting.BastionOcpus, Setting.BastionMemoryGb),
            BootVolumeGb = reader.Integer(Setting.BootVolumeGb),
            DataVolumeGb = reader.Integer(Setting.RedisDataVolumeGb),
            DataVolumeBackupPolicy = policy == Setting.RedisDataVolumeBackupPolicy.Value ? null : policy,
        };
        reader.RequireOr(Text(SmallestVolumeGb), settings.DataVolumeGb is 0 or >= SmallestVolumeGb, Setting.RedisDataVolumeGb,
            $"0 for no data volume, or {SmallestVolumeGb} and more: OCI has no smaller ones");
        reader.RequireOr(string.Empty, settings.DataVolumeBackupPolicy is null || settings.DataVolumeGb > 0, Setting.RedisDataVolumeBackupPolicy,
            $"needs data volumes: set {Setting.RedisDataVolumeGb.Key}, or no policy", Setting.RedisDataVolumeGb);
        // One image cannot boot on both architectures.
        reader.RequireOr(
            string.Empty, settings.ImageId is null || (settings.Redis.IsArm == settings.Proxy.IsArm
                && (settings.Redis.IsArm == settings.Bastion.IsArm || reader.Text(Setting.Bastion) != Setting.Bastion.Value)),
            Setting.ImageId, "needs all shapes to be of one architecture: redisShape, proxyShape and bastionShape mix x86 and Ampere");
        return settings;
    }

    // Block Volume, "Capabilities and Limits": 50 GB to 32 TB.
    private const int SmallestVolumeGb = 50;

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static ImmutableDictionary<string, MachinePlace> ReadPlaces(SettingsReader reader)
    {
        ImmutableDictionary<string, MachinePlace>.Builder places = ImmutableDictionary.CreateBuilder<string, MachinePlace>(StringComparer.Ordinal);
        foreach (string item in reader.List(Setting.MachinePlaces))
        {
            Match match = PlaceForm().Match(item);
            reader.Require(match.Success && !places.ContainsKey(match.Groups[1].Value), Setting.MachinePlaces,
                "each machine once, as NAME=AD or NAME=AD/FD with the numbers of an availability domain and a fault domain, 1 to 3 (redis2=3/1); "
                + $"'{item}' is not");
            if (match.Success)
            {
                int? fault = match.Groups[3].Success ? match.Groups[3].ValueSpan[0] - '0' : null;
                places[match.Groups[1].Value] = new MachinePlace(match.Groups[2].ValueSpan[0] - '0', fault);
            }
        }
        return places.ToImmutable();
    }

    /// <summary>Notes a problem when a place is for a machine that the stack does not have.</summary>
    internal static void CheckPlaces(SettingsReader reader, ComputeSettings compute, IEnumerable<string> machines)
    {
        string[] names = [.. machines];
        string? unknown = compute.Places.Keys.Order(StringComparer.Ordinal).FirstOrDefault(name => !names.Contains(name));
        reader.Require(unknown is null, Setting.MachinePlaces, $"places of this stack's machines, {string.Join(", ", names)}; '{unknown}' is none of them",
            Setting.RedisAddresses, Setting.ProxyAddresses);
    }

    private static MachineSize Size(SettingsReader reader, Setting shapeSetting, NumberSetting ocpusSetting, NumberSetting memorySetting)
    {
        string shape = reader.Text(shapeSetting, ShapeForm(), "a virtual machine shape such as VM.Standard.E5.Flex or VM.Standard.A1.Flex (bare metal and GPU "
            + "shapes are not supported, nor DenseIO: their local disks would stay empty)");
        var size = new MachineSize(shape, reader.Integer(ocpusSetting), reader.Integer(memorySetting));
        // OCI: 1 to 64 GB for each OCPU of a flexible shape (Compute Shapes, "Flexible Shapes").
        reader.RequireOr(Math.Clamp(size.MemoryGb, size.Ocpus, 64 * size.Ocpus).ToString(CultureInfo.InvariantCulture),
            !size.IsFlexible || (size.MemoryGb >= size.Ocpus && size.MemoryGb <= 64 * size.Ocpus),
            memorySetting, $"1 to 64 GB for each of the {size.Ocpus} OCPUs of {ocpusSetting.Key}", ocpusSetting, shapeSetting);
        return size;
    }

    [GeneratedRegex(@"^VM\.(Standard|Optimized)[0-9]*(\.[A-Za-z0-9]+)+$")]
    private static partial Regex ShapeForm();

    [GeneratedRegex(@"\A([a-z][a-z0-9]*)=([1-3])(?:/([1-3]))?\z")]
    private static partial Regex PlaceForm();

    [GeneratedRegex(@"^ocid1\.image\.[A-Za-z0-9._-]+$")]
    private static partial Regex ImageIdForm();
}
