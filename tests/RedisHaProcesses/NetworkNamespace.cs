// Network namespaces: one that exists exactly as long as a process that holds it, so that there is nothing to clean up whatever happens,
// or one that has a name (ip-netns(8)) and belongs to somebody else; and the way in for sockets.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RedisHaProcesses;

/// <summary>
/// A network namespace. A sleeping child holds one that is made here; when the child dies (with us, at the latest) and the processes in it,
/// the kernel takes the namespace and its interfaces away. Needs root.
/// </summary>
public sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private readonly ChildProcess? _holder;
    private readonly string _file;

    private NetworkNamespace(string name, string file, ChildProcess? holder)
    {
        Name = name;
        _file = file;
        _holder = holder;
    }

    /// <summary>For messages and interface names; of one that is made here at most 10 characters.</summary>
    public string Name { get; }

    /// <summary>The command that runs the words after it in here.</summary>
    public IReadOnlyList<string> EnterCommand => ["nsenter", $"--net={_file}", "--"];

    /// <summary>Process id of the holder, by which ip(8) names the namespace.</summary>
    public string Holder => _holder!.Id.ToString(CultureInfo.InvariantCulture);

    /// <summary>The namespace of this name, as `ip netns` lists it.</summary>
    public static NetworkNamespace Named(string name) => new(name, "/run/netns/" + name, null);

    /// <summary>Makes a namespace with only its loopback interface, up.</summary>
    /// <exception cref="InvalidOperationException">Not permitted.</exception>
    public static async Task<NetworkNamespace> CreateAsync(string name, WorkDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        var holder = ChildProcess.Start(
            $"namespace {name}", "unshare", ["--net", "--", "sleep", "infinity"], Path.Combine(directory.Path, $"namespace-{name}.log"));
        var space = new NetworkNamespace(name, $"/proc/{holder.Id.ToString(CultureInfo.InvariantCulture)}/ns/net", holder);
        try
        {
            var ours = Link("/proc/self/ns/net");
            await Eventually.HoldsAsync(
                () => holder.HasExited
                    ? throw new InvalidOperationException($"unshare failed: {holder.LogTail()}")
                    : Link(space._file) is { } its && its != ours && IsSleeping(holder.Id),
                () => $"network namespace {name}");
            await Shell.RunInAsync(space, ["ip", "link", "set", "lo", "up"]);
            return space;
        }
        catch
        {
            holder.Dispose();
            throw;
        }
    }

    /// <summary>A socket that belongs to the namespace for good, neither bound nor connected; any thread can use it.</summary>
    /// <exception cref="IOException">The namespace does not exist.</exception>
    /// <exception cref="InvalidOperationException">It may not be entered.</exception>
    public Socket Socket(SocketType kind = SocketType.Stream, ProtocolType protocol = ProtocolType.Tcp)
    {
        using (Enter())
        {
            return new Socket(AddressFamily.InterNetwork, kind, protocol);
        }
    }

    /// <summary>A TCP connection made from the namespace.</summary>
    /// <exception cref="SocketException">It was refused, or there is no way.</exception>
    /// <exception cref="OperationCanceledException">It took longer than <paramref name="patience"/>.</exception>
    public async Task<Socket> ConnectAsync(IPEndPoint endPoint, TimeSpan patience)
    {
        var socket = Socket();
        try
        {
            using var limit = new CancellationTokenSource(patience);
            await socket.ConnectAsync(endPoint, limit.Token);
            socket.NoDelay = true;
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Asks an HTTP server over connections made from the namespace, a new one for each question, with 4 s for an answer.</summary>
    public HttpClient HttpClient(IPEndPoint server) => new(new SocketsHttpHandler
    {
        PooledConnectionLifetime = TimeSpan.Zero,
        ConnectCallback = async (_, _) => new NetworkStream(await ConnectAsync(server, TimeSpan.FromSeconds(3)), ownsSocket: true),
    })
    { BaseAddress = new Uri($"http://{server}"), Timeout = TimeSpan.FromSeconds(4) };

    /// <summary>
    /// Moves the calling thread into the namespace until the result is disposed, on the same thread and without await between.
    /// </summary>
    /// <exception cref="IOException">It is gone, or may not be entered.</exception>
    public IDisposable Enter()
    {
        var back = File.OpenHandle("/proc/thread-self/ns/net");
        try
        {
            using var target = File.OpenHandle(_file);
            return setns((int)target.DangerousGetHandle(), CloneNewNet) == 0
                ? new Entered(back)
                : throw new IOException($"cannot enter network namespace {Name}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        catch
        {
            back.Dispose();
            throw;
        }
    }

    /// <summary>Ends the holder. The namespace goes when the last process in it has gone; one that has a name stays.</summary>
    public void Dispose() => _holder?.Dispose();

    private static string? Link(string path) => new FileInfo(path).LinkTarget;

    /// <summary>Before its exec the holder is sh, setpriv and unshare, some of which are in our namespace.</summary>
    private static bool IsSleeping(int id)
        => File.ReadAllText($"/proc/{id.ToString(CultureInfo.InvariantCulture)}/comm").Trim() == "sleep";

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setns(int fd, int kind);

    private sealed class Entered(SafeFileHandle back) : IDisposable
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
