// A small network of our own: one router namespace, one namespace a machine, and a cut that isolates some of them.

using System.Net;

namespace RedisHaProcesses;

/// <summary>
/// Machines as network namespaces, each with one address, behind a router that can cut an island off: packets between the island
/// and the rest are dropped silently, as in a real partition (no reset, no ICMP). Needs root; nothing of it is visible outside.
/// </summary>
public sealed class RoutedNetwork : IDisposable
{
    private readonly WorkDirectory _directory;
    private readonly NetworkNamespace _router;
    private readonly List<NetworkNamespace> _machines = [];

    private RoutedNetwork(WorkDirectory directory, NetworkNamespace router)
    {
        _directory = directory;
        _router = router;
    }

    /// <summary>Makes the router.</summary>
    public static async Task<RoutedNetwork> CreateAsync(WorkDirectory directory)
    {
        var router = await NetworkNamespace.CreateAsync("router", directory);
        try
        {
            // Writing "all" also sets every interface that comes later.
            await Shell.RunInAsync(router, ["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0"]);
            await Shell.RunInAsync(
                router,
                ["nft", "-f", "-"],
                """
                table ip cut {
                  set island { type ipv4_addr; }
                  chain forward {
                    type filter hook forward priority 0;
                    ip saddr @island ip daddr != @island drop;
                    ip saddr != @island ip daddr @island drop;
                  }
                }
                """);
            return new RoutedNetwork(directory, router);
        }
        catch
        {
            router.Dispose();
            throw;
        }
    }

