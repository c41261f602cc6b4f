// File modes by what they are for.

namespace RedisHaLab.Host;

/// <summary>File modes.</summary>
internal static class FileModes
{
    /// <summary>0755.</summary>
    public const UnixFileMode Executable = PublicFile
        | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>0644.</summary>
    public const UnixFileMode PublicFile = SecretFile | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>0600.</summary>
    public const UnixFileMode SecretFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>0700.</summary>
    public const UnixFileMode SecretDirectory = SecretFile | UnixFileMode.UserExecute;

    /// <summary>Writes a file that only its owner may read; never readable by others, not even for a moment.</summary>
    public static void WriteSecret(string path, string content)
    {
        var temporary = path + ".new";
        File.Delete(temporary);
        using (var stream = new FileStream(temporary,
            new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = SecretFile }))
        using (var writer = new StreamWriter(stream))
        {
            writer.Write(content);
        }

        File.Move(temporary, path, overwrite: true);
    }
}
