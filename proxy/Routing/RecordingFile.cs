// The files of the recording on their disk. Each begins with a header and holds whole lines only: what a write that failed has left is cut off
// before the next one.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Routing;

/// <summary>Writes FILE, and keeps the one before as FILE.1.</summary>
internal sealed class RecordingFile(RecordingConfiguration configuration) : IAsyncDisposable
{
    // errno(3)
    private const int ENOSPC = 28;
    private const int EFBIG = 27;
    private const int EROFS = 30;
    private const int EDQUOT = 122;

    /// <summary>How often it is looked whether the file still has its name.</summary>
    private const int LookMilliseconds = 1000;

    private FileStream? _file;
    private long _length; // of the whole lines
    private bool _ours;
    private long _lookedAt;

    /// <summary>Opens FILE: at first a new one, after a failure the one that was being written.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public async Task OpenAsync(ReadOnlyMemory<byte> header)
    {
        if (!_ours && File.Exists(configuration.File))
        {
            // What a process recorded that has just ended, perhaps in an error, is what somebody will ask for.
            File.Move(configuration.File, configuration.File + ".1", overwrite: true);
        }

        _file = Open(FileMode.OpenOrCreate);
        _lookedAt = Environment.TickCount64;
        _length = _ours ? Math.Min(_length, _file.Length) : 0;
        _ours = true;
        _file.SetLength(_length);
        _file.Position = _length;
        if (_length == 0)
        {
            await WriteAsync(header);
        }
    }

    /// <summary>Whether FILE has reached half of the bound with so many bytes more.</summary>
    public bool IsFull(long more) => _length + more >= configuration.MaxBytes / 2;

    /// <summary>Appends whole lines.</summary>
    /// <exception cref="IOException">They could not be written, or the file is not in its place any more.</exception>
    public async Task WriteAsync(ReadOnlyMemory<byte> lines)
    {
        if (Environment.TickCount64 - _lookedAt >= LookMilliseconds)
        {
            _lookedAt = Environment.TickCount64;
            if (!File.Exists(configuration.File))
            {
                _length = 0;
                throw new FileNotFoundException("it was removed");
            }
        }

        await _file!.WriteAsync(lines);
        _length += lines.Length;
    }

    /// <summary>FILE becomes FILE.1, and a new one begins.</summary>
    public async Task RotateAsync(ReadOnlyMemory<byte> header)
    {
        await CloseAsync();
        File.Move(configuration.File, configuration.File + ".1", overwrite: true);
        _length = 0;
        await OpenAsync(header);
    }

    /// <summary>Closes it. Never throws: nothing is buffered.</summary>
    public async Task CloseAsync()
    {
        if (_file is not null)
        {
            await _file.DisposeAsync();
            _file = null;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync();

    /// <summary>Tries whether a recording could be written now, and leaves nothing behind.</summary>
    /// <returns>Why it could not, and what to do; null when it could.</returns>
    public static string? Try(string file)
    {
        try
        {
            var temporary = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose };
            using (new FileStream($"{file}.{Guid.NewGuid():N}", temporary))
            {
                // Both files are created and renamed in this folder.
            }

            if (File.Exists(file))
            {
                using var present = new FileStream(file, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Describe(file, e);
        }
    }

    /// <summary>An error of the file in words, with what to do about it.</summary>
    public static string Describe(string file, Exception e)
    {
        string folder = Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/";
        int errno = e is IOException ? e.HResult : e.InnerException?.HResult ?? 0;
        return (e, errno) switch
        {
            (_, ENOSPC or EDQUOT) => "no space is left on its disk",
            // The framework has an exception of its own for EFBIG.
            (_, EFBIG) or (ArgumentOutOfRangeException, _) => "the process may not write so large a file (LimitFSIZE of the service, ulimit -f)",
            (_, EROFS) => $"the folder {folder} is read-only; name one of StateDirectory or ReadWritePaths of the service",
            (UnauthorizedAccessException, _) when Directory.Exists(file) => "it is a directory",
            (UnauthorizedAccessException, _) => $"user {Environment.UserName} may not write there; chown {Environment.UserName}: {folder}",
            (DirectoryNotFoundException, _) => $"the folder {folder} does not exist; create it, owned by user {Environment.UserName}",
            _ => e.Message.TrimEnd('.'),
        };
    }

    private FileStream Open(FileMode mode) => new(configuration.File, new FileStreamOptions
    {
        Mode = mode,
        Access = FileAccess.Write,
        Share = FileShare.Read,
        BufferSize = 0, // so that a failed write is known at once
        Options = FileOptions.Asynchronous,
    });
}
