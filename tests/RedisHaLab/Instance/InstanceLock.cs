// One command at a time changes an instance.

using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Instance;

/// <summary>The exclusive right to change an instance, until disposed; the kernel releases it when the process dies.</summary>
internal sealed class InstanceLock : IDisposable
{
    private readonly FileStream _file;

    private InstanceLock(FileStream file) => _file = file;

    /// <exception cref="LabException">Another command has it.</exception>
    public static InstanceLock Take(LabPaths paths)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(paths.LockFile)!);
        try
        {
            return new InstanceLock(new FileStream(paths.LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e)
        {
            throw new LabException($"Another command is changing the lab \"{paths.Name}\". Wait for its end, then try again.", LabException.Failed, e);
        }
    }

    public void Dispose()
    {
        // The file goes first: whoever opens the name afterwards gets a file of its own, and the lock on it.
        File.Delete(_file.Name);
        _file.Dispose();
        Teardown.RemoveIfEmpty(Path.GetDirectoryName(_file.Name)!);
    }
}
