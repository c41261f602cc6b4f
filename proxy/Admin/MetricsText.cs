// /metrics: the Prometheus text format, version 0.0.4. Names follow its conventions: base units, _total for counters.

using System.Globalization;
using System.Text;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>Writes the metrics.</summary>
internal static class MetricsText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>All metrics of one moment.</summary>
    public static string Write(Moment moment)
    {
        (Figures figures, ForwarderSnapshot data) = (moment.Figures, moment.Data);
        var text = new StringBuilder(16 * 1024);
        Families(text, figures.Process, [moment]);
        Families(text, figures.Gate, [moment]);
        Families(text, figures.Sessions, [moment]);
        Histogram(text, Metric.Prefix + "connect_duration_seconds", "Time to connect to a node, without waiting for a master.", data.ConnectTimes);
        Histogram(text, Metric.Prefix + "route_duration_seconds",
            "Time from a session's accept to the connection with its node, waiting included.", data.RouteTimes);
        Histogram(text, Metric.Prefix + "session_duration_seconds", "Time from a session's accept to its end.", data.SessionTimes);
        Families(text, figures.Nodes, moment.Nodes, node => ("node", node.Name));
        Families(text, figures.Sentinels, moment.Sentinels, sentinel => ("sentinel", sentinel.Address));
        if (moment.Control.Recording is { } recording)
        {
            Families(text, figures.Recording, [recording]);
        }

        if (moment.Certificates.Any())
        {
            Families(text, figures.Certificates, moment.Certificates, certificate => ("use", certificate.Use));
        }

        if (moment.Reads is { } reads)
        {
            Families(text, figures.ReadListener, [reads]);
            Families(text, figures.ReadNodes, reads.Nodes, node => ("node", node.Node.Name));
        }

        return text.ToString();
    }

    // A figure of the proxy itself that has no value is left out; of a list the family stays.
    private static void Families<T>(StringBuilder text, IReadOnlyList<Figure<T>> figures, IEnumerable<T> items, Func<T, (string, string)>? label = null)
    {
        foreach (Figure<T> figure in figures)
        {
            if (figure.Metric is not { } metric)
            {
                continue;
            }

            var values = items.Select(item => (Labels: label is null ? [] : new[] { label(item) }, Value: figure.Sample(item)))
                .Where(v => v.Value is not null).ToList();
            if (values.Count == 0 && label is null)
            {
                continue;
            }

            Family(text, metric.FullName, metric.Kind, figure.MetricHelp(values.Any(v => v.Value is DateTimeOffset)));
            foreach (((string, string)[] labels, object? value) in values)
            {
                switch (value)
                {
                    case IReadOnlyDictionary<string, long> map:
                        foreach ((string key, long number) in map)
                        {
                            Sample(text, metric.FullName, number, [.. labels, (metric.Label!, key)]);
                        }

                        break;
                    case string state when metric.States is { } states:
                        foreach (string possible in states)
                        {
                            Sample(text, metric.FullName, possible == state ? 1 : 0, [.. labels, (metric.Label!, possible)]);
                        }

                        break;
                    case string info:
                        Sample(text, metric.FullName, 1, [.. labels, (metric.Label!, info)]);
                        break;
                    default:
                        Sample(text, metric.FullName, Value(value!), labels);
                        break;
                }
            }
        }
    }

    private static double Value(object value) => value switch
    {
        bool yes => yes ? 1 : 0,
        TimeSpan span => span.TotalMilliseconds / 1000,
        DateTimeOffset time => time.ToUnixTimeMilliseconds() / 1000.0,
        IReadOnlyCollection<string> list => list.Count,
        _ => Convert.ToDouble(value, CultureInfo.InvariantCulture),
    };

    private static void Histogram(StringBuilder text, string name, string help, HistogramSnapshot histogram)
    {
        IReadOnlyList<long> cumulative = histogram.Cumulative;
        Family(text, name, "histogram", help);
        for (int i = 0; i < histogram.Bounds.Count; i++)
        {
            Sample(text, name + "_bucket", cumulative[i], ("le", Number(histogram.Bounds[i])));
        }

        Sample(text, name + "_bucket", cumulative[^1], ("le", "+Inf"));
        Sample(text, name + "_sum", histogram.SumSeconds);
        Sample(text, name + "_count", cumulative[^1]);
    }

    private static void Family(StringBuilder text, string name, string type, string help) =>
        text.Append("# HELP ").Append(name).Append(' ').Append(help).Append('\n')
            .Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    private static void Sample(StringBuilder text, string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        text.Append(name);
        for (int i = 0; i < labels.Length; i++)
        {
            text.Append(i == 0 ? '{' : ',').Append(labels[i].Name).Append("=\"").Append(Escaped(labels[i].Value)).Append('"');
        }

        text.Append(labels.Length > 0 ? "} " : " ").Append(Number(value)).Append('\n');
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Escaped(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
