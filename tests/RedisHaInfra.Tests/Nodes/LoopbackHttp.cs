// An HTTP server on a port of loopback, for the services of OCI that tests put in its place.

using System.Net;

namespace RedisHaInfra.Tests.Nodes;

/// <summary>Answers one request after the other until it is disposed of.</summary>
internal sealed class LoopbackHttp : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Func<HttpListenerContext, Task> _answer;
    private readonly Task _run;

    public LoopbackHttp(Func<HttpListenerContext, Task> answer)
    {
        _answer = answer;
        _listener.Prefixes.Add($"{Address}/");
        _listener.Start();
        _run = Task.Run(RunAsync);
    }

    /// <summary>Without a slash at its end.</summary>
    public string Address { get; } = $"http://127.0.0.1:{FreePorts.Take()}";

    public void Dispose()
    {
        _listener.Close();
        _run.Wait(TimeSpan.FromSeconds(5));
    }

    private async Task RunAsync()
    {
        while (true)
        {
            try
            {
                await _answer(await _listener.GetContextAsync());
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
            {
                if (!_listener.IsListening)
                {
                    return;
                }
            }
        }
    }
}
