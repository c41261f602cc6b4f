// A redis-ha-proxy process in front of a deployment of a test.

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

/// <summary>The built program, running; disposal ends it at once.</summary>
internal sealed partial class RunningProxy : IAsyncDisposable
{
    public const string Password = "test-admin-password";

    private readonly StringBuilder _log = new();
    private readonly TemporaryFolder _folder = new();
    private Process? _process;

    private RunningProxy(HttpMessageHandler? https = null)
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, RedisProcess.FreePort());
        Admin = new IPEndPoint(IPAddress.Loopback, RedisProcess.FreePort());
        Http = new HttpClient(
            https ?? new HttpClientHandler())
        { BaseAddress = new Uri($"{(https is null ? "http" : "https")}://{Admin}/"), Timeout = TimeSpan.FromSeconds(20) };
    }

    /// <summary>Where clients connect.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>Where the operator connects.</summary>
    public IPEndPoint Admin { get; }

    /// <summary>Asks the admin server, without credentials.</summary>
    public HttpClient Http { get; }

    public string Socket => Path.Combine(_folder.Path, "control.sock");

    public string ConfigurationFile => Path.Combine(_folder.Path, "proxy.json");

    public int Pid => _process!.Id;

    public bool Running => !_process!.HasExited;

    /// <summary>All log lines until now.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts a proxy and waits until /healthz answers.</summary>
    public static Task<RunningProxy> StartAsync(
        RedisDeployment deployment, string timeouts = """{ "drainDelay": "0s", "drain": "10s" }""", Action<ProcessStartInfo>? change = null,
            string further = "") =>
        StartAsync(proxy => proxy.Configure(deployment, timeouts, further), change, https: null);

    /// <summary>Starts a proxy whose files a test writes itself.</summary>
    /// <param name="configure">Writes them.</param>
    /// <param name="change">Changes how the process is started.</param>
    /// <param name="https">Speaks with the admin server where that has TLS.</param>
    public static async Task<RunningProxy> StartAsync(Action<RunningProxy> configure, Action<ProcessStartInfo>? change = null, HttpMessageHandler? https = null)
    {
        var proxy = new RunningProxy(https);
        try
        {
            configure(proxy);
            proxy.Launch(change);
            await Eventually.HoldsAsync(
                async () =>
                {
                    Assert.True(proxy.Running, proxy.Log);
                    return await proxy.StatusAsync("healthz") == HttpStatusCode.OK;
                },
                () => $"the proxy serves; its log:\n{proxy.Log}");
            return proxy;
        }
        catch
        {
            await proxy.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes the configuration file.</summary>
    public void Configure(RedisDeployment deployment, string timeouts, string further = "")
    {
        string nodes = string.Join(", ", deployment.Nodes.Select((n, i) => $"\"redis{i + 1}\": \"{n.EndPoint}\""));
        string sentinels = deployment.Sentinels.Count == 0 ? "" :
            $$"""
             "sentinel": { "master": "{{RedisDeployment.MasterName}}", "downAfter": "{{deployment.Options.DownAfterMilliseconds}}ms", "nodes": [{{string.Join(", ", deployment.Sentinels.Select(s => $"\"{s.EndPoint}\""))}}] },
             """;
        _folder.Write("admin.password", Password + "\n");
        _folder.Write("proxy.json", $$"""
            { "listen": ["{{EndPoint}}"],
              "redis": { "nodes": { {{nodes}} } },
              {{sentinels}}
              "admin": { "listen": "{{Admin}}", "user": "admin", "passwordFile": "admin.password", "socket": "control.sock" },
              {{further}}
              "limits": { "connections": 1000 },
              "timeouts": {{timeouts}} }
            """);
    }

    /// <summary>Writes a file into the folder of the configuration, and returns its path.</summary>
    public string Write(string name, string content) => _folder.Write(name, content);

    /// <summary>Waits for a log line with all these parts. A line comes through a pipe: what the proxy has answered may be here before it.</summary>
    public Task LogsAsync(params string[] parts) =>
        LogsAsync(line => parts.All(part => line.Contains(part, StringComparison.Ordinal)), string.Join(" ... ", parts));

    /// <summary>The same for one that a pattern matches.</summary>
    public Task LogsMatchAsync(string pattern) => LogsAsync(line => Regex.IsMatch(line, pattern), pattern);

    private Task LogsAsync(Func<string, bool> condition, string what) => Eventually.HoldsAsync(() => Log.Split('\n').Any(condition), () => $"{what}\n{Log}");

    /// <summary>The status code of a path, without credentials; 0 when nobody answers.</summary>
    public async Task<HttpStatusCode> StatusAsync(string path)
    {
        try
        {
            using var response = await Http.GetAsync(new Uri(path, UriKind.Relative));
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }

    /// <summary>The body of a path, with the right credentials.</summary>
    public async Task<string> GetAsync(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{Password}")));
        using var response = await Http.SendAsync(request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadAsStringAsync();
    }

    /// <summary>A connection of a client.</summary>
    public Task<RespConnection> ConnectAsync() => RespConnection.ConnectAsync(EndPoint, null);

    /// <summary>Runs a verb against this proxy.</summary>
    public Task<ProcessResult> VerbAsync(params string[] arguments) => ProxyProcess.RunAsync([.. arguments, "--socket", Socket]);

    public void Signal(PosixSignal signal)
    {
        int number = signal switch { PosixSignal.SIGHUP => 1, PosixSignal.SIGINT => 2, _ => 15 };
        Assert.Equal(0, Kill(Pid, number));
    }

    /// <summary>Waits for the process's own end.</summary>
    public async Task<int> ExitedAsync()
    {
        await Eventually.HoldsAsync(() => !Running, () => $"the proxy ends; its log:\n{Log}");
        await _process!.WaitForExitAsync();
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            if (!_process.HasExited)
            {
                _process.Kill();
            }

            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        Http.Dispose();
        _folder.Dispose();
    }

    private void Launch(Action<ProcessStartInfo>? change)
    {
        var start = ProxyProcess.StartInfo("run", "--config", ConfigurationFile);
        change?.Invoke(start);
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Append(CultureInfo.InvariantCulture, $"{line.Data}\n");
            }
        };
        _process.OutputDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
