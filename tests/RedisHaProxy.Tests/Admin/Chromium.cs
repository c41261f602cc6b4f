// A real browser for the stats page: headless Chromium, driven over its DevTools protocol.

using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Admin;

/// <summary>One page in a browser of its own.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private readonly TemporaryFolder _profile = new();
    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _limit = new(Limit);
    private Process? _process;
    private string _session = "";
    private int _id;

    private static string? Program { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .SelectMany(folder => new[] { "chromium", "chromium-browser" }.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    /// <summary>Why browser tests cannot run here, or null.</summary>
    public static string? Missing => Program is null ? "Chromium is not installed (Debian: apt install chromium)" : null;

    /// <summary>Starts a browser with an empty page.</summary>
    public static async Task<Chromium> StartAsync()
    {
        var browser = new Chromium();
        try
        {
            await browser.LaunchAsync();
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens an address.</summary>
    public Task NavigateAsync(string address) => SendAsync("Page.navigate", new JsonObject { ["url"] = address });

    /// <summary>Sets the size and the colour scheme.</summary>
    public async Task LookAsync(int width, int height, string scheme)
    {
        await SendAsync("Emulation.setDeviceMetricsOverride",
            new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = false });
        await SendAsync("Emulation.setEmulatedMedia",
            new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = scheme }) });
    }

    /// <summary>Turns scripts of pages off, from the next navigation on.</summary>
    public Task DisableScriptsAsync() => SendAsync("Emulation.setScriptExecutionDisabled", new JsonObject { ["value"] = true });

    /// <summary>The value of an expression in the page.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        var answer = await SendAsync("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true });
        return answer["exceptionDetails"] is { } error ? throw new InvalidOperationException(error.ToJsonString()) : answer["result"]!["value"];
    }

    /// <summary>What a screen reader is told: role and name of everything that is not ignored.</summary>
    public async Task<IReadOnlyList<(string Role, string Name)>> AccessibilityTreeAsync()
    {
        var tree = await SendAsync("Accessibility.getFullAXTree", []);
        return [.. tree["nodes"]!.AsArray()
            .Where(n => (bool?)n!["ignored"] != true)
            .Select(n => ((string?)n!["role"]?["value"] ?? "", (string?)n["name"]?["value"] ?? ""))];
    }

    /// <summary>Presses a key that is no letter.</summary>
    public async Task PressAsync(string key, int code)
    {
        foreach (string type in new[] { "rawKeyDown", "keyUp" })
        {
            await SendAsync("Input.dispatchKeyEvent", new JsonObject { ["type"] = type, ["key"] = key, ["code"] = key, ["windowsVirtualKeyCode"] = code });
        }
    }

    /// <summary>A picture of the whole page, PNG.</summary>
    public async Task<byte[]> ScreenshotAsync() =>
        Convert.FromBase64String((string)(await SendAsync("Page.captureScreenshot", new JsonObject { ["captureBeyondViewport"] = true }))["data"]!);

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        if (_process is not null)
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
            }

            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _limit.Dispose();
        try
        {
            _profile.Dispose();
        }
        catch (IOException)
        {
            // A dying renderer may still write; the folder is temporary.
        }
    }

    private async Task LaunchAsync()
    {
        var start = new ProcessStartInfo(Program!) { RedirectStandardError = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0", $"--user-data-dir={_profile.Path}", "about:blank",
        ];
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        string address = "";
        while (address.Length == 0)
        {
            string line = await _process.StandardError.ReadLineAsync(_limit.Token) ?? throw new InvalidOperationException("Chromium ended at once");
            const string Marker = "DevTools listening on ";
            address = line.StartsWith(Marker, StringComparison.Ordinal) ? line[Marker.Length..] : "";
        }

        // A full pipe would stop it.
        _ = _process.StandardError.ReadToEndAsync(CancellationToken.None);
        _ = _process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await _socket.ConnectAsync(new Uri(address), _limit.Token);
        var target = await SendAsync("Target.createTarget", new JsonObject { ["url"] = "about:blank" });
        var attached = await SendAsync("Target.attachToTarget", new JsonObject { ["targetId"] = (string)target["targetId"]!, ["flatten"] = true });
        _session = (string)attached["sessionId"]!;
    }

    private async Task<JsonNode> SendAsync(string method, JsonObject parameters)
    {
        int id = ++_id;
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        if (_session.Length > 0)
        {
            message["sessionId"] = _session;
        }

        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true, _limit.Token);
        while (true)
        {
            var answer = await ReceiveAsync();
            if ((int?)answer["id"] == id)
            {
                return answer["error"] is { } error ? throw new InvalidOperationException($"{method}: {error.ToJsonString()}") : answer["result"]!;
            }
        }
    }

    private async Task<JsonNode> ReceiveAsync()
    {
        using var text = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var part = await _socket.ReceiveAsync(buffer, _limit.Token);
            text.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
            {
                return JsonNode.Parse(text.ToArray()) ?? throw new JsonException();
            }
        }
    }
}
