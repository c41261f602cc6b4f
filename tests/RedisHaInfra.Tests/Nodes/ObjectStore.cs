// Object Storage behind two pre-authenticated addresses, as far as backups need it: one writes, the other lists and reads.

using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;

namespace RedisHaInfra.Tests.Nodes;

internal sealed class ObjectStore : IDisposable
{
    private readonly LoopbackHttp _http;
    private int _refusals;

    public ObjectStore() => _http = new LoopbackHttp(AnswerAsync);

    public string WriteAddress => $"{_http.Address}/p/write-token/n/ns/b/backups/o/";

    public string ReadAddress => $"{_http.Address}/p/read-token/n/ns/b/backups/o/";

    /// <summary>What is stored, by name.</summary>
    public ConcurrentDictionary<string, byte[]> Objects { get; } = [];

    /// <summary>The next requests to write are refused.</summary>
    public void RefuseNext(int count) => Interlocked.Exchange(ref _refusals, count);

    public void Dispose() => _http.Dispose();

    private async Task AnswerAsync(HttpListenerContext context)
    {
        string url = context.Request.Url!.AbsoluteUri;
        context.Response.StatusCode = 404;
        if (context.Request.HttpMethod == "PUT" && url.StartsWith(WriteAddress, StringComparison.Ordinal))
        {
            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            // Object Storage takes no body without a length.
            using var digest = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
            digest.AppendData(body.ToArray());
            bool isWhole = context.Request.ContentLength64 == body.Length
                && context.Request.Headers["Content-MD5"] == Convert.ToBase64String(digest.GetHashAndReset());
            if (Interlocked.Decrement(ref _refusals) >= 0)
            {
                context.Response.StatusCode = 503;
            }
            else if (isWhole)
            {
                Objects[url[WriteAddress.Length..]] = body.ToArray();
                context.Response.StatusCode = 200;
            }
            else
            {
                context.Response.StatusCode = 400;
            }
        }
        else if (context.Request.HttpMethod == "GET" && url.StartsWith(ReadAddress, StringComparison.Ordinal)
            && Objects.TryGetValue(url[ReadAddress.Length..], out byte[]? found))
        {
            context.Response.StatusCode = 200;
            await context.Response.OutputStream.WriteAsync(found);
        }
        context.Response.Close();
    }
}