    /// <summary>Adds a machine.</summary>
    /// <param name="name">At most 10 characters.</param>
    /// <param name="address">Its address; the router answers for all others.</param>
    /// <param name="virtualNetwork">The number of a VLAN that its packets are tagged with; null without.</param>
    public async Task<NetworkNamespace> AddAsync(string name, IPAddress address, int? virtualNetwork = null)
    {
        var machine = await NetworkNamespace.CreateAsync(name, _directory);
        _machines.Add(machine);
        var port = $"v-{name}";
        await Shell.RunInAsync(_router, ["ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine.Holder]);
        await Shell.RunInAsync(_router, ["ip", "link", "set", port, "up"]);
        await Shell.RunInAsync(machine, ["ip", "link", "set", "eth0", "up"]);
        var link = "eth0";
        if (virtualNetwork is { } number)
        {
            port = await TagAsync(_router, port, number);
            link = await TagAsync(machine, link, number);
        }

        await Shell.RunInAsync(_router, ["ip", "addr", "add", "169.254.0.1/32", "dev", port]);
        await Shell.RunInAsync(_router, ["ip", "route", "add", $"{address}/32", "dev", port]);
        await Shell.RunInAsync(machine, ["ip", "addr", "add", $"{address}/32", "dev", link]);
        await Shell.RunInAsync(machine, ["ip", "route", "add", "169.254.0.1/32", "dev", link]);
        await Shell.RunInAsync(machine, ["ip", "route", "add", "default", "via", "169.254.0.1", "src", address.ToString()]);
        return machine;
    }

    private static async Task<string> TagAsync(NetworkNamespace machine, string link, int number)
    {
        var tagged = $"{link}.{number}";
        await Shell.RunInAsync(machine, ["ip", "link", "add", "link", link, "name", tagged, "type", "vlan", "id", $"{number}"]);
        await Shell.RunInAsync(machine, ["ip", "link", "set", tagged, "up"]);
        return tagged;
    }

    /// <summary>
    /// Joins two machines by a wire of their own, past the router: an interface with an address at each end, and each end finds the other's address
    /// by it.
    /// </summary>
    /// <param name="one">A machine, and the name (at most 15 characters) and address of its new interface.</param>
    /// <param name="other">The same of the other end.</param>
    public static async Task WireAsync((NetworkNamespace Machine, string Port, IPAddress Address) one,
        (NetworkNamespace Machine, string Port, IPAddress Address) other)
    {
        await Shell.RunInAsync(
            one.Machine, ["ip", "link", "add", one.Port, "type", "veth", "peer", "name", other.Port, "netns", other.Machine.Holder]);
        foreach (var (end, peer) in new[] { (one, other.Address), (other, one.Address) })
        {
            await Shell.RunInAsync(end.Machine, ["ip", "addr", "add", end.Address.ToString(), "peer", peer.ToString(), "dev", end.Port]);
            await Shell.RunInAsync(end.Machine, ["ip", "link", "set", end.Port, "up"]);
        }
    }

    /// <summary>Leads what a machine sends to an address to the other end of one of its wires.</summary>
    /// <param name="machine">The machine that sends.</param>
    /// <param name="to">Where to.</param>
    /// <param name="via">Address of the wire's other end.</param>
    /// <param name="from">Address of its own end, from which it sends.</param>
    public static Task RouteAsync(NetworkNamespace machine, IPAddress to, IPAddress via, IPAddress from) => Shell.RunInAsync(
        machine, ["ip", "route", "add", $"{to}/32", "via", via.ToString(), "src", from.ToString()]);

    /// <summary>Cuts the machines with these addresses off from all others, at once.</summary>
    public Task CutAsync(params IEnumerable<IPAddress> island)
        => Shell.RunInAsync(_router, ["nft", "add", "element", "ip", "cut", "island", $"{{ {string.Join(", ", island)} }}"]);

    /// <summary>From now on, every packet between the machines passes a bad wire. Not after a cut.</summary>
    /// <exception cref="InvalidOperationException">This machine has no TUN devices.</exception>
    public async Task<BadWire> SpoilAsync(WireFaults faults, int seed)
    {
        const string table = "77";
        var wire = BadWire.Open(_router, "wire", faults, seed);
        try
        {
            await Shell.RunInAsync(_router, ["ip", "link", "set", "wire", "up"]);
            await Shell.RunInAsync(_router, ["ip", "route", "add", "default", "dev", "wire", "table", table]);
            foreach (var machine in _machines)
            {
                await Shell.RunInAsync(_router, ["ip", "rule", "add", "iif", $"v-{machine.Name}", "lookup", table]);
            }

            return wire;
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    /// <summary>From now on, every segment passes by itself: no segmentation offload, none for receiving (TSO, GSO, GRO).</summary>
    /// <exception cref="InvalidOperationException">The kernel does not do it.</exception>
    public void SwitchOffloadsOff()
    {
        foreach (var machine in _machines)
        {
            Offloads.SwitchOff(machine, "eth0");
            Offloads.SwitchOff(_router, $"v-{machine.Name}");
        }
    }

    /// <summary>From now on, packets to an address that are larger than so many bytes are refused on their way, as a tunnel would.</summary>
    public Task NarrowAsync(NetworkNamespace machine, IPAddress address, int bytes)
    {
        ArgumentNullException.ThrowIfNull(machine);
        return Shell.RunInAsync(_router, ["ip", "route", "change", $"{address}/32", "dev", $"v-{machine.Name}", "mtu", "lock", $"{bytes}"]);
    }

    /// <summary>Changes the largest packet of a machine's link, in bytes, at both of its ends.</summary>
    public async Task SetPacketSizeAsync(NetworkNamespace machine, int bytes)
    {
        ArgumentNullException.ThrowIfNull(machine);
        await Shell.RunInAsync(machine, ["ip", "link", "set", "eth0", "mtu", $"{bytes}"]);
        await Shell.RunInAsync(_router, ["ip", "link", "set", $"v-{machine.Name}", "mtu", $"{bytes}"]);
    }

    /// <summary>Ends every cut.</summary>
    public Task HealAsync() => Shell.RunInAsync(_router, ["nft", "flush", "set", "ip", "cut", "island"]);

    /// <summary>Ends the namespaces. The processes in them must have ended.</summary>
    public void Dispose()
    {
        _machines.ForEach(m => m.Dispose());
        _router.Dispose();
    }
}
