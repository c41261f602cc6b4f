// A machine as the program ordered it.

namespace RedisHaLab.State;

/// <summary>What a machine is made of.</summary>
internal sealed record MachineSpec
{
    /// <summary>Begins the names of those facts that the metadata service has in its object shapeConfig.</summary>
    public const string SizePrefix = "shapeConfig.";

    /// <summary>Its name in the lab: the host name.</summary>
    public required string Name { get; init; }

    /// <summary>OCID; a new one for each machine ever made.</summary>
    public required string InstanceId { get; init; }

    /// <summary>Its domain: subnet, network, oraclevcn.com; null where the network has no labels.</summary>
    public string? Domain { get; init; }

    /// <summary>Private address.</summary>
    public required string Address { get; init; }

    /// <summary>Length of its subnet's prefix.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>Its subnet's gateway.</summary>
    public required string Gateway { get; init; }

    /// <summary>The instance's metadata, as given: user_data in base64, ssh_authorized_keys, and whatever else.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Shape, display name, placement: shown by status and by the metadata service.</summary>
    public IReadOnlyDictionary<string, string> Facts { get; init; } = new Dictionary<string, string>();

    /// <summary>The lower layers of its disk, top first, fixed when the disk is made.</summary>
    public IReadOnlyList<string> Layers { get; init; } = [];

    /// <summary>Whether somebody cut its power; `up` and `start` give it back.</summary>
    public bool IsPoweredOff { get; init; }
}
