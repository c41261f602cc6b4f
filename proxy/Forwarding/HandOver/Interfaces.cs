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

    private readonly Dictionary<uint, string> _names = [];
    private readonly Dictionary<string, (int Index, ushort Hardware)> _interfaces = [];

    /// <summary>Asks the kernel (getifaddrs(3)).</summary>
    public Interfaces()
    {
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
                    _interfaces[name] = (*(int*)(entry->Address + 4), *(ushort*)(entry->Address + 8));
                    break;
            }
        }

        FreeAll(first);
    }

    /// <summary>The index of the interface, and whether it is the loopback. Null when it is not known, or its packets have no Ethernet header.</summary>
    /// <param name="key">Addresses of the packets that come in.</param>
    public (int Index, bool Loopback)? Find(in FlowKey key)
    {
        bool own = (byte)key.Source == LoopbackNetwork || _names.ContainsKey(key.Source);
        if (own)
        {
            return _interfaces.Values.Where(entry => entry.Hardware == HardwareLoopback).Select(entry => ((int, bool)?)(entry.Index, true)).FirstOrDefault();
        }

        return _names.TryGetValue(key.Destination, out string? name) && _interfaces.TryGetValue(name, out (int Index, ushort Hardware) found)
            && found.Hardware == HardwareEthernet
            ? (found.Index, false)
            : null;
    }

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
