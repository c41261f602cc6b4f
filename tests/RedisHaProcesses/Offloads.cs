// What an interface does to packets in place of the kernel, as ethtool(8) sets it.

using System.Runtime.InteropServices;
using System.Text;

namespace RedisHaProcesses;

/// <summary>Features of a network interface. Needs CAP_NET_ADMIN.</summary>
internal static unsafe partial class Offloads
{
    private const nuint EthernetTool = 0x8946; // SIOCETHTOOL
    private const int NameBytes = 16;

    // ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO (include/uapi/linux/ethtool.h)
    private static readonly uint[] _all = [0x1f, 0x24, 0x2c];

    /// <summary>Switches segmentation and receive offload off.</summary>
    /// <exception cref="InvalidOperationException">The kernel does not do it.</exception>
    public static void SwitchOff(NetworkNamespace network, string name)
    {
        var value = stackalloc uint[2] { 0, 0 };
        var request = stackalloc byte[40]; // struct ifreq
        new Span<byte>(request, 40).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, NameBytes - 1));
        *(uint**)(request + NameBytes) = value;
        using var inside = network.Enter();
        var socket = Open(2, 1, 0); // AF_INET, SOCK_STREAM
        try
        {
            foreach (var feature in _all)
            {
                value[0] = feature;
                if (Control(socket, EthernetTool, request) < 0)
                {
                    throw new InvalidOperationException($"{name}: {Marshal.GetLastPInvokeErrorMessage()}");
                }
            }
        }
        finally
        {
            _ = Close(socket);
        }
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int Open(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Control(int descriptor, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
