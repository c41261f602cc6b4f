// Where settings come from: the project's namespace of the Pulumi configuration, or plain values in tests.

using System.Text.Json;
using Pulumi;

namespace RedisHaInfra.Settings;

/// <summary>The raw stack configuration: text by key, without types or rules.</summary>
public sealed class SettingsSource
{
    /// <summary>The configuration namespace: the project's name in Pulumi.yaml.</summary>
    public const string Namespace = "redis-ha";

    private readonly Dictionary<string, string> _values;
    private readonly HashSet<string>? _secretKeys;

    /// <summary>Makes a source of plain values.</summary>
    /// <param name="values">Text by key, without the namespace; lists as JSON.</param>
    /// <param name="secretKeys">The keys stored encrypted; null when that is not known.</param>
    public SettingsSource(IEnumerable<KeyValuePair<string, string>> values, IEnumerable<string>? secretKeys = null)
    {
        _values = new Dictionary<string, string>(values, StringComparer.Ordinal);
        _secretKeys = secretKeys is null ? null : new HashSet<string>(secretKeys, StringComparer.Ordinal);
    }

    /// <summary>All keys that are set.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>The text of a key, or null when it is not set or empty.</summary>
    public string? Get(string key) => _values.TryGetValue(key, out string? value) && value.Length > 0 ? value : null;

    /// <summary>Whether a key is stored encrypted; true when that is not known.</summary>
    public bool IsSecret(string key) => _secretKeys?.Contains(key) ?? true;

    /// <summary>The same with another value of one key.</summary>
    internal SettingsSource With(string key, string value) => new(_values.Where(pair => pair.Key != key).Append(KeyValuePair.Create(key, value)), _secretKeys);

    /// <summary>
    /// The configuration of the running Pulumi program. <see cref="Config"/> answers for known keys only and keeps the list of
    /// keys to itself, so unknown ones are found where Config itself finds everything: the variables that the language host sets
    /// (pulumi-dotnet, Deployment_Config.cs).
    /// </summary>
    public static SettingsSource FromPulumi()
    {
        var config = new Config(Namespace);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string key in KeysOf("PULUMI_CONFIG") ?? [])
        {
            values[key] = config.Get(key) ?? string.Empty;
        }
        foreach (Setting setting in Setting.All)
        {
            if (config.Get(setting.Key) is { } value)
            {
                values[setting.Key] = value;
            }
        }
        return new SettingsSource(values, KeysOf("PULUMI_CONFIG_SECRET_KEYS"));
    }

    // An object's property names, or an array's elements, that lie in our namespace. "redis-ha:config:x" is the old form of "redis-ha:x".
    private static List<string>? KeysOf(string variable)
    {
        string? text = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }
        using var document = JsonDocument.Parse(text);
        IEnumerable<string> names = document.RootElement.ValueKind == JsonValueKind.Object
            ? document.RootElement.EnumerateObject().Select(property => property.Name)
            : document.RootElement.EnumerateArray().Select(element => element.ToString());
        return names
            .Where(name => name.StartsWith(Namespace + ":", StringComparison.Ordinal))
            .Select(name => name[(Namespace.Length + 1)..])
            .Select(name => name.StartsWith("config:", StringComparison.Ordinal) ? name["config:".Length..] : name)
            .ToList();
    }
}
