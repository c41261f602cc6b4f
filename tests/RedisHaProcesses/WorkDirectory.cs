// A directory for the configurations, secrets, data and logs of a group of processes.

using System.Globalization;

namespace RedisHaProcesses;

/// <summary>
/// A private directory that is deleted in the end. Its name carries our process id, so that the next run removes what a killed one left.
/// </summary>
public sealed class WorkDirectory : IDisposable
{
    private const string Prefix = "redis-ha-processes-";
    private static int _count;

    /// <summary>Makes it, mode 0700.</summary>
    public WorkDirectory()
    {
        RemoveLeftovers();
        var id = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        var number = Interlocked.Increment(ref _count).ToString(CultureInfo.InvariantCulture);
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"{Prefix}{id}-{number}");
        Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>Writes a file that only we can read, and gives its path.</summary>
    public string Write(string name, string content)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        using var writer = new StreamWriter(stream);
        writer.Write(content);
        return path;
    }

    /// <summary>Makes a directory in it, and gives its path.</summary>
    public string MakeDirectory(string name) => Directory.CreateDirectory(System.IO.Path.Combine(Path, name)).FullName;

    /// <summary>Deletes it with all that is in it.</summary>
    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void RemoveLeftovers()
    {
        foreach (var directory in Directory.EnumerateDirectories(System.IO.Path.GetTempPath(), Prefix + "*"))
        {
            var owner = System.IO.Path.GetFileName(directory)[Prefix.Length..].Split('-')[0];
            if (!Directory.Exists($"/proc/{owner}"))
            {
                try
                {
                    Directory.Delete(directory, recursive: true);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // Another process is removing it, or it is another user's.
                }
            }
        }
    }
}
