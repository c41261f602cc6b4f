// The plot: for three figures, a bar for each of our engines and each load, with the spread of the rounds, against the best HAProxy.

using System.Globalization;
using System.Text;

namespace RedisHaBench.Traffic;

/// <summary>Draws ratios as SVG.</summary>
internal static class RatioPlot
{
    private const int Width = 960;
    private const int Left = 60;
    private const int Right = 20;
    private const int PanelHeight = 200;
    private const int PanelGap = 70;
    private const int Top = 80;
    private const string Ink = "#24292f";

    private static readonly string[] Colors = ["#2f6fb3", "#2a9d5c", "#8a5fb0", "#c26a1c"];

    /// <summary>Draws a result.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="limit">The bar on a figure of a load; null when there is none.</param>
    public static string Draw(TrafficResult result, Func<string, Load, double?> limit)
    {
        // What is added to the whole machine's work says more than what the process takes, where it was measured.
        (string Name, bool MoreIsBetter)[] panels =
        [
            (Metric.Throughput.Name, true), (Metric.P99.Name, false), (result.Added.Count > 0 ? AddedCost.Name : Metric.Cpu.Name, false),
        ];
        var loads = result.Loads.Keys.ToArray();
        var series = result.Contenders.Where(c => c.Kind == ContenderKind.Ours && result.Comparisons.Any(x => x.Ours == c.Name)).Select(c => c.Name).ToArray();
        var height = Top + (panels.Length * (PanelHeight + PanelGap));
        var svg = new StringBuilder();
        Add(svg, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" font-family="sans-serif" font-size="12" fill="{Ink}">""");
        Add(svg, $"<rect width=\"{Width}\" height=\"{height}\" fill=\"#ffffff\"/>");
        Add(svg, $"""<text x="{Left}" y="28" font-size="16" font-weight="bold">redis-ha-proxy against the best HAProxy configuration for each load</text>""");
        Add(svg, $"""<text x="{Left}" y="48">Medians of interleaved rounds; whiskers from the least to the greatest round. 1 is HAProxy; dashes are the bars.</text>""");
        for (var i = 0; i < series.Length; i++)
        {
            var x = Width - Right - ((series.Length - i) * 140);
            Add(svg, $"""<rect x="{x}" y="18" width="12" height="12" fill="{Colors[i % Colors.Length]}"/><text x="{x + 18}" y="28">{series[i]}</text>""");
        }

        foreach (var (index, panel) in panels.Index())
        {
            Comparison[] shown = [.. result.Comparisons.Concat(result.Added).Where(c => c.IsBest && c.Metric == panel.Name)];
            Panel(svg, shown, panel, limit, loads, series, Top + (index * (PanelHeight + PanelGap)));
        }

        Add(svg, $"</svg>");
        return svg.ToString();
    }

    private static void Panel(StringBuilder svg, Comparison[] shown, (string Name, bool MoreIsBetter) metric, Func<string, Load, double?> limitOf,
        string[] loads, string[] series, int top)
    {
        // One wild round must not flatten all others: a whisker that leaves the panel ends at its edge.
        var greatest = Math.Min(3, Math.Ceiling(Math.Max(1.2, shown.Length == 0 ? 0 : shown.Max(c => Math.Max(c.Median, Math.Min(c.Max, 2)))) * 4) / 4);
        var bottom = top + PanelHeight;
        Add(svg, $"<text x=\"{Left}\" y=\"{top - 8}\" font-weight=\"bold\">{metric.Name}: {(metric.MoreIsBetter ? "more" : "less")} is better</text>");
        for (var tick = 0.0; tick <= greatest; tick += greatest > 2 ? 0.5 : 0.25)
        {
            Add(svg, $"""<line x1="{Left}" x2="{Width - Right}" y1="{Y(tick):0.#}" y2="{Y(tick):0.#}" stroke="{(tick == 1 ? Ink : "#d8dee4")}" stroke-width="{(tick == 1 ? 1.5 : 1)}"/>""");
            Add(svg, $"<text x=\"{Left - 8}\" y=\"{Y(tick) + 4:0.#}\" text-anchor=\"end\">{tick:0.00}</text>");
        }

        var slot = (double)(Width - Left - Right) / Math.Max(1, loads.Length);
        var bar = Math.Min(28, slot * 0.8 / Math.Max(1, series.Length));
        foreach (var (l, name) in loads.Index())
        {
            var middle = Left + ((l + 0.5) * slot);
            Add(svg, $"<text x=\"{middle:0.#}\" y=\"{bottom + 18}\" text-anchor=\"middle\">{name}</text>");
            if (Loads.All.FirstOrDefault(x => x.Name == name) is { } load && limitOf(metric.Name, load) is { } limit)
            {
                Add(svg, $"""<line x1="{middle - (slot * 0.45):0.#}" x2="{middle + (slot * 0.45):0.#}" y1="{Y(limit):0.#}" y2="{Y(limit):0.#}" stroke="#b42318" stroke-width="1.5" stroke-dasharray="5 3"/>""");
            }

            foreach (var (s, ours) in series.Index())
            {
                if (shown.FirstOrDefault(c => c.Ours == ours && c.Load == name) is { } ratio)
                {
                    Bar(svg, ratio, middle + ((s - (series.Length / 2.0)) * bar), bar, Colors[s % Colors.Length]);
                }
            }
        }

        double Y(double ratio) => bottom - (Math.Clamp(ratio, 0, greatest) / greatest * PanelHeight);

        void Bar(StringBuilder to, Comparison ratio, double x, double width, string color)
        {
            var center = x + (width / 2);
            Add(to, $"""<rect x="{x + 1:0.#}" y="{Y(ratio.Median):0.#}" width="{width - 2:0.#}" height="{bottom - Y(ratio.Median):0.#}" fill="{color}"><title>{ratio.Ours}, {ratio.Load}: {ratio}, against {ratio.Against}</title></rect>""");
            Add(to, $"""<path d="M{center:0.#} {Y(ratio.Min):0.#}V{Y(ratio.Max):0.#}M{center - 4:0.#} {Y(ratio.Min):0.#}h8M{center - 4:0.#} {Y(ratio.Max):0.#}h8" stroke="{Ink}" fill="none"/>""");
            Add(to, $"<text x=\"{center:0.#}\" y=\"{bottom - 5}\" text-anchor=\"middle\" font-size=\"10\" fill=\"#ffffff\">{ratio.Median:0.00}</text>");
        }
    }

    private static void Add(StringBuilder svg, FormattableString line) => svg.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
