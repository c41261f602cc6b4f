// The long-lived processes beside the machines: the name service (dnsmasq) and the cloud's services (`redis-ha-lab
// serve`: Object Storage, package mirror, instance metadata, the balancers' health checks).

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>Starts, reloads and ends the services of one instance.</summary>
internal sealed class ServiceProcesses
{
    /// <summary>Pid file and log of the name service.</summary>
    public const string NameService = "dnsmasq";

    /// <summary>Pid file and log of the cloud's services.</summary>
    public const string CloudServices = "services";

    private readonly LabPaths _paths;
    private readonly VcnNetwork _network;
    private readonly Lock _hosts = new();

    public ServiceProcesses(LabPaths paths, VcnNetwork network)
    {
        _paths = paths;
        _network = network;
    }

    /// <summary>Starts what does not run.</summary>
    public async Task EnsureAsync(LabState state)
    {
        PublishNames(state);
        await EnsureAsync(NameService, _network.In(VcnNetwork.NetworkRole,
        [
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--addn-hosts=" + _paths.HostsFile,
            "--listen-address=" + Addresses.LinkLocalService, "--bind-interfaces", "--user=root", "--pid-file=", "--log-facility=-", "--local-ttl=1",
                "--local=/#/",
        ]));
        await EnsureAsync(CloudServices, [.. Self(), "serve", "--name", _paths.Name]);
        await ReadyAsync(VcnNetwork.NetworkRole, Addresses.LinkLocalService, 80);
        await ReadyAsync(VcnNetwork.OutsideRole, Addresses.ObjectStorage, 80);
    }

    /// <summary>Writes the names of all interfaces and makes the name service read them.</summary>
    public void PublishNames(LabState state)
    {
        var text = new StringBuilder()
            .AppendLine(CultureInfo.InvariantCulture, $"{Addresses.PackageMirror} {Addresses.PackageMirrorName}")
            .AppendLine(CultureInfo.InvariantCulture, $"{Addresses.ObjectStorage} {Addresses.ObjectStorageName} {Addresses.MonitoringName}");
        foreach (var vnic in state.Network.Vnics.Where(vnic => vnic.HostName is not null))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{vnic.Address} {vnic.HostName}{Domain(state, vnic)}");
        }

        foreach (var record in state.Network.HostRecords)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{record.Address} {record.Name.TrimEnd('.')}");
        }

        lock (_hosts)
        {
            Directory.CreateDirectory(_paths.RunDirectory);
            var content = text.ToString();
            if (File.Exists(_paths.HostsFile) && File.ReadAllText(_paths.HostsFile) == content)
            {
                return;
            }

            File.WriteAllText(_paths.HostsFile, content);
            PidFile.Read(_paths, NameService)?.Reload();
        }
    }

    /// <summary>The domain of an interface, with a leading dot; empty where the network has no labels.</summary>
    public static string Domain(LabState state, Vnic vnic)
    {
        var subnet = state.Network.Subnets.FirstOrDefault(subnet => subnet.Id == vnic.SubnetId);
        var vcn = state.Network.Vcns.FirstOrDefault(vcn => vcn.Id == subnet?.VcnId);
        return subnet?.DnsLabel is { } label && vcn?.DnsLabel is { } parent ? $".{label}.{parent}.oraclevcn.com" : "";
    }

    /// <summary>Whether a service runs.</summary>
    public bool Runs(string name) => PidFile.Read(_paths, name) is { IsAlive: true };

    private static string[] Self()
    {
        var program = Environment.ProcessPath ?? "dotnet";
        // Under a test runner or `dotnet run` the process is another program's; the assembly beside this one is ours.
        var assembly = Path.Combine(AppContext.BaseDirectory, "redis-ha-lab.dll");
        return Path.GetFileNameWithoutExtension(program) == "redis-ha-lab" ? [program] : [Installed.Path("dotnet") ?? "dotnet", "exec", assembly];
    }

    private async Task EnsureAsync(string name, IReadOnlyList<string> command)
    {
        if (Runs(name))
        {
            return;
        }

        var process = new ServiceProcess
        {
            Name = _paths.HostName(name),
            Command = command,
            LogFile = _paths.LogFile(name),
            ControlGroup = _paths.ControlGroup + "/services"
        };
        PidFile.Write(_paths, name, await process.StartAsync());
    }

    private async Task ReadyAsync(string role, string address, int port)
    {
        var ready = await Eventually.HoldsWithinAsync(() => AcceptsAsync(role, address, port), TimeSpan.FromSeconds(20), TimeSpan.FromMilliseconds(20));
        if (!ready)
        {
            var log = _paths.LogFile(CloudServices);
            throw new LabException($"The cloud's services did not begin to serve {address}:{port}. Their log {log} ends "
                + $"with:{Environment.NewLine}{(File.Exists(log) ? HostCommand.Tail(await File.ReadAllTextAsync(log), 15) : "")}");
        }
    }

    private async Task<bool> AcceptsAsync(string role, string address, int port)
    {
        if (!Runs(CloudServices))
        {
            return false;
        }

        try
        {
            using var socket = await NetworkNamespace.Named(_paths.Namespace(role)).ConnectAsync(IPEndPoint.Parse($"{address}:{port}"),
                TimeSpan.FromSeconds(1));
            return true;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return false;
        }
    }
}
