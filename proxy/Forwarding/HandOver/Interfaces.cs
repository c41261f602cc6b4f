// Which interface the packets of a connection come in by.

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>This host's IPv4 addresses and the interfaces that have them, as they were when it was made.</summary>
internal sealed unsafe partial class Interfaces
{
    private const int FamilyPacket = 17;
    private const ushort HardwareEthernet = 1;
    private const ushort HardwareLoopback = 772;
    private const byte LoopbackNetwork = 127;

    /// <summary>ETH_FLAG_LRO: the card joins segments in a way that cannot be undone, so such packets cannot be sent on.</summary>
    private const uint LargeReceive = 1 << 15;

    private readonly Dictionary<uint, string> _names = [];
    private readonly Dictionary<string, (int Index, ushort Hardware, bool Joins)> _interfaces = [];

    /// <summary>Asks the kernel (getifaddrs(3)).</summary>
    /// <param name="features">Gives the flags of an interface as ethtool's ETHTOOL_GFLAGS does; the kernel's when null.</param>
    public Interfaces(Func<string, uint>? features = null)
    {
        features ??= Features;
        Entry* first;
        if (GetAll(&first) < 0)
        {
            return;
        }

        for (Entry* entry = first; entry is not null; entry = entry->Next)
        {
            if (entry->Address is null)
            {
                continue;
            }

            string name = Marshal.PtrToStringUTF8((nint)entry->Name) ?? "";
            switch (*(ushort*)entry->Address)
            {
                case LibC.AddressFamilyIPv4:
                    _names.TryAdd(*(uint*)(entry->Address + 4), name);
                    break;
                case FamilyPacket: // struct sockaddr_ll
                    _interfaces[name] = (*(int*)(entry->Address + 4), *(ushort*)(entry->Address + 8), (features(name) & LargeReceive) != 0);
                    break;
            }
        }

        FreeAll(first);
    }

    /// <summary>
    /// The index of the interface, and whether it is the loopback. Null when it is not known, its packets have no Ethernet header, or it joins packets that it
    /// gets (LRO).
    /// </summary>
    /// <param name="key">Addresses of the packets that come in.</param>
    public (int Index, bool Loopback)? Find(in FlowKey key)
    {
        bool own = (byte)key.Source == LoopbackNetwork || _names.ContainsKey(key.Source);
        if (own)
        {
            return _interfaces.Values.Where(entry => entry.Hardware == HardwareLoopback).Select(entry => ((int, bool)?)(entry.Index, true)).FirstOrDefault();
        }

        return _names.TryGetValue(key.Destination, out string? name) && _interfaces.TryGetValue(name, out (int Index, ushort Hardware, bool Joins) found)
            && found.Hardware == HardwareEthernet && !found.Joins
            ? (found.Index, false)
            : null;
    }

    private static uint Features(string name)
    {
        const uint EthernetTool = 0x8946; // SIOCETHTOOL
        const int NameBytes = 16;
        uint* question = stackalloc uint[2] { 0x25, 0 }; // ETHTOOL_GFLAGS
        byte* request = stackalloc byte[40]; // struct ifreq
        var named = new Span<byte>(request, 40);
        named.Clear();
        System.Text.Encoding.UTF8.GetBytes(name, named[..(NameBytes - 1)]);
        *(uint**)(request + NameBytes) = question;
        int socket = LibC.Socket(LibC.AddressFamilyIPv4, LibC.SocketStream | LibC.SocketCloseOnExec, 0);
        uint flags = socket >= 0 && Control(socket, EthernetTool, request) == 0 ? question[1] : 0; // one that cannot be asked has none
        LibC.Close(socket);
        return flags;
    }

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(int descriptor, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "getifaddrs")]
    private static partial int GetAll(Entry** first);

    [LibraryImport("libc", EntryPoint = "freeifaddrs")]
    private static partial void FreeAll(Entry* first);

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public Entry* Next;
        public byte* Name;
        public uint Flags;
        public byte* Address;
        public byte* Mask;
        public byte* Other;
        public void* Data;
    }
}
