// The way to a machine as ssh takes it: a configuration with both hops, the given keys in files, and the machines' own
// host keys. (`ssh -J` does not pass the key on to the jump host, so a configuration file it is.)

using System.Globalization;
using System.Text;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;

namespace RedisHaLab.Provider;

/// <summary>Files for one connection, removed when disposed.</summary>
internal sealed class SshWay : IDisposable
{
    private readonly Lab _lab;
    private readonly string _directory;

    /// <param name="lab">The lab.</param>
    /// <param name="name">The command's name, for its directory.</param>
    /// <param name="connection">Host, user, key and proxy, as the Command provider has them.</param>
    public SshWay(Lab lab, string name, Properties connection)
    {
        _lab = lab;
        _directory = Path.Combine(lab.Paths.RunDirectory, "ssh", name);
        Directory.CreateDirectory(_directory, FileModes.SecretDirectory);
        var text = new StringBuilder();
        Hop(text, "target", connection, hasProxy: connection.Object("proxy") is not null);
        if (connection.Object("proxy") is { } proxy)
        {
            Hop(text, "bastion", proxy, hasProxy: false);
        }

        File.WriteAllText(Path.Combine(_directory, "config"), text.ToString());
        File.WriteAllText(Path.Combine(_directory, "known_hosts"), KnownHosts.Of(lab));
    }

    /// <summary>The command line that runs a text on the target.</summary>
    public IReadOnlyList<string> Command(string text) =>
        _lab.Network.In(VcnNetwork.OutsideRole, ["ssh", "-F", Path.Combine(_directory, "config"), "-T", "target", "--", text]);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private void Hop(StringBuilder text, string alias, Properties connection, bool hasProxy)
    {
        var key = Path.Combine(_directory, alias + ".key");
        FileModes.WriteSecret(key, connection.Text("privateKey").TrimEnd() + "\n");
        text.Append(CultureInfo.InvariantCulture, $"""
            Host {alias}
              HostName {connection.Text("host")}
              Port {connection.Number("port") ?? 22}
              User {connection.OptionalText("user") ?? "root"}
              IdentityFile {key}
              IdentitiesOnly yes
              UserKnownHostsFile {_directory}/known_hosts
              GlobalKnownHostsFile /dev/null
              StrictHostKeyChecking yes
              BatchMode yes
              LogLevel ERROR
              ConnectTimeout {connection.Number("perDialTimeout") ?? 15}
              ServerAliveInterval 15
            {(hasProxy ? "  ProxyJump bastion\n" : "")}

            """);
    }
}

/// <summary>Host keys of the lab's machines.</summary>
internal static class KnownHosts
{
    /// <summary>known_hosts(5) lines for every machine: name, private and public address.</summary>
    public static string Of(Lab lab) => string.Concat(lab.State.Machines
        .Where(machine => Machines.Disk.Exists(lab.Paths, machine))
        .Select(machine =>
        {
            var names = new[] { machine.Name, machine.Address, lab.State.Vnic(machine.Name)?.PublicAddress }.OfType<string>();
            return $"{string.Join(',', names)} {Machines.Disk.HostKey(lab.Paths, machine)}\n";
        }));
}
