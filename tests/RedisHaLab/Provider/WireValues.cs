// Values on Pulumi's wire and in the state file: text, numbers, truth values, lists and maps.

using System.Collections;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace RedisHaLab.Provider;

/// <summary>Converts wire values.</summary>
internal static class WireValues
{
    /// <summary>The value as JSON.</summary>
    public static JsonNode? ToJson(object? value) => value switch
    {
        null => null,
        string text => JsonValue.Create(text),
        bool flag => JsonValue.Create(flag),
        int number => JsonValue.Create(number),
        double number => JsonValue.Create(number),
        IEnumerable<KeyValuePair<string, object>> map =>
            new JsonObject(map.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, ToJson(pair.Value)))),
        IEnumerable list => new JsonArray(list.Cast<object?>().Select(ToJson).ToArray()),
        // Assets: their path says enough, their content is compared where it matters.
        _ => JsonValue.Create(Convert.ToString(value, CultureInfo.InvariantCulture)),
    };

    /// <summary>The JSON as a value that Pulumi serialises.</summary>
    public static object? FromJson(JsonNode? node) => node switch
    {
        null => null,
        JsonObject map => map.Where(pair => pair.Value is not null).ToImmutableDictionary(pair => pair.Key, pair => FromJson(pair.Value)!),
        JsonArray list => list.Select(FromJson).OfType<object>().ToImmutableArray(),
        JsonValue value when value.TryGetValue<bool>(out var flag) => flag,
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        _ => node.GetValue<string>(),
    };

    /// <summary>SHA-256 of a value, equal for equal values.</summary>
    public static string Hash(object? value) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ToJson(value)?.ToJsonString() ?? "null")));
}
