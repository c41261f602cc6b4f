// The table of figures: a row is all that a figure needs.

using RedisHaProxy.Admin;

namespace RedisHaProxy.Tests.Admin;

public sealed class FigureTests
{
    [Fact]
    public void A_figure_of_a_node_is_one_row_and_shows_in_five_forms()
    {
        var row = new Figure<NodeMoment>("resets", "Connections that the node reset.", n => n.Name == "redis2" ? 4711 : 0)
        {
            Metric = Metric.Counter("node_resets_total"),
            Csv = "hanafail",
            Column = ">resets",
            TextColumn = ">rst",
        };

        Shows(Scene.Failover.Moment with { Figures = new Figures { Nodes = [.. Figures.All.Nodes, row] } },
            "\"resets\":4711", "# HELP redis_ha_proxy_node_resets_total Connections that the node reset.", "node_resets_total{node=\"redis2\"} 4711",
                ">resets</th>", "  rst");
    }

    [Fact]
    public void And_one_of_a_listener()
    {
        var row = new Figure<ReadMoment>("resets", "Connections that clients reset.", r => 4711)
        {
            Metric = Metric.Counter("read_only_resets_total"),
            Csv = "hanafail",
            Tile = new("resets", "{resets}", "by clients"),
            Text = new("resets", "{resets} by clients"),
        };

        Shows(Scene.Failover.Moment with { Figures = new Figures { ReadListener = [.. Figures.All.ReadListener, row] } },
            "\"resets\":4711", "# TYPE redis_ha_proxy_read_only_resets_total counter", "read_only_resets_total 4711", "<dt>resets</dt>",
                "resets    4711 by clients");
    }

    [Fact]
    public void Every_name_in_a_text_of_the_table_is_a_figure_and_every_column_HAProxys()
    {
        foreach (var scene in Scene.All.Values)
        {
            var moment = scene.Moment;
            _ = StatsPage.Write(moment, "abc");
            _ = Scene.Text(moment);
        }

        var figures = Scopes().SelectMany(s => s.Figures).ToList();
        Assert.All(figures.SelectMany(f => $"{f.Csv} {f.BackendCsv}".Split(' ', StringSplitOptions.RemoveEmptyEntries)),
            column => Assert.Contains(column, HaproxyCsv.Columns));
        var metrics = figures.Where(f => f.Metric is not null).Select(f => f.Metric!.Name).ToList();
        Assert.Equal(metrics.Distinct(), metrics);
        Assert.All(Scopes(), scope => Assert.Equal(scope.Figures.Select(f => f.Name).Distinct(), scope.Figures.Select(f => f.Name)));
    }

    /// <summary>All scopes with their paths in the documents.</summary>
    internal static IEnumerable<(string Path, IReadOnlyList<Figure> Figures)> Scopes() =>
        Within("", Figures.All.Status).Concat(Within("", TimelineFigures.Timeline)).Append(("[].", TimelineFigures.Session));

    private static IEnumerable<(string Path, IReadOnlyList<Figure> Figures)> Within(string path, IReadOnlyList<Figure> figures)
    {
        yield return (path, [.. figures.Where(f => f.Within is null || f.Help.Length > 0)]);
        foreach (var figure in figures)
        {
            foreach (var scope in figure.Within is { } inner ? Within($"{path}{figure.Name}{(figure.IsList ? "[]" : "")}.", inner) : [])
            {
                yield return scope;
            }
        }
    }

    private static void Shows(Moment moment, string json, string help, string sample, string page, string text)
    {
        string csv = HaproxyCsv.Write(moment);
        int column = HaproxyCsv.Columns.ToList().IndexOf("hanafail");

        Assert.Contains(json, Scene.Json(moment.Figures.Status, moment).GetRawText(), StringComparison.Ordinal);
        Assert.Contains(help + "\n", MetricsText.Write(moment), StringComparison.Ordinal);
        Assert.Contains($"redis_ha_proxy_{sample}\n", MetricsText.Write(moment), StringComparison.Ordinal);
        Assert.Contains(csv.Split('\n'), line => line.Split(',') is { Length: > 1 } cells && cells[column] == "4711");
        Assert.Contains(page, StatsPage.Write(moment, "abc"), StringComparison.Ordinal);
        Assert.Contains(text, Scene.Text(moment), StringComparison.Ordinal);
        Assert.Contains("4711", Scene.Text(moment), StringComparison.Ordinal);
    }
}
