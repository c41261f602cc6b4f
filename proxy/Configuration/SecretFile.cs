// Reads a password from its file. The file's permissions are part of the secret: one that others may write is no secret.

using System.Text;

namespace RedisHaProxy.Configuration;

/// <summary>A secret, or why there is none.</summary>
/// <param name="Value">The secret without its final line break; null when <paramref name="Error"/> says why.</param>
/// <param name="Error">The cause, naming the file; null when the secret is good.</param>
/// <param name="Warning">Something an operator should correct; null when all is well.</param>
/// <param name="Former">The second line, where one may stand there; null without one.</param>
internal readonly record struct SecretReading(string? Value, string? Error, string? Warning, string? Former = null);

/// <summary>Finds and reads secret files.</summary>
internal static class SecretFile
{
    // Redis refuses passwords above 512 characters (CONFIG_AUTHPASS_MAX_LEN in server.h), so more is a wrong file.
    private const int MaxBytes = 4096;

    /// <summary>
    /// Where <paramref name="path"/> points: a relative one names a systemd credential of that name when there is one
    /// (LoadCredential, systemd.exec(5)), otherwise a file in <paramref name="folder"/>.
    /// </summary>
    public static string Resolve(string path, string folder)
    {
        if (!Path.IsPathRooted(path)
            && Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY") is { Length: > 0 } credentials
            && Path.Combine(credentials, path) is var credential
            && File.Exists(credential))
        {
            return credential;
        }

        return Path.GetFullPath(path, folder);
    }

    /// <summary>Reads the first and only line of <paramref name="file"/>.</summary>
    /// <param name="file">The file.</param>
    /// <param name="former">Whether a second line, with a former secret, may follow.</param>
    public static SecretReading Read(string file, bool former = false)
    {
        if (ReadBytes(file, MaxBytes, out UnixFileMode mode, out string? unreadable) is not { } bytes)
        {
            return Bad(unreadable!);
        }

        if ((mode & UnixFileMode.OtherWrite) != 0)
        {
            return Bad($"{file} can be written by every user; chmod 600 it, and change the secret");
        }

        if (bytes.Length > MaxBytes)
        {
            return Bad($"{file} is longer than {MaxBytes} bytes; one line with the secret is expected");
        }

        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (ArgumentException)
        {
            return Bad($"{file} is not UTF-8 text");
        }

        // Editors of another system put a mark before the text; no server knows it as a part of the password.
        text = text.TrimStart('\uFEFF');
        if (text.EndsWith('\n'))
        {
            text = text[..^(text.EndsWith("\r\n", StringComparison.Ordinal) ? 2 : 1)];
        }

        if (text.Length == 0)
        {
            return Bad($"{file} is empty; one line with the secret is expected");
        }

        string? second = null;
        if (former && text.IndexOf('\n', StringComparison.Ordinal) is > 0 and var end)
        {
            (text, second) = (text[..end].TrimEnd('\r'), text[(end + 1)..]);
        }

        if (second is "" || (text + second).AsSpan().ContainsAnyInRange('\0', '\x1f'))
        {
            return Bad(former
                ? $"{file} holds more than two lines, an empty one, or control characters; "
                    + "one line with the secret is expected, or two, the second with the former one"
                : $"{file} holds more than one line, or control characters; one line with the secret is expected");
        }

        return new SecretReading(text, null, (mode & UnixFileMode.OtherRead) != 0 ? $"{file} can be read by every user; chmod 600 it" : null, second);
    }

    /// <summary>Reads a file of at most <paramref name="most"/> bytes, one more when it is longer; null, and the cause, when it cannot be read.</summary>
    public static byte[]? ReadBytes(string file, int most, out UnixFileMode mode, out string? error)
    {
        mode = UnixFileMode.None;
        error = null;
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            mode = File.GetUnixFileMode(stream.SafeFileHandle);
            byte[] bytes = new byte[most + 1];
            int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            Array.Resize(ref bytes, length);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            error = $"{file} does not exist";
        }
        catch (UnauthorizedAccessException)
        {
            error = Directory.Exists(file)
                ? $"{file} is a directory; a file is expected"
                : $"{file} cannot be read by user {Environment.UserName}: permission denied";
        }
        catch (IOException e)
        {
            error = $"{file} cannot be read: {e.Message}";
        }

        return null;
    }

    private static SecretReading Bad(string cause) => new(null, cause, null);
}
