// docs/stats-json.md has every figure of the table, with its metric and its meaning, and no other.

using System.Text.RegularExpressions;
using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Admin;

namespace RedisHaProxy.Tests.Configuration;

public sealed partial class JsonDocumentationTests
{
    [Fact]
    public void Every_figure_is_documented_as_the_table_has_it()
    {
        string page = File.ReadAllText(Path.Combine(Repository.Root, "docs/stats-json.md"));
        var documented = page.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal)).ToList();
        var expected = FigureTests.Scopes().SelectMany(scope => scope.Figures.Select(f => Line(scope.Path, f))).ToList();

        Assert.Equal(expected.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_metric_that_a_page_names_is_served()
    {
        var served = PrometheusText.Parse(MetricsText.Write(Scene.Reasons.Moment)).Keys;
        var named = Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md").Append(Path.Combine(Repository.Root, "README.md"))
            .SelectMany(page => MetricName().Matches(File.ReadAllText(page)).Select(m => m.Value)).Distinct().ToList();

        Assert.NotEmpty(named);
        Assert.All(named, name => Assert.Contains(name, served));
    }

    // Not the beginning of several names, which a page writes with an ellipsis.
    [GeneratedRegex("redis_ha_proxy_[a-z_]*[a-z](?![a-z_])")]
    private static partial Regex MetricName();

    /// <summary>A line of the page.</summary>
    internal static string Line(string path, Figure figure) =>
        $"| `{path}{figure.Name}` | {(figure.Metric is { } metric ? $"`{metric.Name}`" : "")} | {figure.Help} |";
}
