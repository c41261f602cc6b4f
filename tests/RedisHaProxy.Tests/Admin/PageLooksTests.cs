// The page in eight states as a real Chromium lays it out: on a desk and on a phone, in both schemes, everything is there and nothing sticks out.

using System.Text;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Tests.Admin;

public sealed class PageLooksTests
{
    private static readonly string[] States = ["healthy", "failover", "no-failover", "read-only", "majority-lost", "draining", "dead-node", "overload"];

    [SkippableFact]
    public async Task Eight_states_fit_a_desk_and_a_phone()
    {
        Skip.If(Chromium.Missing is not null, Chromium.Missing);
        await using var browser = await Chromium.StartAsync();
        var heights = new Dictionary<string, int>();
        foreach (string state in States)
        {
            // With addresses as long as those of a stack.
            string page = StatsPage.Write(state == "overload" ? Overloaded() : Scene.All[state].Moment, "abc")
                .Replace("<title>", $"<title>{state}: ", StringComparison.Ordinal).Replace("10.0.0.", "172.31.235.13", StringComparison.Ordinal);
            await browser.NavigateAsync($"data:text/html;charset=utf-8;base64,{Convert.ToBase64String(Encoding.UTF8.GetBytes(page))}");
            await Eventually.HoldsAsync(
                async () => (bool)(await browser.EvaluateAsync($"document.readyState === 'complete' && document.title.startsWith('{state}: ')"))!, () => state);
            foreach (var (width, scheme) in new[] { (1280, "light"), (1280, "dark"), (390, "light"), (390, "dark") })
            {
                await browser.LookAsync(width, 600, scheme);
                Assert.Equal("", (string?)await browser.EvaluateAsync(OutOfSight(width)));
                Assert.True(width > 400 || (string?)await browser.EvaluateAsync(TooHigh) == "", $"{state} {await browser.EvaluateAsync(TooHigh)}");
                int height = (int)(await browser.EvaluateAsync("document.documentElement.scrollHeight"))!;
                heights[$"{state} {width}"] = height;
                if (Environment.GetEnvironmentVariable("RP_SCREENSHOTS") is { Length: > 0 } folder)
                {
                    await browser.LookAsync(width, height, scheme);
                    await File.WriteAllBytesAsync(Path.Combine(folder, $"{state}-{width}-{scheme}.png"), await browser.ScreenshotAsync());
                }
            }
        }

        // What is wrong and the one table are seen without scrolling; the page was 2089 high once.
        Assert.True(heights["healthy 1280"] <= 660, string.Join(", ", heights));
        Assert.All(heights.Where(h => h.Key.EndsWith(" 1280", StringComparison.Ordinal)),
            h => Assert.True(h.Value <= (h.Key.StartsWith("failover", StringComparison.Ordinal) ? 1250 : 950), h.ToString()));
    }

    // All sessions taken, on the master, after months of work.
    private static Moment Overloaded()
    {
        var master = Scene.Healthy.Data.Nodes[0] with { Sessions = 10_000, SessionsMax = 10_000, SessionsTotal = 9_876_543 };
        return Scene.Healthy.Moment with
        {
            Data = Scene.Healthy.Data with
            {
                Sessions = 10_000,
                SessionsMax = 10_000,
                SessionsTotal = 9_876_543,
                Nodes = [master, .. Scene.Healthy.Data.Nodes.Skip(1)],
            },
        };
    }

    // On a phone a server is two lines, its state and its numbers; one that does not answer, or has more to say, takes further ones.
    private const string TooHigh = """
        [...document.querySelectorAll('#nodes tbody tr, #sentinels tbody tr')]
          .filter(row => row.getBoundingClientRect().height > (row.classList.contains('bad-row') ? 100 : row.classList.contains('warn-row') ? 62 : 45))
          .map(row => `${row.getBoundingClientRect().height}: ${row.textContent}`).join('\n')
        """;

    // Cells with a text (a dash says that there is none) that are not drawn, or not within their card (on a desk) or the window, and cards that
    // stick out of their section.
    private static string OutOfSight(int width) => $$"""
        [...document.querySelectorAll('.card')].filter(c => c.getBoundingClientRect().bottom > c.closest('section').getBoundingClientRect().bottom + 1)
          .map(c => `${c.closest('section').id} sticks out`).join('\n') + [...document.querySelectorAll('tbody td, tbody th, .big, .hints li, dd, nav a, footer')].filter(e => !['', '-'].includes(e.textContent.trim()))
          .filter(e => { const box = e.getBoundingClientRect(); return box.width === 0 || box.left < 0 || box.right > Math.min({{width}}, e.closest('.card')?.getBoundingClientRect().right ?? Infinity) + 0.5; })
          .map(e => `${e.closest('section')?.id}: ${e.textContent}`).join('\n')
        """;
}
