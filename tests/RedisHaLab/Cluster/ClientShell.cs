// How a program of this machine runs in one of the lab's networks: with the network's own name service, and for clients
// with the password in REDISCLI_AUTH, read from its file by the shell that becomes the program.

using RedisHaLab.Instance;
using RedisHaLab.Network;

namespace RedisHaLab.Cluster;

/// <summary>Command lines for the lab's networks.</summary>
internal static class ClientShell
{
    // A mount namespace of its own: the host's resolver stays as it is.
    private const string Script = """
        resolver=$1; password=$2; shift 2
        mount --bind "$resolver" "$(readlink -f /etc/resolv.conf)"
        if [ -r "$password" ]; then IFS= read -r REDISCLI_AUTH < "$password" || :; export REDISCLI_AUTH; fi
        exec "$@"
        """;

    /// <summary>The command line that runs a program in a network of the lab.</summary>
    public static IReadOnlyList<string> Command(Lab lab, string role, IEnumerable<string> command)
    {
        var resolver = Path.Combine(lab.Paths.RunDirectory, "resolv.conf");
        File.WriteAllText(resolver, $"nameserver {Addresses.LinkLocalService}\n");
        var password = role == VcnNetwork.ClientRole ? lab.Paths.PasswordFile : "";
        return lab.Network.In(role, ["unshare", "--mount", "--propagation", "private", "sh", "-ec", Script, "sh", resolver, password, .. command]);
    }
}
