// Tables, JSON and plot of a traffic run say what was measured.

using System.Text.Json;
using System.Xml.Linq;
using RedisHaBench.Traffic;

namespace RedisHaBench.Tests;

public sealed class TrafficReportTests
{
    private static readonly TrafficResult Result = TrafficBuilder.Ahead(1.2, 0.9, 0.45) with
    {
        Profiles =
        [
            new("c50", "ours", new Dictionary<string, double> { ["recvfrom"] = 2.01, ["close"] = 0.001, ["all"] = 2.5 },
                [new(0.6, "[kernel.kallsyms]", "tcp_ack", true), new(0.1, "libc.so.6", "recv", false)]),
        ],
    };

    [Fact]
    public void The_tables_have_ratios_figures_memory_and_profiles()
    {
        var markdown = TrafficReport.ToMarkdown(Result, "plot.svg");

        Assert.Contains("| c50 | 1.20 (1.20-1.20) | 0.90 (0.90-0.90) | 0.90 (0.90-0.90) | 0.90 (0.90-0.90) | 0.45 (0.45-0.45) | 0.60 (0.60-0.60) |", markdown,
            StringComparison.Ordinal);
        Assert.Contains("| c50 | 2,000 | 1,000 | 900 | 1,200 |", markdown, StringComparison.Ordinal);
        Assert.Contains("| ours | 37.3 | 37.6 | 40.0 | 0.30 |", markdown, StringComparison.Ordinal);
        Assert.Contains("| recvfrom | 2.01 |", markdown, StringComparison.Ordinal);
        Assert.DoesNotContain("| close |", markdown, StringComparison.Ordinal); // less than anybody would see
        Assert.Contains("time in the kernel 60%: tcp_ack 60.0%, libc.so.6: recv 10.0%", markdown, StringComparison.Ordinal);
        Assert.Contains("](plot.svg)", markdown, StringComparison.Ordinal);
        Assert.DoesNotContain("Missed", markdown, StringComparison.Ordinal);
        Assert.Contains("- loads with throughput of at least 1.15: 0.00, at least 3.00", TrafficReport.ToMarkdown(TrafficBuilder.Ahead(1, 1, 1), null),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_has_every_round()
    {
        var root = JsonDocument.Parse(TrafficReport.ToJson(Result)).RootElement;

        var ours = root.GetProperty("cases").EnumerateArray().First(c => c.GetProperty("contender").GetString() == "ours");
        Assert.Equal(1200, ours.GetProperty("samples")[1].GetProperty("throughput").GetDouble());
        Assert.Equal(40e6, root.GetProperty("idle")[2].GetProperty("rounds")[0].GetProperty("resident").GetProperty("9000").GetDouble());
        Assert.True(root.GetProperty("bars")[0].GetProperty("passes").GetBoolean());
    }

    [Fact]
    public void The_plot_has_a_bar_for_each_load_and_figure()
    {
        var svg = XDocument.Parse(RatioPlot.Draw(Result, TrafficBars.LimitOf));

        var titles = svg.Descendants().Where(e => e.Name.LocalName == "title").Select(e => e.Value).ToArray();
        Assert.Equal(3 * Loads.All.Count, titles.Length);
        Assert.Contains("ours, c50: 1.20 (1.20-1.20), against haproxy-a", titles);
        XDocument.Parse(RatioPlot.Draw(Result with { Comparisons = [] }, TrafficBars.LimitOf)); // nothing to compare is a plot too
    }

    [Fact]
    public void Counts_of_system_calls_are_read()
    {
        var calls = Profile.ParseCounts(
            "# started on Wed\n\n2000,,syscalls:sys_enter_recvfrom,1,100.00,,\n<not "
                + "counted>,,syscalls:sys_enter_splice,0,100.00,,\n2500,,raw_syscalls:sys_enter,1,100.00,,\n", 1000);

        Assert.Equal(2.0, calls["recvfrom"]);
        Assert.Equal(0.5, calls["others"], 6);
        Assert.Equal(2.5, calls["all"]);
        Assert.False(calls.ContainsKey("splice"));
    }

    [Fact]
    public void Profiles_are_read()
    {
        var symbols = Profile.ParseReport("""
            # Samples: 3K of event 'cpu-clock'
                 7.90%  [kernel.kallsyms]                [k] _raw_spin_unlock_irqrestore
                 3.00%  memfd:doublemapper (deleted)     [.] 0x00000000001c3f2a
                 2.00%  memfd:doublemapper (deleted)     [.] 0x00000000001c3f2b
                 1.00%  libc.so.6                        [.] recv
            """);

        Assert.Equal(new ProfileSymbol(0.079, "[kernel.kallsyms]", "_raw_spin_unlock_irqrestore", true), symbols[0]);
        Assert.Equal(("code compiled at run time", 0.05), (symbols[1].Name, Math.Round(symbols[1].Share, 6)));
        Assert.Equal("recv", symbols[2].Name);
    }

    [Fact]
    public void A_form_that_cannot_be_published_has_its_reason()
    {
        var table = FormsCommand.ToMarkdown(
        [
            new(FormsCommand.All[0], null, 30_800_000, 210,
                new IdleMemory(new Dictionary<int, long> { [0] = 37_000_000, [1000] = 37_200_000, [9000] = 39_000_000 })),
            new(FormsCommand.All[^1], "error NU1101: no package", 0, 0, null),
        ]);

        Assert.Contains("| shipped | 30.8 | 210 | 37.0 | 39.0 |", table, StringComparison.Ordinal);
        Assert.Contains("Cannot be published here: error NU1101: no package |", table, StringComparison.Ordinal);
    }
}
