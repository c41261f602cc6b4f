// docs/stats-json.md has every figure of the table, with its metric and its meaning, and no other.

using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Admin;

namespace RedisHaProxy.Tests.Configuration;

public sealed class JsonDocumentationTests
{
    [Fact]
    public void Every_figure_is_documented_as_the_table_has_it()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/stats-json.md"));
        var documented = page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();
        var expected = FigureTests.Scopes().SelectMany(scope => scope.Figures.Select(f => Line(scope.Path, f))).ToList();

        Assert.Equal(expected.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    /// <summary>A line of the page.</summary>
    internal static string Line(string path, Figure figure) =>
        $"| `{path}{figure.Name}` | {(figure.Metric is { } metric ? $"`{metric.Name}`" : "")} | {figure.Help} |";
}
