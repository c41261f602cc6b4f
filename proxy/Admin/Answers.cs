// The forms of an answer.

using System.Net;
using System.Text;
using System.Text.Json;
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
}
