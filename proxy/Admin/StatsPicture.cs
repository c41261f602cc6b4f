// The picture on the stats page: clients, this proxy, the nodes, and where sessions and replication flow.

using System.Globalization;
using System.Text;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Admin;

/// <summary>Draws a moment as SVG.</summary>
internal static class StatsPicture
{
    private const int RowHeight = 84;
    private const int BoxHeight = 60;
    private const int NodeLeft = 470;
    private const int NodeWidth = 250;

    /// <summary>The picture; what it says is also in its label and in the tables.</summary>
    public static string Write(Moment moment)
    {
        int height = Math.Max(2, moment.Nodes.Count) * RowHeight;
        int middle = height / 2;
        var svg = new StringBuilder(4096);
        svg.Append(CultureInfo.InvariantCulture, $"<svg class=\"picture\" viewBox=\"0 0 840 {height}\" role=\"img\" "
            + $"aria-label=\"{Html.Text(Explanation.Summary(moment))}\">");
        Box(svg, "", 5, middle, 130, "clients", $"{moment.Data.Sessions} sessions");
        string flow = moment.GateMode switch { "open" => "flow", "park" => "waits", _ => "shut" };
        svg.Append(CultureInfo.InvariantCulture, $"<line class=\"{flow}\" x1=\"135\" y1=\"{middle}\" x2=\"220\" y2=\"{middle}\"/>");
        Box(svg, moment.Health.Good ? "" : "down", 220, middle, 150, moment.Host,
            moment.Data.Parked > 0 ? $"{moment.Data.Parked} waiting" : $"gate {moment.GateMode}");
        for (int i = 0; i < moment.Nodes.Count; i++)
        {
            var node = moment.Nodes[i];
            int y = (i * RowHeight) + (RowHeight / 2);
            if (node.Routed)
            {
                svg.Append(CultureInfo.InvariantCulture, $"<path class=\"{flow}\" d=\"M370 {middle} C 420 {middle}, 420 {y}, {NodeLeft} {y}\"/>");
            }

            Replication(svg, moment, node, y);
            string link = node.LinkUp == true ? $"{Quantities.Bytes(node.Status.LagBytes ?? 0)} behind" : "link down";
            (string kind, string second) = node switch
            {
                { InMaintenance: true } => ("maintenance", $"MAINT, {node.Role}"),
                { Up: false } => ("down", node.Status.Health.Text()),
                { Role: "replica" } => ("", $"replica, {link}"),
                _ => (node.Role == "master" ? "master" : "", node.Role),
            };
            Box(svg, kind, NodeLeft, y, NodeWidth, $"{node.Name}  {node.Address}", second);
        }

        return svg.Append("</svg>").ToString();
    }

    // From the followed node's right side to the replica's.
    private static void Replication(StringBuilder svg, Moment moment, NodeMoment node, int y)
    {
        for (int j = 0; j < moment.Nodes.Count; j++)
        {
            if (node.Follows == moment.Nodes[j].Address)
            {
                int from = (j * RowHeight) + (RowHeight / 2);
                int bend = NodeLeft + NodeWidth + 35 + (25 * Math.Abs(from - y) / RowHeight);
                svg.Append(CultureInfo.InvariantCulture, $"<path class=\"link{(node.LinkUp == true ? "" : " broken")}\" d=\"M{NodeLeft + NodeWidth} {from} C "
                    + $"{bend} {from}, {bend} {y}, {NodeLeft + NodeWidth} {y}\"/>");
            }
        }
    }

    private static void Box(StringBuilder svg, string kind, int left, int middle, int width, string first, string second) =>
        svg.Append(CultureInfo.InvariantCulture, $"<g class=\"{kind}\"><rect x=\"{left}\" y=\"{middle - (BoxHeight / 2)}\" width=\"{width}\" "
            + $"height=\"{BoxHeight}\" rx=\"8\"/>")
            .Append(CultureInfo.InvariantCulture, $"<text x=\"{left + 12}\" y=\"{middle - 4}\">{Html.Text(first)}</text>")
            .Append(CultureInfo.InvariantCulture, $"<text class=\"small\" x=\"{left + 12}\" y=\"{middle + 16}\">{Html.Text(second)}</text></g>");
}
