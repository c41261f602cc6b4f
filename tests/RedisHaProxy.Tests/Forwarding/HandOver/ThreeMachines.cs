// Client, proxy and node, each in a network namespace of its own.

using System.Net;
using System.Net.Sockets;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal sealed class ThreeMachines : IDisposable
{
    public static readonly IPAddress ClientAddress = IPAddress.Parse("10.91.1.2");
    public static readonly IPAddress ProxyAddress = IPAddress.Parse("10.91.2.2");
    public static readonly IPAddress NodeAddress = IPAddress.Parse("10.91.3.2");

    private ThreeMachines(RoutedNetwork network, NetworkNamespace client, NetworkNamespace proxy, NetworkNamespace node) =>
        (Network, Client, Proxy, Node) = (network, client, proxy, node);

    /// <summary>Why there are none here; null when there are.</summary>
    public static string? Missing { get; } = HandOverRights.Missing ?? Installed.MissingForNamespaces();

    public RoutedNetwork Network { get; }

    public NetworkNamespace Client { get; }

    public NetworkNamespace Proxy { get; }

    public NetworkNamespace Node { get; }

    public static async Task<ThreeMachines> CreateAsync(WorkDirectory directory, int? virtualNetwork = null)
    {
        RoutedNetwork network = await RoutedNetwork.CreateAsync(directory);
        try
        {
            return new ThreeMachines(
                network,
                await network.AddAsync("client", ClientAddress, virtualNetwork),
                await network.AddAsync("proxy", ProxyAddress, virtualNetwork),
                await network.AddAsync("node", NodeAddress, virtualNetwork));
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>A socket of a machine.</summary>
    public static Socket Open(NetworkNamespace machine)
    {
        Socket socket = machine.Socket();
        socket.NoDelay = true;
        return socket;
    }

    /// <summary>A listener of a machine, on a free port.</summary>
    public static Socket Listen(NetworkNamespace machine, IPAddress address)
    {
        Socket listener = Open(machine);
        listener.Bind(new IPEndPoint(address, 0));
        listener.Listen(4096);
        return listener;
    }

    /// <summary>Reads so many bytes.</summary>
    public static async Task ReadAsync(Socket socket, int bytes)
    {
        for (byte[] buffer = new byte[bytes]; bytes > 0;)
        {
            int length = await socket.ReceiveAsync(buffer.AsMemory(0, bytes)).AsTask().WaitAsync(Bound.Wait);
            Assert.True(length > 0, "ended too early");
            bytes -= length;
        }
    }

    /// <summary>How a connection ends that nothing is to come from any more.</summary>
    public static async Task<SocketError> EndAsync(Socket socket)
    {
        try
        {
            int length = await socket.ReceiveAsync(new byte[1]);
            Assert.True(length == 0, "a byte came");
            return SocketError.Success;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode;
        }
    }

    public void Dispose() => Network.Dispose();
}
