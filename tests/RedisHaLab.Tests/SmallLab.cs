// A lab of two machines without Pulumi and without Redis: what the engine itself promises is tested on it.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;
using Xunit;

namespace RedisHaLab.Tests;

/// <summary>Two machines in one subnet, one of which may ask the other on port 8080, and a bucket.</summary>
internal static class SmallLab
{
    /// <summary>The machine that serves on port 8080.</summary>
    public const string Server = "server";

    /// <summary>The machine that may ask it.</summary>
    public const string Caller = "caller";

    private const string Vcn = "vcn.1";
    private const string Subnet = "subnet.1";
    private const string ServerGroup = "group.server";
    private const string CallerGroup = "group.caller";

    private const string UserData = """
        #cloud-config
        write_files:
          - path: /etc/systemd/system/answer.service
            content: |
              [Service]
              ExecStart=/usr/bin/python3 -m http.server 8080 --directory /run
              [Install]
              WantedBy=multi-user.target
        runcmd:
          - [sh, -ec, "iptables -I INPUT 1 -p tcp --dport 8080 -j ACCEPT; systemctl enable --now answer.service; echo 1 > /proc/sys/vm/overcommit_memory"]
        """;

    /// <summary>Brings it up and waits for its boot.</summary>
    public static async Task UpAsync(Lab lab)
    {
        await lab.EnsureBaseAsync();
        await lab.ChangeNetworkAsync(network => network with
        {
            Vcns = [new Vcn(Vcn, ["10.99.0.0/24"], "small")],
            Routes = [new Route("routes.1", "0.0.0.0/0", GatewayKind.Nat), new Route("routes.1", Addresses.ServicesCidrBlock, GatewayKind.Service)],
            Rules =
            [
                Rule(ServerGroup, Direction.Ingress, PeerKind.Group, CallerGroup, 8080),
                Rule(CallerGroup, Direction.Egress, PeerKind.Group, ServerGroup, 8080),
                Rule(CallerGroup, Direction.Egress, PeerKind.Group, ServerGroup, 8081),
                Rule(CallerGroup, Direction.Egress, PeerKind.Cidr, "0.0.0.0/0", 80),
            ],
        });
        await lab.AddSubnetAsync(new Subnet(Subnet, "10.99.0.0/25", Vcn, "routes.1", [], "one", ProhibitPublicAddress: true));
        await lab.AddClientAsync(Subnet);
        await Task.WhenAll(AddAsync(lab, Server, "10.99.0.11", ServerGroup), AddAsync(lab, Caller, "10.99.0.12", CallerGroup));
        await lab.WaitForBootAsync(TimeSpan.FromMinutes(3));
    }

    /// <summary>Puts an object and returns the path that reads it.</summary>
    public static string Put(Lab lab, string content)
    {
        Directory.CreateDirectory(lab.Paths.ObjectsDirectory);
        File.WriteAllText(Path.Combine(lab.Paths.ObjectsDirectory, "1"), content);
        lab.Store.Update(state => state with
        {
            Objects = [new StoredObject("bucket", "dir/thing", "1", null)],
            Permits = [new ObjectPermit("secret-token", "bucket", "dir/thing", DateTimeOffset.UtcNow.AddHours(1)),
                new ObjectPermit("old-token", "bucket", "dir/thing", DateTimeOffset.UtcNow.AddHours(-1))],
        });
        return $"http://{Addresses.ObjectStorageName}/p/secret-token/n/lab/b/bucket/o/dir/thing";
    }

    /// <summary>Runs a shell line inside a machine.</summary>
    public static Task<ShellResult> ShellAsync(Lab lab, string machine, string line) =>
        HostCommand.RunAsync(lab.Machine(machine).Inside(["sh", "-c", line]), timeout: TimeSpan.FromSeconds(60));

    /// <summary>Waits until the caller reaches the server's port.</summary>
    public static async Task AnswersAsync(Lab lab)
    {
        var last = "";
        var answers = await Eventually.HoldsWithinAsync(
            async () => (last = await ConnectAsync(lab, Caller, "10.99.0.11", 8080, 1)) == "connected", TimeSpan.FromSeconds(60),
                TimeSpan.FromMilliseconds(100));
        Assert.True(answers, $"the caller does not reach the server: {last}");
    }

    /// <summary>What a connection attempt from a namespace ends in: "connected", "refused", "no way" or "silence".</summary>
    public static async Task<string> ConnectAsync(Lab lab, string role, string address, int port, double seconds = 3)
    {
        try
        {
            using var socket = await NetworkNamespace.Named(lab.Paths.Namespace(role)).ConnectAsync(IPEndPoint.Parse($"{address}:{port}"),
                TimeSpan.FromSeconds(seconds));
            return "connected";
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            return "refused";
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.HostUnreachable or SocketError.NetworkUnreachable)
        {
            return "no way"; // as long as the caller or the server boots
        }
        catch (OperationCanceledException)
        {
            return "silence";
        }
    }

    private static Task AddAsync(Lab lab, string name, string address, string group)
    {
        var made = lab.State.Machines.FirstOrDefault(machine => machine.Name == name);
        return lab.AddMachineAsync(
            new MachineSpec
            {
                Name = name,
                InstanceId = made?.InstanceId ?? "ocid1.instance." + Guid.NewGuid().ToString("n"),
                Domain = "one.small.oraclevcn.com",
                Address = address,
                PrefixLength = 25,
                Gateway = "10.99.0.1",
                Metadata = new Dictionary<string, string>
                {
                    ["user_data"] = name == Server ? Convert.ToBase64String(Encoding.UTF8.GetBytes(UserData)) : "",
                    ["ssh_authorized_keys"] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl test",
                },
            },
            new Vnic { Name = name, Address = address, SubnetId = Subnet, GroupIds = [group], HostName = name });
    }

    private static SecurityRule Rule(string owner, Direction direction, PeerKind kind, string peer, int port) =>
        new() { OwnerId = owner, Direction = direction, Protocol = "6", PeerKind = kind, Peer = peer, Ports = new PortRange(port, port) };
}
