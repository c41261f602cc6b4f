// The wires of a run between network namespaces: clients, a machine in the middle, the master. Every contender has a middle of its own, so that what
// one of them attaches to its interfaces costs the others nothing; the direct way's is a router. So all have two wires, and what is compared is what
// stands between them. Replicas and Sentinels are reached by the deployment's own network.

using System.Globalization;
using System.Net;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>A way from the clients to the master.</summary>
/// <param name="Middle">The machine of the proxy, or the router.</param>
/// <param name="Listen">Address for a proxy's clients.</param>
internal sealed record Way(NetworkNamespace Middle, IPAddress Listen)
{
    /// <summary>Lays its wires.</summary>
    /// <param name="clients">The machine of the clients.</param>
    /// <param name="deployment">A deployment in namespaces; its first node is the master.</param>
    /// <param name="number">0 to 250: another one for each way of a deployment.</param>
    /// <param name="routes">Whether the middle forwards packets to the master.</param>
    /// <exception cref="InvalidOperationException">Not permitted.</exception>
    public static async Task<Way> LayAsync(NetworkNamespace clients, RedisDeployment deployment, int number, bool routes)
    {
        var master = deployment.Nodes[0];
        var text = number.ToString(CultureInfo.InvariantCulture);
        var middle = await deployment.Network!.AddAsync($"middle{text}", Address(82, 1));
        var (client, listen, from, to) = (Address(83, 1), Address(83, 2), Address(84, 1), Address(84, 2));
        await RoutedNetwork.WireAsync((clients, $"middle{text}", client), (middle, "to-clients", listen));
        await RoutedNetwork.WireAsync((middle, "to-master", from), (master.Network!, $"middle{text}", to));
        await RoutedNetwork.RouteAsync(middle, master.EndPoint.Address, to, from);
        foreach (var machine in new[] { clients, middle })
        {
            // Ports of connections that have ended rest for a minute (TIME-WAIT): enough of them, as on any machine that opens many.
            await Shell.RunInAsync(machine, ["sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"]);
        }

        if (routes)
        {
            await Shell.RunInAsync(middle, ["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
            await RoutedNetwork.RouteAsync(clients, master.EndPoint.Address, listen, client);
            await RoutedNetwork.RouteAsync(master.Network!, client, from, to);
        }

        return new(middle, listen);

        IPAddress Address(byte network, byte host) => new([10, network, (byte)number, host]);
    }
}
