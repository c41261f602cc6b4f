// One resource as the program registered it, with typed access to its inputs.

using System.Collections.Immutable;
using System.Globalization;
using RedisHaCloud;
using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Inputs by wire name.</summary>
internal sealed class Properties
{
    private readonly ImmutableDictionary<string, object> _values;
    private readonly string _owner;

    public Properties(ImmutableDictionary<string, object> values, string owner)
    {
        _values = values;
        _owner = owner;
    }

    /// <summary>The text of a required input.</summary>
    /// <exception cref="LabException">It is missing.</exception>
    public string Text(string name) => OptionalText(name) ?? throw new LabException($"{_owner}: the lab needs its input \"{name}\".");

    /// <summary>The text of an input; null when it is missing or empty.</summary>
    public string? OptionalText(string name) => _values.GetValueOrDefault(name) as string is { Length: > 0 } text ? text : null;

    /// <summary>A truth value.</summary>
    public bool Flag(string name, bool otherwise = false) => _values.GetValueOrDefault(name) switch
    {
        bool flag => flag,
        string text => bool.Parse(text),
        _ => otherwise,
    };

    /// <summary>A whole number; null when it is missing.</summary>
    public int? Number(string name) => _values.GetValueOrDefault(name) is { } value ? Convert.ToInt32(value, CultureInfo.InvariantCulture) : null;

    /// <summary>A nested object; null when it is missing.</summary>
    public Properties? Object(string name) => _values.GetValueOrDefault(name) is ImmutableDictionary<string, object> nested
        ? new Properties(nested, $"{_owner}.{name}") : null;

    /// <summary>A list of nested objects.</summary>
    public IReadOnlyList<Properties> Objects(string name) => _values.GetValueOrDefault(name) is ImmutableArray<object> list
        ? list.OfType<ImmutableDictionary<string, object>>().Select((item, i) => new Properties(item, $"{_owner}.{name}[{i}]")).ToList()
        : [];

    /// <summary>A list of texts.</summary>
    public IReadOnlyList<string> Texts(string name) => _values.GetValueOrDefault(name) is ImmutableArray<object> list ? list.OfType<string>().ToList() : [];

    /// <summary>A map of texts.</summary>
    public IReadOnlyDictionary<string, string> Map(string name) => _values.GetValueOrDefault(name) is ImmutableDictionary<string, object> map
        ? map.Where(pair => pair.Value is string).ToDictionary(pair => pair.Key, pair => (string)pair.Value)
        : new Dictionary<string, string>();
}

/// <summary>A resource that the program registers.</summary>
internal sealed record Registration
{
    /// <summary>Pulumi's type token.</summary>
    public required string Type { get; init; }

    /// <summary>Pulumi's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its inputs.</summary>
    public required Properties Inputs { get; init; }

    /// <summary>SHA-256 of all inputs.</summary>
    public required string InputsHash { get; init; }

    /// <summary>SHA-256 of the input "triggers", whose change replaces a command.</summary>
    public required string TriggersHash { get; init; }

    /// <summary>What the provider's table says of the changes since the earlier run.</summary>
    public required ResourceStep Step { get; init; }

    /// <summary>What an earlier run made of it; null at the first, and when it is to be replaced.</summary>
    public required ResourceRecord? Known { get; init; }

    /// <summary>The id of the earlier run, or a new OCID.</summary>
    public string Id(string kind) => Known?.Id ?? NewId(kind);

    /// <summary>A new OCID.</summary>
    public static string NewId(string kind) =>
        $"ocid1.{kind}.oc1.lab.{Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16))}";
}

/// <summary>What became of a registration: an id and the outputs beyond the inputs, by wire name.</summary>
internal sealed record Made(string Id, IReadOnlyDictionary<string, object> Outputs)
{
    /// <summary>A resource without outputs of its own.</summary>
    public Made(string id)
        : this(id, new Dictionary<string, object>())
    {
    }
}
