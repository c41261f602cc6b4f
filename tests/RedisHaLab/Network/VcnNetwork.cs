// Brings the network model to life: one namespace is the network, each interface a namespace with a routed /32 and
// proxy ARP, so that even traffic within a subnet crosses the forward chain and meets its rules. Nothing has a link to
// the host's own namespace.

using System.Globalization;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.State;

namespace RedisHaLab.Network;

/// <summary>Namespaces, links, routes and rules of one instance.</summary>
internal sealed class VcnNetwork : IDisposable
{
    /// <summary>Role of the namespace that is the network.</summary>
    public const string NetworkRole = "vcn";

    /// <summary>Role of the namespace that is the world outside: the operator, the package mirror, the provider's services.</summary>
    public const string OutsideRole = "outside";

    /// <summary>Role of the namespace that is the operators' own network, behind a VPN.</summary>
    public const string OfficeRole = "office";

    /// <summary>Role and interface name of the namespace where clients live.</summary>
    public const string ClientRole = "client";

    private readonly LabPaths _paths;
    private readonly SemaphoreSlim _oneAtATime = new(1, 1);

    public VcnNetwork(LabPaths paths) => _paths = paths;

    public void Dispose() => _oneAtATime.Dispose();

    /// <summary>Namespaces of the instance that exist.</summary>
    public IReadOnlyList<string> Existing() => Directory.Exists("/run/netns")
        ? Directory.GetFiles("/run/netns").Select(file => Path.GetFileName(file)).Where(name => name.StartsWith(_paths.NamespacePrefix,
            StringComparison.Ordinal)).ToList()
        : [];

    /// <summary>The command line that runs a program in a namespace of the instance.</summary>
    public IReadOnlyList<string> In(string role, IEnumerable<string> command) => ["nsenter", "--net=/run/netns/" + _paths.Namespace(role), "--", .. command];

