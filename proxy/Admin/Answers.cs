// The forms of an answer.

using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;

namespace RedisHaProxy.Admin;

/// <summary>Writes whole answers: a body of known length, never a stream that ends half-way.</summary>
internal static class Answers
{
    /// <summary>A line of text.</summary>
    public static Task AnswerTextAsync(this HttpContext context, HttpStatusCode status, string line) =>
        context.AnswerAsync(status, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(line + "\n"));

    /// <summary>A document.</summary>
    public static Task AnswerJsonAsync<T>(this HttpContext context, T document, JsonTypeInfo<T> type, HttpStatusCode status = HttpStatusCode.OK) =>
        context.AnswerAsync(status, "application/json", (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(document, type), (byte)'\n']);

    /// <summary>A document of the table's figures.</summary>
    public static Task AnswerAsync<T>(this HttpContext context, T item, Func<T, IReadOnlyList<Figure<T>>> figures) =>
        context.AnswerAsync(HttpStatusCode.OK, "application/json", Json(json => new Part<T>(figures(item), item).Write(json)));

    /// <summary>A list of them.</summary>
    public static Task AnswerListAsync<T>(this HttpContext context, IEnumerable<T> items, IReadOnlyList<Figure<T>> figures) =>
        context.AnswerAsync(HttpStatusCode.OK, "application/json", Json(json =>
        {
            json.WriteStartArray();
            foreach (T item in items)
            {
                new Part<T>(figures, item).Write(json);
            }

            json.WriteEndArray();
        }));

    /// <summary>Bytes of a type; HEAD gets the header fields only.</summary>
    public static Task AnswerAsync(this HttpContext context, HttpStatusCode status, string type, ReadOnlyMemory<byte> body)
    {
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static byte[] Json(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true }))
        {
            write(json);
        }

        return [.. bytes.WrittenSpan, (byte)'\n'];
    }
}

/// <summary>The answer to an order on the control socket.</summary>
/// <param name="Message">What was done, or why not.</param>
internal sealed record ControlAnswer(string Message);

/// <summary>JSON that is no figures, generated at build time, so that trimming cannot break it.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, WriteIndented = true)]
[JsonSerializable(typeof(ControlAnswer))]
[JsonSerializable(typeof(PageSection))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class AdminJson : JsonSerializerContext
{
    /// <summary>The same on one line, as events need it.</summary>
    public static AdminJson Compact { get; } = new(new JsonSerializerOptions(JsonSerializerDefaults.Web));
}
