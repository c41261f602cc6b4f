// Every link of the documents leads somewhere: to a file of the repository, and there to a heading; and every document can be found.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Tests.Documents;

public sealed partial class LinkTests
{
    private static readonly string[] Pages =
    [
        Path.Combine(Repository.Root, "README.md"), .. Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md"),
        .. Directory.GetFiles(Path.Combine(Repository.Root, ".github"), "*.md"),
    ];

    public static TheoryData<string> Names => [.. Pages.Select(page => Path.GetRelativePath(Repository.Root, page))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Links_lead_somewhere(string page) => Assert.All(Links(page), link => Assert.Null(Problem(page, link)));

    [Fact]
    public void Every_document_is_reached_from_the_README()
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var next = new Queue<string>(["README.md"]);
        while (next.TryDequeue(out string? page))
        {
            if (reached.Add(page) && page.EndsWith(".md", StringComparison.Ordinal))
            {
                Links(page).Where(IsOurs).Select(link => link.Split('#')[0]).Where(link => link.Length > 0).ToList()
                    .ForEach(link => next.Enqueue(
                        Path.GetRelativePath(Repository.Root, Path.GetFullPath(link, Path.GetDirectoryName(Path.Combine(Repository.Root, page))!))));
            }
        }

        Assert.Equal([], Pages.Select(page => Path.GetRelativePath(Repository.Root, page)).Except(reached));
        Assert.Equal([], Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Repository.Root, file)).Except(reached));
    }

    // The runbooks of the alerts are links, too.
    [Fact]
    public void Every_runbook_of_an_alert_leads_to_a_heading()
    {
        var runbooks = Runbook().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs/monitoring/redis-ha.rules.yml")))
            .Select(match => match.Groups[1].Value).ToList();

        Assert.NotEmpty(runbooks);
        Assert.All(runbooks, link => Assert.Null(Problem("README.md", link)));
    }

    // The summaries are written by hand, the appendices by the benches.
    [Theory]
    [InlineData("README.md", "What it saves", "docs/failover-results.md")]
    [InlineData("docs/failover.md", "Results", "docs/failover-results.md")]
    [InlineData("docs/performance.md", "Results", "docs/performance-results.md")]
    [InlineData("docs/hand-over.md", "Figures", "docs/hand-over-results.md")]
    public void Figures_of_a_summary_are_those_that_were_measured(string page, string heading, string measured)
    {
        string section = File.ReadAllText(Path.Combine(Repository.Root, page)).Split($"## {heading}\n")[1].Split("\n## ")[0];
        string results = File.ReadAllText(Path.Combine(Repository.Root, measured)).Replace(",", "", StringComparison.Ordinal);
        var numbers = section.Split('\n').Where(line => line.StartsWith('|')).Select(line => line.Split('|')[2..^1])
            .Where(cells => cells.All(cell => Figure().IsMatch(cell)))
            .SelectMany(cells => cells)
            .SelectMany(cell => Number().Matches(cell.Replace(",", "", StringComparison.Ordinal))
                .Select(match => (match.Value, Seconds: cell.Contains(" s", StringComparison.Ordinal)))).ToList();

        Assert.InRange(numbers.Count, 8, 100);
        Assert.All(numbers, number => Assert.Contains(
            Number().Matches(results).Select(match => match.Value).ToHashSet(StringComparer.Ordinal),
            each => number.Seconds ? IsRounded(each, number.Value) : each == number.Value));
    }

    private static bool IsRounded(string milliseconds, string seconds) =>
        double.TryParse(milliseconds, System.Globalization.CultureInfo.InvariantCulture, out double exact)
        && Math.Abs((exact / 1000) - double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture)) < (
            seconds.Contains('.', StringComparison.Ordinal) ? 0.051 : 0.51);

    private static IEnumerable<string> Links(string page) =>
        Link().Matches(Code().Replace(File.ReadAllText(Path.Combine(Repository.Root, page)), "")).Select(match => match.Groups[1].Value);

    private static bool IsOurs(string link) => !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal);

    private static string? Problem(string page, string link)
    {
        if (!IsOurs(link))
        {
            return link.StartsWith("https://", StringComparison.Ordinal) && Uri.IsWellFormedUriString(link, UriKind.Absolute) ? null : "not an https address";
        }

        string[] parts = link.Split('#', 2);
        string file = parts[0].Length == 0 ? Path.Combine(Repository.Root, page)
            : Path.GetFullPath(parts[0], Path.GetDirectoryName(Path.Combine(Repository.Root, page))!);
        return !File.Exists(file) && !Directory.Exists(file) ? "no such file"
            : parts.Length == 2 && !Headings(file).Contains(parts[1]) ? "no such heading"
            : null;
    }

    // As GitHub makes them: lower case, punctuation left out, blanks to hyphens.
    private static HashSet<string> Headings(string file) => File.ReadLines(file).Where(line => line.StartsWith('#'))
        .Select(line => NoAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-')).ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NoAnchor();

    // A cell of a table of figures.
    [GeneratedRegex(@"^ (?:over |more than )?[0-9.,]+(?: s)? $")]
    private static partial Regex Figure();

    [GeneratedRegex(@"[0-9]+(?:\.[0-9]+)?")]
    private static partial Regex Number();

    [GeneratedRegex(@"runbook: (\S+)")]
    private static partial Regex Runbook();
}
