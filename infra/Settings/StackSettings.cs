// All settings of a stack: read once, checked together, before anything is registered.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>The stack's settings, complete and consistent.</summary>
public sealed partial record StackSettings
{
    /// <summary>OCID of the compartment that everything goes into.</summary>
    public required string CompartmentId { get; init; }

    /// <summary>Tags on everything.</summary>
    public required TagSettings Tags { get; init; }

    /// <summary>OCID of the key that boot volumes and bucket are encrypted with; null for Oracle's own.</summary>
    public required string? KmsKeyId { get; init; }

    /// <summary>The administrators' key pair.</summary>
    public required SshSettings Ssh { get; init; }

    /// <summary>Networks and addresses.</summary>
    public required NetworkSettings Network { get; init; }

    /// <summary>The machines.</summary>
    public required ComputeSettings Compute { get; init; }

    /// <summary>redis-server.</summary>
    public required RedisSettings Redis { get; init; }

    /// <summary>redis-sentinel.</summary>
    public required SentinelSettings Sentinel { get; init; }

    /// <summary>The proxies.</summary>
    public required ProxySettings Proxy { get; init; }

    /// <summary>What they say of every proxy's configuration alike.</summary>
    public ProxyOptions ProxyOptions => Proxy.Options(Network, Tls, AdminTls, RedisTls);

    /// <summary>TLS with clients; null for none.</summary>
    public required TlsSettings? Tls { get; init; }

    /// <summary>TLS of the proxies' pages; null for none.</summary>
    public required AdminTlsSettings? AdminTls { get; init; }

    /// <summary>TLS of the Redis nodes; null for none.</summary>
    public required RedisTlsSettings? RedisTls { get; init; }

    /// <summary>Backups of the data, and its protection.</summary>
    public required BackupSettings Backup { get; init; }

    /// <summary>Alarms, and where they go.</summary>
    public required AlarmSettings Alarms { get; init; }

    /// <summary>The machines' logs in OCI's Logging; null when they stay on the machines.</summary>
    public required LogSettings? Logs { get; init; }

    /// <summary>The passwords.</summary>
    public required PasswordSettings Passwords { get; init; }

    /// <summary>Reads and checks everything.</summary>
    /// <exception cref="SettingsException">Something is wrong; the message lists every problem.</exception>
    public static StackSettings Read(SettingsSource source)
    {
        (StackSettings settings, IReadOnlyList<SettingProblem> problems) = TryRead(source);
        return problems.Count == 0 ? settings : throw new SettingsException([.. problems.Select(problem => WithGoodExample(source, problem))]);
    }

    // The example passes the rule that it explains beside the values of all other settings: it is tried, and where it breaks another rule of
    // the same setting, that rule's example is next.
    private static SettingProblem WithGoodExample(SettingsSource source, SettingProblem problem)
    {
        Setting? setting = Setting.All.FirstOrDefault(known => known.Key == problem.Key);
        string? proposal = problem.Proposal;
        var tried = new HashSet<string>(StringComparer.Ordinal);
        while (setting is not null && proposal is not null && tried.Add(proposal))
        {
            SettingProblem? next = TryRead(source.With(setting.Key, setting.Raw(proposal))).Problems.FirstOrDefault(other => other.Key == problem.Key);
            if (next is null)
            {
                return problem with { Example = setting.ExampleCommand(proposal) };
            }
            proposal = next.Proposal;
        }
        return problem;
    }

    /// <summary>Reads and checks everything; where something is wrong, the settings have a default in its place.</summary>
    internal static (StackSettings Settings, IReadOnlyList<SettingProblem> Problems) TryRead(SettingsSource source)
    {
        var reader = new SettingsReader(source);
        var network = NetworkSettings.Read(reader);
        var compute = ComputeSettings.Read(reader);
        var proxy = ProxySettings.Read(reader);
        ComputeSettings.CheckPlaces(
            reader, compute, new[] { network.Bastion }.OfType<NodeAddress>().Concat(network.Redis).Concat(network.Proxies).Select(machine => machine.Name));
        BundleArchitecture.Check(reader, proxy.BundlePath, compute.Proxy);
        SentinelSettings sentinel = RedisSettingsReader.Sentinel(reader, network);
        RedisSettings redis = RedisSettingsReader.Redis(reader, network, compute, proxy, sentinel);
        var tls = TlsSettings.Read(reader);
        var adminTls = AdminTlsSettings.Read(reader);
        var redisTls = RedisTlsSettings.Read(reader, network);
        ProxyOverrides.Judge(reader, new ProxyDocument
        {
            Node = network.Proxies[0],
            RedisNodes = network.Redis,
            Peers = [.. network.Proxies.Skip(1)],
            MinReplicasToWrite = redis.MinReplicasToWrite,
            Sentinel = sentinel,
            Options = proxy.Options(network, tls, adminTls, redisTls),
        });
        var settings = new StackSettings
        {
            CompartmentId = reader.Text(Setting.CompartmentId, CompartmentIdForm(), "the OCID of a compartment (or of the tenancy, its root)"),
            Tags = TagSettings.Read(reader),
            KmsKeyId = reader.OptionalText(Setting.KmsKeyId, KmsKeyIdForm(), "the OCID of a master encryption key (Vault), or nothing for Oracle's own keys"),
            Ssh = SshSettings.Read(reader),
            Network = network,
            Compute = compute,
            Redis = redis,
            Sentinel = sentinel,
            Proxy = proxy,
            Tls = tls,
            AdminTls = adminTls,
            RedisTls = redisTls,
            Backup = BackupSettings.Read(reader),
            Alarms = AlarmSettings.Read(reader),
            Logs = LogSettings.Read(reader),
            Passwords = PasswordSettings.Read(reader),
        };
        return (settings, reader.Problems);
    }

    [GeneratedRegex(@"^ocid1\.(compartment|tenancy)\.[A-Za-z0-9._-]+$")]
    private static partial Regex CompartmentIdForm();

    [GeneratedRegex(@"^ocid1\.key\.[A-Za-z0-9._-]+$")]
    private static partial Regex KmsKeyIdForm();
}
