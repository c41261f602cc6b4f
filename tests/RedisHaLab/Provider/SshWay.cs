// The way to a machine as ssh takes it: a configuration with both hops, the given keys in files, and the host keys that the
// command expects, each for its own hop. (`ssh -J` does not pass the key on to the jump host, so a configuration file it is.)

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
    private readonly string _from;

    /// <param name="lab">The lab.</param>
    /// <param name="name">The command's name, for its directory.</param>
    /// <param name="connection">Host, user, key and proxy, as the Command provider has them.</param>
    public SshWay(Lab lab, string name, Properties connection)
    {
        _lab = lab;
        _directory = Path.Combine(lab.Paths.RunDirectory, "ssh", name);
        Directory.CreateDirectory(_directory, FileModes.SecretDirectory);
        // A private address is asked for from the operators' own network, a public one from the internet.
        var first = connection.Object("proxy") ?? connection;
        _from = lab.State.Network.Vnics.Any(vnic => vnic.Address == first.Text("host")) ? VcnNetwork.OfficeRole : VcnNetwork.OutsideRole;
        var text = new StringBuilder();
        Hop(text, "target", connection, hasProxy: connection.Object("proxy") is not null);
        if (connection.Object("proxy") is { } proxy)
        {
            Hop(text, "bastion", proxy, hasProxy: false);
        }

        File.WriteAllText(Path.Combine(_directory, "config"), text.ToString());
    }

    /// <summary>The command line that runs a text on the target.</summary>
    public IReadOnlyList<string> Command(string text) =>
        _lab.Network.In(_from, ["ssh", "-F", Path.Combine(_directory, "config"), "-T", "target", "--", text]);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private void Hop(StringBuilder text, string alias, Properties connection, bool hasProxy)
    {
        var key = Path.Combine(_directory, alias + ".key");
        FileModes.WriteSecret(key, connection.Text("privateKey").TrimEnd() + "\n");
        // The provider checks no host key when none is given (pulumi-command 1.2.1, connection.go): anybody could answer.
        var hostKey = connection.OptionalText("hostKey")
            ?? throw new LabException($"the connection to {connection.Text("host")} has no hostKey, so the provider would trust whoever answers.");
        File.WriteAllText(Path.Combine(_directory, alias + ".known_hosts"), $"{alias} {hostKey}\n");
        text.Append(CultureInfo.InvariantCulture, $"""
            Host {alias}
              HostName {connection.Text("host")}
              Port {connection.Number("port") ?? 22}
              User {connection.OptionalText("user") ?? "root"}
              IdentityFile {key}
              IdentitiesOnly yes
              UserKnownHostsFile {_directory}/{alias}.known_hosts
              HostKeyAlias {alias}
              HostKeyAlgorithms {hostKey.Split(' ')[0]}
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
