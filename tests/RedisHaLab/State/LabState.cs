// What an instance is, on disk: the resources that the program registered with what they returned, and the network,
// machines and objects made of them. Secrets are in it; only root can read it.

using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using RedisHaLab.Host;

namespace RedisHaLab.State;

/// <summary>A registered resource.</summary>
internal sealed record ResourceRecord
{
    /// <summary>Its id.</summary>
    public required string Id { get; init; }

    /// <summary>Its inputs, for the next run to compare with; null where their hash does, because they are large.</summary>
    public JsonObject? Inputs { get; init; }

    /// <summary>SHA-256 of its inputs, which may be secret.</summary>
    public required string InputsHash { get; init; }

    /// <summary>SHA-256 of the inputs whose change replaces the resource.</summary>
    public required string ReplaceHash { get; init; }

    /// <summary>What it returned beyond its inputs.</summary>
    public required JsonObject Outputs { get; init; }
}

/// <summary>An uploaded object.</summary>
/// <param name="Bucket">Its bucket.</param>
/// <param name="Name">Its name.</param>
/// <param name="FileName">Its file below the objects' directory.</param>
/// <param name="ContentType">Its content type.</param>
internal sealed record StoredObject(string Bucket, string Name, string FileName, string? ContentType);

/// <summary>A pre-authenticated request: whoever knows the token reads the object, or does with the bucket's objects what the access type says.</summary>
/// <param name="Token">The secret part of its address.</param>
/// <param name="Bucket">The bucket.</param>
/// <param name="ObjectName">The one object; empty for all of them.</param>
/// <param name="Expires">Until when.</param>
/// <param name="Access">OCI's access type.</param>
internal sealed record ObjectPermit(string Token, string Bucket, string ObjectName, DateTimeOffset? Expires, string Access = "ObjectRead");

/// <summary>A line of the program's node table.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Role">bastion, redis or proxy.</param>
/// <param name="Address">Its private address.</param>
/// <param name="AvailabilityDomain">Its availability domain.</param>
/// <param name="FaultDomain">Its fault domain.</param>
internal sealed record NodeRow(string Name, string Role, string Address, string AvailabilityDomain, string FaultDomain);

/// <summary>The program's outputs; the secret ones are in files of their own.</summary>
/// <param name="Endpoint">Where clients connect: ADDRESS:PORT.</param>
/// <param name="BastionAddress">The bastion's public address.</param>
/// <param name="KnownHosts">The machines' host keys.</param>
/// <param name="SshUser">The machines' user.</param>
/// <param name="SshConfig">ssh_config(5) for all machines.</param>
/// <param name="StatsTunnel">The ssh line that opens a tunnel to a proxy's stats page.</param>
/// <param name="StatsPage">The stats page through its tunnel.</param>
/// <param name="Nodes">The node table.</param>
/// <param name="BuiltWith">The settings that cannot change, for the next run to compare.</param>
/// <param name="EndpointName">Where clients connect by name: NAME:PORT; empty without a name.</param>
/// <param name="TlsEndpoint">Where clients connect over TLS: ADDRESS:PORT; empty without TLS.</param>
/// <param name="CertificateAuthority">The certificate of the stack's own authority; empty without one.</param>
/// <param name="AdminAuthority">The same for the proxies' pages; empty without adminTls and with a given certificate.</param>
internal sealed record StackResults(
    string Endpoint, string BastionAddress, string KnownHosts, string SshUser, string SshConfig, string StatsTunnel, string StatsPage,
    IReadOnlyList<NodeRow> Nodes, IReadOnlyDictionary<string, string> BuiltWith, string EndpointName = "", string TlsEndpoint = "",
    string CertificateAuthority = "", string AdminAuthority = "");

/// <summary>The state of an instance; immutable, replaced as a whole.</summary>
internal sealed record LabState
{
    /// <summary>Resources by type and name.</summary>
    public IReadOnlyDictionary<string, ResourceRecord> Resources { get; init; } = new Dictionary<string, ResourceRecord>();

    /// <summary>The network.</summary>
    public NetworkModel Network { get; init; } = new();

    /// <summary>The machines.</summary>
    public IReadOnlyList<MachineSpec> Machines { get; init; } = [];

    /// <summary>Objects.</summary>
    public IReadOnlyList<StoredObject> Objects { get; init; } = [];

    /// <summary>Pre-authenticated requests.</summary>
    public IReadOnlyList<ObjectPermit> Permits { get; init; } = [];

    /// <summary>Code name of the suite that the machines were built from; null for the host's own.</summary>
    public string? Release { get; init; }

    /// <summary>Where the machines' packages come from.</summary>
    public string? PackagesDirectory { get; init; }

    /// <summary>The program's outputs, once it has run to its end.</summary>
    public StackResults? Stack { get; init; }

    /// <summary>The interface of this name.</summary>
    public Vnic? Vnic(string name) => Network.Vnics.FirstOrDefault(vnic => vnic.Name == name);
}

/// <summary>Keeps the state on disk; every change is written before it returns.</summary>
internal sealed class StateStore
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter() },
    };

    private readonly LabPaths _paths;
    private readonly Lock _lock = new();
    private LabState _state;

    private StateStore(LabPaths paths, LabState state)
    {
        _paths = paths;
        _state = state;
    }

    /// <summary>The present state.</summary>
    public LabState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
    }

    /// <summary>Whether the instance exists on disk.</summary>
    public static bool Exists(LabPaths paths) => File.Exists(paths.StateFile);

    /// <summary>Opens the instance's state; an empty one where there is none.</summary>
    /// <exception cref="LabException">The file is not readable as state.</exception>
    public static StateStore Open(LabPaths paths) => new(paths, Exists(paths) ? Read(paths) : new LabState());

    /// <summary>Reads the state without the intention to change it.</summary>
    public static LabState Read(LabPaths paths)
    {
        try
        {
            return JsonSerializer.Deserialize<LabState>(File.ReadAllText(paths.StateFile), Format) ?? new LabState();
        }
        catch (JsonException e)
        {
            throw new LabException($"{paths.StateFile} is not a state of this lab ({e.Message}). `scripts/lab down` removes the lab with it.",
                LabException.Failed, e);
        }
    }

    /// <summary>Changes the state and writes it.</summary>
    public LabState Update(Func<LabState, LabState> change)
    {
        lock (_lock)
        {
            _state = change(_state);
            _paths.EnsureStateDirectory();
            FileModes.WriteSecret(_paths.StateFile, JsonSerializer.Serialize(_state, Format));
            return _state;
        }
    }
}
