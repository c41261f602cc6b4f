// A node as the event loops need it: its address in the kernel's form.

using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

internal sealed unsafe class NodeTarget
{
    private readonly byte[] _address; // pinned, so that its address never changes

    public NodeTarget(RedisNode node)
    {
        Node = node;
        Family = node.EndPoint.AddressFamily == AddressFamily.InterNetworkV6 ? LibC.AddressFamilyIPv6 : LibC.AddressFamilyIPv4;
        SocketAddress address = node.EndPoint.Serialize();
        _address = GC.AllocateArray<byte>(address.Size, pinned: true);
        address.Buffer.Span[..address.Size].CopyTo(_address);
    }

    public RedisNode Node { get; }

    public int Family { get; }

    public byte* Address => (byte*)Unsafe.AsPointer(ref _address[0]);

    public uint AddressLength => (uint)_address.Length;
}
