// A network namespace that exists exactly as long as a process that holds it: nothing to clean up, whatever happens.

using System.Globalization;
using System.Runtime.InteropServices;

namespace RedisHaProcesses;

/// <summary>
/// An unnamed network namespace. A sleeping child holds it; when the child dies (with us, at the latest) and the processes in it,
/// the kernel takes the namespace and its interfaces away. Needs root.
/// </summary>
public sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private readonly ChildProcess _holder;

    private NetworkNamespace(string name, ChildProcess holder)
    {
        Name = name;
        _holder = holder;
    }

    /// <summary>For messages and interface names; at most 10 characters.</summary>
    public string Name { get; }

    /// <summary>The command that runs the words after it in here.</summary>
    internal IReadOnlyList<string> EnterCommand => ["nsenter", $"--net={File}", "--"];

    /// <summary>Process id of the holder, by which ip(8) names the namespace.</summary>
    internal string Holder => _holder.Id.ToString(CultureInfo.InvariantCulture);

    private string File => $"/proc/{Holder}/ns/net";

    /// <summary>Makes a namespace with only its loopback interface, up.</summary>
    /// <exception cref="InvalidOperationException">Not permitted.</exception>
    public static async Task<NetworkNamespace> CreateAsync(string name, WorkDirectory directory)
    {
        var holder = ChildProcess.Start(
            $"namespace {name}", "unshare", ["--net", "--", "sleep", "infinity"], Path.Combine(directory.Path, $"namespace-{name}.log"));
        var space = new NetworkNamespace(name, holder);
        try
        {
            var ours = Link("/proc/self/ns/net");
            await Eventually.HoldsAsync(
                () => holder.HasExited
                    ? throw new InvalidOperationException($"unshare failed: {holder.LogTail()}")
                    : Link(space.File) is { } its && its != ours && IsSleeping(holder.Id),
                () => $"network namespace {name}");
            Shell.Run(space, "ip", "link", "set", "lo", "up");
            return space;
        }
        catch
        {
            holder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Moves the calling thread into the namespace until the result is disposed, on the same thread and without await between.
    /// Sockets made meanwhile belong to the namespace for good and can be used from any thread.
    /// </summary>
    public IDisposable Enter()
    {
        var back = System.IO.File.OpenHandle("/proc/thread-self/ns/net");
        using var target = System.IO.File.OpenHandle(File);
        if (setns((int)target.DangerousGetHandle(), CloneNewNet) != 0)
        {
            var error = Marshal.GetLastPInvokeErrorMessage();
            back.Dispose();
            throw new InvalidOperationException($"cannot enter network namespace {Name}: {error}");
        }

        return new Entered(back);
    }

    /// <summary>Ends the holder. The namespace goes when the last process in it has gone.</summary>
    public void Dispose() => _holder.Dispose();

    private static string? Link(string path) => new FileInfo(path).LinkTarget;

    /// <summary>Before its exec the holder is sh, setpriv and unshare, some of which are in our namespace.</summary>
    private static bool IsSleeping(int id)
        => System.IO.File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/comm").Trim() == "sleep";

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int kind);

    private sealed class Entered(Microsoft.Win32.SafeHandles.SafeFileHandle back) : IDisposable
    {
        public void Dispose()
        {
            var result = setns((int)back.DangerousGetHandle(), CloneNewNet);
            back.Dispose();
            if (result != 0)
            {
                // A thread that is lost in another namespace must not go on.
                Environment.FailFast("cannot return from a network namespace");
            }
        }
    }
}
