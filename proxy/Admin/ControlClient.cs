// The other end of the control socket: how the verbs ask a running proxy.

using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace RedisHaProxy.Admin;

/// <summary>A proxy that cannot be asked, or refuses; the message is for the operator.</summary>
internal sealed class ControlException(string message) : Exception(message);

/// <summary>Talks HTTP over the control socket.</summary>
internal sealed class ControlClient : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _socket;

    /// <param name="socket">Path of the control socket.</param>
    public ControlClient(string socket)
    {
        _socket = socket;
        _http = new HttpClient(new SocketsHttpHandler { ConnectCallback = ConnectAsync, UseProxy = false, AllowAutoRedirect = false })
        {
            BaseAddress = new Uri("http://redis-ha-proxy/"),
            Timeout = TimeSpan.FromSeconds(15),
        };
    }

    /// <summary>The text of a document, as the proxy wrote it.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses.</exception>
    public Task<string> GetTextAsync(string path, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Get, path, cancellationToken);

    /// <summary>A document.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses, or it is of another version.</exception>
    public async Task<JsonElement> GetAsync(string path, CancellationToken cancellationToken) =>
        Read(await GetTextAsync(path, cancellationToken), AdminJson.Default.JsonElement);

    /// <summary>Gives an order and returns what the proxy says.</summary>
    /// <exception cref="ControlException">No proxy answers, or it refuses; the message is the proxy's.</exception>
    public async Task<string> OrderAsync(string path, CancellationToken cancellationToken) =>
        Read(await SendAsync(HttpMethod.Post, path, cancellationToken), AdminJson.Default.ControlAnswer).Message;

    public void Dispose() => _http.Dispose();

    private async Task<string> SendAsync(HttpMethod method, string path, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path);
            if (method == HttpMethod.Post && Caller(Environment.GetEnvironmentVariable) is { } caller)
            {
                request.Headers.TryAddWithoutValidation(ControlEndpoints.SudoHeader, caller);
            }

            using var response = await _http.SendAsync(request, cancellationToken);
            string body = await response.Content.ReadAsStringAsync(cancellationToken);
            if (response.IsSuccessStatusCode)
            {
                return body;
            }

            throw new ControlException(response.Content.Headers.ContentType?.MediaType == "application/json"
                ? Read(body, AdminJson.Default.ControlAnswer).Message : body.TrimEnd());
        }
        catch (HttpRequestException e) when (e.InnerException is SocketException socket)
        {
            throw new ControlException(socket.SocketErrorCode switch
            {
                SocketError.AccessDenied => $"user {Environment.UserName} may not use {_socket}; use sudo, or the group of the proxy",
                _ when !File.Exists(_socket) => $"no proxy is running here: {_socket} does not exist (--socket names the path of admin.socket)",
                _ => $"no proxy answers on {_socket} ({socket.Message}): it is not running any more",
            });
        }
        catch (HttpRequestException e)
        {
            throw new ControlException($"the proxy on {_socket} did not answer: {e.Message}");
        }
        catch (TaskCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ControlException($"the proxy on {_socket} did not answer within {_http.Timeout.TotalSeconds:0} s");
        }
    }

    /// <summary>Who called sudo (sudo(8) sets both variables); null where nobody did.</summary>
    internal static string? Caller(Func<string, string?> environment) =>
        environment("SUDO_UID") is not { Length: > 0 } id ? null
        : new string([.. $"{environment("SUDO_USER")} ({id})".Trim().Where(c => c is > ' ' and < '\x7f' or ' ').Take(64)]);

    private T Read<T>(string body, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(body, type) ?? throw new JsonException();
        }
        catch (JsonException)
        {
            throw new ControlException($"the answer on {_socket} is not understood; is the running proxy of another version?");
        }
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(_socket), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
