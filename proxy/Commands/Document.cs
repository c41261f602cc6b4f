// A document of the running proxy, read by the names of docs/stats-json.md, as any other program would.

using System.Text.Json;

namespace RedisHaProxy.Commands;

/// <summary>Reads fields; one that is null or not there is null.</summary>
internal static class Document
{
    public static JsonElement? Field(this JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement field) && field.ValueKind is not JsonValueKind.Null ? field : null;

    public static string? Text(this JsonElement element, string name) => element.Field(name)?.GetString();

    public static bool Is(this JsonElement element, string name) => element.Field(name)?.ValueKind == JsonValueKind.True;

    public static bool IsNot(this JsonElement element, string name) => element.Field(name)?.ValueKind == JsonValueKind.False;

    public static double? Number(this JsonElement element, string name) => element.Field(name)?.GetDouble();

    public static DateTimeOffset Time(this JsonElement element, string name) => element.Field(name)?.GetDateTimeOffset() ?? default;

    public static JsonElement.ArrayEnumerator List(this JsonElement element, string name) => element.Field(name)?.EnumerateArray() ?? default;

    /// <summary>Whether a list has anything in it.</summary>
    public static bool Has(this JsonElement element, string name) => element.Field(name)?.GetArrayLength() > 0;

    /// <summary>A value as the table of figures writes it.</summary>
    public static object? Value(this JsonElement element, string name) => element.Field(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } number => number.GetDouble(),
        { ValueKind: JsonValueKind.True or JsonValueKind.False } yes => yes.GetBoolean(),
        { ValueKind: JsonValueKind.Object } map => Counts(map),
        { } text => text.ToString(),
    };

    private static Dictionary<string, long> Counts(JsonElement map)
    {
        var counts = new Dictionary<string, long>();
        foreach (JsonProperty count in map.EnumerateObject())
        {
            counts.Add(count.Name, count.Value.GetInt64());
        }

        return counts;
    }
}
