// docs/proxy-configuration.md and the table of settings say the same.

using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Configuration;

public sealed class DocumentationTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs/proxy-configuration.md"));

    [Fact]
    public void Every_key_is_documented_with_its_type_default_range_and_whether_a_reload_applies_it()
    {
        var documented = Page.Split('\n')
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..^1])
            .Select(cells => string.Join(" | ", cells[..5]))
            .ToList();
        var expected = Setting.All
            .Where(s => s.Kind != SettingKind.Section)
            .Select(s => $"`{s.Path}` | {TypeOf(s.Kind)} | {(s.Default.Length == 0 ? "-" : $"`{s.Default}`")} | {s.Range} | {(s.Live ? "yes" : "restart")}")
            .ToList();

        Assert.Equal(expected, documented);
    }

    [Fact]
    public void Every_code_of_an_ended_session_is_explained()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/operations.md"));

        Assert.All(Enum.GetValues<SessionEnd>(), end => Assert.Contains($"| `{EndCode.Of(end)}` | {EndCode.Meaning(end)} |\n", page, StringComparison.Ordinal));
    }

    [Fact]
    public void The_example_is_valid()
    {
        using var folder = new TemporaryFolder();
        foreach (string secret in new[] { "redis", "sentinel", "admin" })
        {
            folder.Write($"{secret}.password", "secret");
        }

        string example = Page.Split("```json\n")[1].Split("```")[0];
        var reading = ConfigurationReader.Read(folder.Write("proxy.json", example));

        Assert.Empty(reading.Errors);
        Assert.Empty(reading.Warnings);
    }

    private static string TypeOf(SettingKind kind) => kind switch
    {
        SettingKind.NamedAddresses => "names to addresses",
        SettingKind.Addresses => "list of addresses",
        SettingKind.Address => "address",
        SettingKind.Networks => "list of networks",
        SettingKind.Text => "text",
        SettingKind.Path => "path",
        SettingKind.Duration => "duration",
        SettingKind.Integer => "number",
        SettingKind.Boolean => "boolean",
        SettingKind.Word => "word",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
