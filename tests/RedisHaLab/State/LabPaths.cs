// Where an instance of the lab keeps its things, and what its kernel objects are called. Everything carries the
// instance's name, so that several labs live side by side.

using System.Text.RegularExpressions;
using RedisHaLab.Host;

namespace RedisHaLab.State;

/// <summary>Names and places of one instance.</summary>
internal sealed partial class LabPaths
{
    /// <summary>Directory of what all instances share: the base root and the packages.</summary>
    public const string CacheDirectory = "/var/cache/redis-ha-lab";

    /// <summary>Prefix of all control groups.</summary>
    public const string ControlGroupRoot = "redis-ha-lab";

    /// <exception cref="LabException">The name is not one.</exception>
    public LabPaths(string name)
    {
        if (!NamePattern().IsMatch(name))
        {
            throw new LabException($"--name: \"{name}\" is not a name for a lab: 1 to 12 lower-case letters, digits and hyphens, starting with a letter.",
                LabException.Unusable);
        }

        Name = name;
    }

    /// <summary>The instance's name.</summary>
    public string Name { get; }

    /// <summary>What survives a reboot of the host: state, secrets, the machines' disks.</summary>
    public string StateDirectory => $"/var/lib/redis-ha-lab/{Name}";

    /// <summary>What does not: mounts, logs of processes, pids.</summary>
    public string RunDirectory => $"/run/redis-ha-lab/{Name}";

    /// <summary>The state file.</summary>
    public string StateFile => Path.Combine(StateDirectory, "state.json");

    /// <summary>The lock that one command at a time holds.</summary>
    public string LockFile => $"/run/redis-ha-lab/{Name}.lock";

    /// <summary>The stack's settings at the last `up` that came to its end; some are secrets.</summary>
    public string SettingsFile => Path.Combine(StateDirectory, "settings.json");

    /// <summary>The clients' password, for REDISCLI_AUTH.</summary>
    public string PasswordFile => Path.Combine(StateDirectory, "client.password");

    /// <summary>The password of the user admin of the stats pages.</summary>
    public string AdminPasswordFile => Path.Combine(StateDirectory, "admin.password");

    /// <summary>The password of the user metrics; absent where the stack has none.</summary>
    public string MetricsPasswordFile => Path.Combine(StateDirectory, "metrics.password");

    /// <summary>The authority of the Redis nodes' certificates; absent where these speak no TLS.</summary>
    public string RedisAuthorityFile => Path.Combine(StateDirectory, "redis-ca.crt");

    /// <summary>The Redis nodes that the last `up` left out (absentNodes); absent when it left none out.</summary>
    public string AbsentNodesFile => Path.Combine(StateDirectory, "absent.nodes");

    /// <summary>The address that lists and reads backups; empty when there are none.</summary>
    public string BackupAddressFile => Path.Combine(StateDirectory, "backup.address");

    /// <summary>What pre-authenticated requests have written, a folder for each bucket; an object's name is escaped.</summary>
    public string UploadsDirectory => Path.Combine(StateDirectory, "uploads");

    /// <summary>Keys and ssh_config of the operator.</summary>
    public string SshDirectory => Path.Combine(StateDirectory, "ssh");

    /// <summary>Uploaded objects.</summary>
    public string ObjectsDirectory => Path.Combine(StateDirectory, "objects");

    /// <summary>Block volumes, a sparse file for each.</summary>
    public string VolumesDirectory => Path.Combine(StateDirectory, "volumes");

    /// <summary>A package repository of this lab's own, in place of the common one; mostly there is none.</summary>
    public string PackagesDirectory => Path.Combine(StateDirectory, "packages");

    /// <summary>Hosts file of the name service.</summary>
    public string HostsFile => Path.Combine(RunDirectory, "hosts");

    /// <summary>What the balancer's health checker last saw.</summary>
    public string HealthFile => Path.Combine(RunDirectory, "health.json");

    /// <summary>The custom metrics that the nodes have posted.</summary>
    public string MetricsFile => Path.Combine(RunDirectory, "metrics.json");

    /// <summary>The prefix of the instance's network namespaces.</summary>
    public string NamespacePrefix => $"redis-ha-lab.{Name}.";

    /// <summary>The instance's control group.</summary>
    public string ControlGroup => $"{ControlGroupRoot}/{Name}";

    /// <summary>Makes the state directory where it does not exist; only root may look into it.</summary>
    public void EnsureStateDirectory()
    {
        Directory.CreateDirectory(StateDirectory);
        File.SetUnixFileMode(StateDirectory, FileModes.SecretDirectory);
    }

    /// <summary>A network namespace's name.</summary>
    public string Namespace(string role) => NamespacePrefix + role;

    /// <summary>The prefix of names that are unique on the host: units, machines.</summary>
    public string HostName(string part) => $"redis-ha-lab-{Name}-{part}";

    /// <summary>A machine's mounted root.</summary>
    public string MachineRoot(string machine) => Path.Combine(RunDirectory, "roots", machine);

    /// <summary>A machine's disk: the upper layer and its work directory.</summary>
    public string MachineDisk(string machine) => Path.Combine(StateDirectory, "machines", machine);

    /// <summary>A block volume's file.</summary>
    public string VolumeImage(string volume) => Path.Combine(VolumesDirectory, volume);

    /// <summary>A machine's /dev/oracleoci. Not in the run directory, whose file system may not know devices.</summary>
    public string MachineDevices(string machine) => Path.Combine(StateDirectory, "devices", machine);

    /// <summary>The log of a long-lived process; of a machine, its console.</summary>
    public string LogFile(string process) => Path.Combine(RunDirectory, "log", process + ".log");

    /// <summary>Names of all instances that left something on this host.</summary>
    public static IReadOnlyList<string> AllInstances() => new[] { "/var/lib/redis-ha-lab", "/run/redis-ha-lab" }
        .Where(Directory.Exists)
        .SelectMany(Directory.EnumerateDirectories)
        .Select(directory => Path.GetFileName(directory)!)
        .Distinct()
        .Order(StringComparer.Ordinal)
        .ToList();

    [GeneratedRegex("^[a-z][a-z0-9-]{0,11}$")]
    private static partial Regex NamePattern();
}
