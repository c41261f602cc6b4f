// The operator of the lab: a key pair, and the ssh_config by which every machine is reached.

using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>The operator's key and configuration.</summary>
internal static class OperatorKey
{
    /// <summary>The private key.</summary>
    public static string PrivateKey(LabPaths paths) => Path.Combine(paths.SshDirectory, "id_ed25519");

    /// <summary>The ssh configuration.</summary>
    public static string Config(LabPaths paths) => Path.Combine(paths.SshDirectory, "config");

    /// <summary>The public key; the pair is made first where there is none.</summary>
    public static async Task<string> EnsureAsync(LabPaths paths)
    {
        var key = PrivateKey(paths);
        if (!File.Exists(key + ".pub"))
        {
            paths.EnsureStateDirectory();
            Directory.CreateDirectory(paths.SshDirectory, FileModes.SecretDirectory);
            File.Delete(key);
            await HostCommand.RequireAsync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "operator@" + paths.Name, "-f", key]);
        }

        return (await File.ReadAllTextAsync(key + ".pub")).Trim();
    }

    /// <summary>The machine through which ports are forwarded: the bastion, or else the first Redis node that has power.</summary>
    public static string Gate(Lab lab)
    {
        var nodes = lab.State.Stack?.Nodes ?? throw new LabException("`up` has not run to its end; run it again.");
        return nodes.FirstOrDefault(node => node.Role == "bastion")?.Name
            ?? nodes.Where(node => node.Role == "redis").FirstOrDefault(node => lab.Machine(node.Name).Leader is not null)?.Name
            ?? throw new LabException("no Redis node has power, and there is no bastion: `scripts/lab up` repairs it.");
    }

    /// <summary>Writes the configuration: the stack's own, with the operator's key and the stack's host keys.</summary>
    public static void WriteConfig(Lab lab, StackResults stack)
    {
        var hosts = Path.Combine(lab.Paths.SshDirectory, "known_hosts");
        File.WriteAllText(hosts, stack.KnownHosts + "\n");
        // The first value that ssh meets holds.
        File.WriteAllText(Config(lab.Paths), $"""
            IdentityFile {PrivateKey(lab.Paths)}
            IdentitiesOnly yes
            UserKnownHostsFile {hosts}

            {stack.SshConfig}

            """);
    }
}
