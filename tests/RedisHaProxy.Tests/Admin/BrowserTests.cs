// The stats page in a real Chromium, under a live failover.

using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Admin;

public sealed class BrowserTests
{
    [SkippableFact]
    public async Task The_page_follows_a_failover_without_a_reload_and_keeps_focus()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Chromium.Missing is not null, Chromium.Missing);
        await using var deployment = await RedisDeployment.StartAsync();
        await using var proxy = await RunningProxy.StartAsync(deployment);
        await using var browser = await Chromium.StartAsync();
        await browser.NavigateAsync($"http://admin:{RunningProxy.Password}@{proxy.Admin}/stats");
        await ShowsAsync(browser, "document.querySelector('#headline .big')?.textContent", "Master: redis1");
        await ShowsAsync(browser, "document.querySelectorAll('#nodes-table tbody tr').length + ' ' + document.querySelectorAll('#sentinels-table tbody "
            + "tr').length", "4 3");
        await ReadableAsync(browser);
        // Somebody marks an address, to paste it: the figures beside it go on, and the mark stays.
        Assert.Equal(deployment.Nodes[1].EndPoint.ToString(), (string?)await browser.EvaluateAsync(
            "window.marked = document.querySelectorAll('#nodes-table tbody tr small')[1]; getSelection().selectAllChildren(window.marked); "
                + "String(getSelection())"));
        Assert.True((bool)(await browser.EvaluateAsync("window.stays = true; document.getElementById('nodes-table').focus(); "
            + "document.getElementById('lost').hidden"))!);

        deployment.Nodes[0].Kill();

        await ShowsAsync(browser, "/^Master: redis[23]$/.test(document.querySelector('#headline .big').textContent) && document.title.match(/^redis[23] is "
            + "master/) !== null", true);
        await ShowsAsync(browser, "document.querySelectorAll('#nodes-table tbody tr')[1].textContent.includes('connection refused')", true);
        await ShowsAsync(browser, "document.querySelector('#interruptions-table tbody tr').textContent.includes('redis1')", true);
        await ShowsAsync(browser, "document.querySelector('#hints').textContent.includes('redis1')", true);
        Assert.True((bool)(await browser.EvaluateAsync("window.stays === true && document.activeElement.id === 'nodes-table'"))!);
        Assert.Equal(deployment.Nodes[1].EndPoint.ToString(),
            (string?)await browser.EvaluateAsync("window.marked.isConnected ? String(getSelection()) : 'replaced'"));

        // Screenshots for docs/ are taken from here: RP_SCREENSHOTS names a folder.
        if (Environment.GetEnvironmentVariable("RP_SCREENSHOTS") is { Length: > 0 } folder)
        {
            foreach (var (name, width, height, scheme) in new[] { ("stats-failover", 1280, 780, "light"), ("stats-dark", 1280, 780, "dark"),
                ("stats-narrow", 390, 1560, "light"), ("stats-narrow-dark", 390, 1560, "dark") })
            {
                await browser.LookAsync(width, height, scheme);
                await File.WriteAllBytesAsync(Path.Combine(folder, name + ".png"), await browser.ScreenshotAsync());
            }
        }

        // On a phone nothing sticks out: wide tables scroll within their own region.
        await browser.LookAsync(390, 800, "dark");
        await ShowsAsync(browser, "document.documentElement.scrollWidth <= 390", true);
        await ShowsAsync(browser, "getComputedStyle(document.body).backgroundColor", "rgb(16, 21, 27)");

        // The process ends: the page says that it shows old values.
        proxy.Signal(System.Runtime.InteropServices.PosixSignal.SIGINT);
        await proxy.ExitedAsync();
        await ShowsAsync(
            browser, "!document.getElementById('lost').hidden && document.getElementById('lost').textContent.startsWith('No connection to the proxy')", true);
    }

    [SkippableFact]
    public async Task Without_scripts_the_page_is_whole()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Chromium.Missing is not null, Chromium.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 2, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        await using var browser = await Chromium.StartAsync();
        await browser.DisableScriptsAsync();
        await browser.NavigateAsync($"http://admin:{RunningProxy.Password}@{proxy.Admin}/stats");
        await ShowsAsync(browser, "document.querySelector('#headline .big')?.textContent", "Master: redis1");
        await ShowsAsync(browser, "document.querySelectorAll('#nodes-table tbody tr')[1]?.textContent.includes('redis1')", true);
        await ShowsAsync(browser, "document.querySelectorAll('meta[http-equiv=refresh]').length", 1);
    }

    // For screen readers everything has a role and a name; for the keyboard everything that scrolls or leads on can be reached and seen.
    private static async Task ReadableAsync(Chromium browser)
    {
        var tree = await browser.AccessibilityTreeAsync();
        string[] named = ["table", "region", "image", "img", "link", "navigation", "heading", "columnheader", "rowheader"];
        Assert.All(tree.Where(n => named.Contains(n.Role)), n => Assert.False(string.IsNullOrWhiteSpace(n.Name), $"a {n.Role} without a name"));
        foreach (string role in new[] { "main", "navigation", "status", "heading", "table", "columnheader", "rowheader", "link" })
        {
            Assert.Contains(tree, n => n.Role == role);
        }

        Assert.Contains(tree, n => n.Role == "table" && n.Name == "Sessions and data nodes");

        var reached = new List<string>();
        for (int i = 0; i < 12; i++)
        {
            await browser.PressAsync("Tab", 9);
            var focus = await browser.EvaluateAsync("document.activeElement === document.body ? '' : (document.activeElement.id || "
                + "document.activeElement.textContent) + '|' + getComputedStyle(document.activeElement).outlineStyle");
            if ((string)focus! is { Length: > 0 } element)
            {
                Assert.EndsWith("|solid", element, StringComparison.Ordinal);
                reached.Add(element.Split('|')[0]);
            }
        }

        Assert.Equal(["CSV", "JSON", "metrics", "explain", "timeline", "nodes-table", "sentinels-table"], reached.Take(7));
    }

    private static async Task ShowsAsync<T>(Chromium browser, string expression, T expected)
    {
        string seen = "";
        await Eventually.HoldsAsync(
            async () =>
            {
                try
                {
                    var value = await browser.EvaluateAsync(expression);
                    seen = value?.ToJsonString() ?? "null";
                    return value is not null && EqualityComparer<T>.Default.Equals(value.GetValue<T>(), expected);
                }
                catch (InvalidOperationException e)
                {
                    // The page is just being loaded.
                    seen = e.Message;
                    return false;
                }
            },
            () => $"{expression} is {expected}; last seen: {seen}",
            TimeSpan.FromSeconds(40));
    }
}
