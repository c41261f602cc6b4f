// Sockets that belong to another network namespace. A socket stays where it was made, so a thread enters the namespace,
// makes the socket and ends; the process itself never leaves the host's namespace.

using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using RedisHaLab.Host;

namespace RedisHaLab.Services;

/// <summary>Makes sockets in network namespaces.</summary>
internal static partial class NamespaceSockets
{
    private const int CloneNewNet = 0x40000000;

    /// <summary>A TCP socket in the namespace, neither bound nor connected.</summary>
    /// <param name="networkNamespace">The namespace.</param>
    /// <param name="kind">Stream, or Raw for one that sends TCP segments of the caller's own making.</param>
    /// <exception cref="LabException">The namespace does not exist or may not be entered.</exception>
    public static Socket Create(string networkNamespace, SocketType kind = SocketType.Stream)
    {
        Socket? socket = null;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter(networkNamespace);
                socket = new Socket(AddressFamily.InterNetwork, kind, ProtocolType.Tcp);
            }
            catch (Exception e) when (e is LabException or SocketException)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return socket ?? throw new LabException($"No socket in {networkNamespace}: {failure?.Message}", LabException.Failed, failure);
    }

    /// <summary>A TCP socket listening in the namespace.</summary>
    public static Socket Listen(string networkNamespace, IPEndPoint endpoint)
    {
        var socket = Create(networkNamespace);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(endpoint);
        socket.Listen(512);
        return socket;
    }

    /// <summary>A TCP connection made from the namespace.</summary>
    /// <exception cref="SocketException">It was refused, or there is no way.</exception>
    /// <exception cref="OperationCanceledException">It took longer than <paramref name="patience"/>.</exception>
    public static async Task<Socket> ConnectAsync(string networkNamespace, IPEndPoint endpoint, TimeSpan patience, IPAddress? from = null)
    {
        var socket = Create(networkNamespace);
        try
        {
            if (from is not null)
            {
                socket.Bind(new IPEndPoint(from, 0));
            }

            using var limit = new CancellationTokenSource(patience);
            await socket.ConnectAsync(endpoint, limit.Token);
            socket.NoDelay = true;
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static void Enter(string networkNamespace)
    {
        using var handle = File.OpenHandle("/run/netns/" + networkNamespace);
        if (SetNs((int)handle.DangerousGetHandle(), CloneNewNet) != 0)
        {
            throw new LabException($"setns: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNs(int fd, int kind);
}
