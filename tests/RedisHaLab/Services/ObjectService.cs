// Object Storage behind pre-authenticated requests: objects that the program has uploaded, and whole buckets that some may write and others list
// and read, as backups use them.

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Services;

/// <summary>The service.</summary>
internal sealed class ObjectService(LabPaths paths, StateFeed feed)
{
    /// <summary>Answers a request for /p/TOKEN/n/NAMESPACE/b/BUCKET/o/OBJECT.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        var path = (context.Request.Path.Value ?? "").Split('/', 9, StringSplitOptions.RemoveEmptyEntries);
        var permit = path is ["p", var token, "n", _, "b", _, "o", ..]
            ? feed.Current.Permits.FirstOrDefault(permit =>
                Equals(permit.Token, token) && permit.Bucket == path[5] && !(permit.Expires < DateTimeOffset.UtcNow))
            : null;
        var name = path.Length > 7 ? string.Join('/', path[7..]) : "";
        var isRead = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        switch (permit?.Access)
        {
            case "ObjectRead" when isRead && permit.ObjectName == name
                && feed.Current.Objects.FirstOrDefault(item => item.Bucket == permit.Bucket && item.Name == name) is { } stored:
                context.Response.ContentType = stored.ContentType ?? "application/octet-stream";
                await CloudServices.SendAsync(context, Path.Combine(paths.ObjectsDirectory, stored.FileName));
                return;
            case "AnyObjectWrite" when HttpMethods.IsPut(context.Request.Method) && name.Length > 0:
                await StoreAsync(context, FileOf(permit.Bucket, name));
                return;
            case "AnyObjectRead" when isRead && name.Length == 0:
                await ListAsync(context, permit.Bucket);
                return;
            case "AnyObjectRead" when isRead && File.Exists(FileOf(permit.Bucket, name)):
                await CloudServices.SendAsync(context, FileOf(permit.Bucket, name));
                return;
        }

        // As Object Storage answers: whether the object exists is not said.
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        await context.Response.WriteAsync("{\"code\":\"BucketNotFound\",\"message\":\"Either the bucket does not exist or you are not authorized to "
            + "access it\"}");
    }

    // Object Storage takes no body without its length, and compares the digest when there is one.
    private static async Task StoreAsync(HttpContext context, string file)
    {
        if (context.Request.ContentLength is not { } length)
        {
            context.Response.StatusCode = StatusCodes.Status411LengthRequired;
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(file)!, FileModes.SecretDirectory);
        var partial = $"{file}.{Guid.NewGuid():N}";
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 20);
        try
        {
            await using (var to = File.Create(partial))
            {
                for (int count; (count = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0; length -= count)
                {
                    digest.AppendData(buffer.AsSpan(0, count));
                    await to.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
                }
            }

            var wanted = context.Request.Headers.ContentMD5.ToString();
            if (length != 0 || (wanted.Length > 0 && wanted != Convert.ToBase64String(digest.GetHashAndReset())))
            {
                context.Response.StatusCode = StatusCodes.Status400BadRequest;
                return;
            }

            File.Move(partial, file, overwrite: true);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            File.Delete(partial);
        }
    }

    private async Task ListAsync(HttpContext context, string bucket)
    {
        var limit = int.TryParse(context.Request.Query["limit"], out var number) && number is > 0 and <= 1000 ? number : 1000;
        var start = context.Request.Query["start"].ToString();
        DirectoryInfo folder = new(Path.Combine(paths.UploadsDirectory, bucket));
        var all = (folder.Exists ? folder.GetFiles() : []).Where(file => !file.Name.Contains('.', StringComparison.Ordinal))
            .Select(file => (Name: Encoding.UTF8.GetString(Convert.FromHexString(file.Name)), file.Length, file.LastWriteTimeUtc))
            .OrderBy(item => item.Name, StringComparer.Ordinal).SkipWhile(item => string.CompareOrdinal(item.Name, start) < 0).Take(limit + 1).ToList();
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(JsonSerializer.Serialize(new
        {
            objects = all.Take(limit).Select(item => new { name = item.Name, size = item.Length, timeCreated = item.LastWriteTimeUtc }),
            prefixes = Array.Empty<string>(),
            nextStartWith = all.Count > limit ? all[limit].Name : null,
        }));
    }

    // A name may hold anything, a slash too.
    private string FileOf(string bucket, string name) => Path.Combine(paths.UploadsDirectory, bucket, Convert.ToHexStringLower(Encoding.UTF8.GetBytes(name)));

    private static bool Equals(string left, string right) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
}
