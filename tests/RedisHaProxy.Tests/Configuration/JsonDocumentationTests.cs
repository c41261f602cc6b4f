// docs/stats-json.md names every field that is served, and no other.

using System.Text.Json;
using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Admin;

namespace RedisHaProxy.Tests.Configuration;

public sealed class JsonDocumentationTests
{
    [Fact]
    public void Every_field_is_documented()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/stats-json.md"));
        var documented = page.Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('`')[1])
            .ToList();
        var session = new SessionEntry { Id = 1, Client = "c", Node = null, LocalPort = null, State = "open", Accepted = SampleStatus.Now, QuietMs = 0, BytesIn = 0, BytesOut = 0 };
        var full = SampleStatus.Document with
        {
            Process = SampleStatus.Document.Process with
            {
                Blind = new BlindEntry { Node = "n", Reason = "r", Remedy = null, Since = SampleStatus.Now, FailsHealth = true },
            },
            ReadOnly = ReadOnlyFormsTests.Reads,
            Recording = SampleStatus.Recording,
        };
        var served = Fields(JsonSerializer.SerializeToElement(full, AdminJson.Default.StatusDocument), "")
            .Concat(Fields(JsonSerializer.SerializeToElement(SampleStatus.Timeline, AdminJson.Default.TimelineDocument), ""))
            .Concat(Fields(JsonSerializer.SerializeToElement<IReadOnlyList<SessionEntry>>([session], AdminJson.Default.IReadOnlyListSessionEntry), ""))
            .Distinct();

        Assert.Equal(served.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Fields(JsonElement element, string path) => element.ValueKind switch
    {
        // An object whose names are data.
        _ when path is "sessions.ends" or "readOnly.ends" => [path],
        JsonValueKind.Object => element.EnumerateObject().SelectMany(p => Fields(p.Value, path.Length == 0 ? p.Name : $"{path}.{p.Name}")),
        JsonValueKind.Array when element.GetArrayLength() > 0 && element[0].ValueKind == JsonValueKind.Object => Fields(element[0], path + "[]"),
        _ => [path],
    };
}
