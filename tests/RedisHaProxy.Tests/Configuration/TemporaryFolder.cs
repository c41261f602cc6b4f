// A folder of one test, with files in it.

namespace RedisHaProxy.Tests.Configuration;

/// <summary>Deleted with all its content at the end of the test.</summary>
public sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("rhp-").FullName;

    /// <summary>Writes a file that only the owner can read, and returns its path.</summary>
    public string Write(string name, string content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        string file = System.IO.Path.Combine(Path, name);
        File.WriteAllText(file, content);
        File.SetUnixFileMode(file, mode);
        return file;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