    /// <summary>Makes everything that exists without any resource: the network's namespace and the world outside.</summary>
    public async Task EnsureBaseAsync()
    {
        await _oneAtATime.WaitAsync();
        try
        {
            if (!Existing().Contains(_paths.Namespace(NetworkRole)))
            {
                await CreateAsync(NetworkRole);
                await SysctlAsync(NetworkRole, "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
                    "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.all.disable_ipv6=1",
                        "net.ipv6.conf.default.disable_ipv6=1",
                    // A balancer that ends a session does not know its numbers (Services/SessionReset.cs).
                    "net.netfilter.nf_conntrack_tcp_be_liberal=1");
                await IpAsync(NetworkRole,
                    "link set lo up",
                    $"addr add {Addresses.LinkLocalService}/32 dev lo",
                    $"addr add {Addresses.LinkLocalRouter}/32 dev lo");
            }

            if (!Existing().Contains(_paths.Namespace(OutsideRole)))
            {
                await CreateAsync(OutsideRole);
                await SysctlAsync(OutsideRole, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
                await IpAsync(NetworkRole,
                    $"link add {RuleSet.OutsideLink} type veth peer name cloud netns {_paths.Namespace(OutsideRole)}",
                    $"link set {RuleSet.OutsideLink} up",
                    $"route add {Addresses.Operator}/32 dev {RuleSet.OutsideLink}",
                    $"route add {Addresses.PackageMirror}/32 dev {RuleSet.OutsideLink}",
                    $"route add {Addresses.ServicesCidr} dev {RuleSet.OutsideLink}");
                // The operator has a route to the private addresses as well: what keeps him out must be the rules.
                await IpAsync(OutsideRole,
                    "link set lo up",
                    $"addr add {Addresses.Operator}/32 dev cloud",
                    $"addr add {Addresses.PackageMirror}/32 dev lo",
                    $"addr add {Addresses.ObjectStorage}/32 dev lo",
                    "link set cloud up",
                    $"route add default via {Addresses.LinkLocalRouter} dev cloud onlink src {Addresses.Operator}");
            }

            if (!Existing().Contains(_paths.Namespace(OfficeRole)))
            {
                await CreateAsync(OfficeRole);
                await SysctlAsync(OfficeRole, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
                await IpAsync(NetworkRole,
                    $"link add {RuleSet.OfficeLink} type veth peer name vpn netns {_paths.Namespace(OfficeRole)}",
                    $"link set {RuleSet.OfficeLink} up",
                    $"route add {Addresses.OfficeCidr} dev {RuleSet.OfficeLink}");
                await IpAsync(OfficeRole,
                    "link set lo up",
                    $"addr add {Addresses.Office}/32 dev vpn",
                    "link set vpn up",
                    $"route add default via {Addresses.LinkLocalRouter} dev vpn onlink src {Addresses.Office}");
            }
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Makes a subnet's gateway answer.</summary>
    public async Task EnsureSubnetAsync(Subnet subnet)
    {
        var gateway = Addresses.Gateway(subnet.Cidr);
        await HostCommand.RequireAsync(["ip", "-n", _paths.Namespace(NetworkRole), "addr", "replace", gateway + "/32", "dev", "lo"]);
    }

    /// <summary>Makes an interface with its namespace where it does not exist.</summary>
    /// <param name="vnic">The interface.</param>
    /// <param name="subnet">Its subnet.</param>
    /// <param name="configure">Whether to set address and route inside; a machine does that by itself.</param>
    public async Task EnsureVnicAsync(Vnic vnic, Subnet subnet, bool configure)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            var link = Addresses.LinkName(vnic.Address);
            var network = _paths.Namespace(NetworkRole);
            var linked = (await HostCommand.RunAsync(["ip", "-n", network, "link", "show", link])).ExitCode == 0;
            if (linked && Existing().Contains(_paths.Namespace(vnic.Name)))
            {
                return;
            }

            await RemoveVnicUnguardedAsync(vnic);
            await CreateAsync(vnic.Name);
            await IpAsync(NetworkRole, $"link add {link} type veth peer name eth0 netns {_paths.Namespace(vnic.Name)}", $"link set {link} alias {vnic.Name}");
            await SysctlAsync(NetworkRole, $"net.ipv4.conf.{link}.proxy_arp=1", $"net.ipv4.neigh.{link}.proxy_delay=0");
            await IpAsync(NetworkRole, $"link set {link} up", $"route replace {vnic.Address}/32 dev {link}");
            if (configure)
            {
                await SysctlAsync(vnic.Name, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv4.conf.all.send_redirects=0",
                    "net.ipv4.conf.default.send_redirects=0");
                await IpAsync(vnic.Name,
                    "link set lo up",
                    $"addr add {vnic.Address}/{Addresses.PrefixLength(subnet.Cidr)} dev eth0",
                    "link set eth0 up",
                    $"route add default via {Addresses.Gateway(subnet.Cidr)}");
            }
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Removes an interface and its namespace, with all connections that the kernel still holds there.</summary>
    public async Task RemoveVnicAsync(Vnic vnic)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            await RemoveVnicUnguardedAsync(vnic);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Turns a namespace into one that forwards, as a load balancer's does.</summary>
    public Task EnableForwardingAsync(string role) =>
        SysctlAsync(role, "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0");

    /// <summary>Loads the network's rules in one transaction; established connections stay.</summary>
    public async Task ApplyAsync(NetworkModel model)
    {
        await _oneAtATime.WaitAsync();
        try
        {
            await HostCommand.RequireAsync(In(NetworkRole, ["nft", "-f", "-"]), RuleSet.ForNetwork(model));
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Removes a namespace.</summary>
    public static Task DeleteNamespaceAsync(string name) => HostCommand.RequireAsync(["ip", "netns", "delete", name]);

    private async Task RemoveVnicUnguardedAsync(Vnic vnic)
    {
        // The link first: it must be gone even while dying connections keep the namespace.
        await HostCommand.RunAsync(["ip", "-n", _paths.Namespace(NetworkRole), "link", "delete", Addresses.LinkName(vnic.Address)]);
        if (Existing().Contains(_paths.Namespace(vnic.Name)))
        {
            await DeleteNamespaceAsync(_paths.Namespace(vnic.Name));
        }
    }

    private Task<string> CreateAsync(string role) => HostCommand.RequireAsync(["ip", "netns", "add", _paths.Namespace(role)]);

    private Task<string> IpAsync(string role, params string[] lines)
    {
        var batch = new StringBuilder();
        foreach (var line in lines)
        {
            batch.Append(CultureInfo.InvariantCulture, $"{line}\n");
        }

        return HostCommand.RequireAsync(["ip", "-n", _paths.Namespace(role), "-batch", "-"], batch.ToString());
    }

    private Task<string> SysctlAsync(string role, params string[] settings) => HostCommand.RequireAsync(In(role, ["sysctl", "-qw", .. settings]));
}
