// The whole deployment, as the picture in the README draws it: settings, then components from the network inwards, then outputs.

using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using Pulumi;
using RedisHaInfra.Components;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra;

/// <summary>A Redis that survives the loss of any machine, at one private address for plain clients.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "Stack is Pulumi's term.")]
public class RedisHaStack : Stack
{
    /// <summary>Name of the output <see cref="BuiltWith"/>.</summary>
    internal const string BuiltWithName = "builtWith";

    /// <summary>Builds the deployment of the running Pulumi program.</summary>
    public RedisHaStack()
        : this(null)
    {
    }

    /// <summary>Builds the deployment.</summary>
    /// <param name="transformations">Transformations of all resources besides the stack's own; tests observe by them.</param>
    protected RedisHaStack(IEnumerable<ResourceTransformation>? transformations)
        // Before Stack's constructor registers anything: a bad configuration, a setting that cannot change, and a question to OCI without
        // a good answer end here, each in one message.
        : this(Beforehand.Find(), transformations ?? [])
    {
    }

    private RedisHaStack(Beforehand known, IEnumerable<ResourceTransformation> transformations)
        : base(new StackOptions { ResourceTransformations = [.. TenancyTags.Left(known.Settings.Tags), .. transformations] })
    {
        (StackSettings settings, Region region, MachinePlan plan, BundleFile bundleFile) = known;
        var deployed = Deployed.Current(settings);

        var credentials = new Credentials(settings.Passwords);
        Partial.RefuseFirst(credentials.Passwords);
        var network = new Network(deployed, settings.Network, region);
        BastionService? service = settings.Network.WayIn == WayIn.Service ? new BastionService(deployed, settings.Network, network) : null;
        var groups = new SecurityGroups(deployed, settings.Network, network, service);
        Bastion? bastion = settings.Network.Bastion is null ? null : new Bastion(deployed, settings, credentials, region, plan, network, groups);
        ImmutableArray<string> absent = AbsentNodes.Built(settings, plan);
        NodeAddress first = settings.Network.Redis.First(node => !absent.Contains(node.Name));
        var connections = new Connections(settings.Ssh, settings.Compute.OperatingSystem.User, bastion, first,
            Output.Unsecret(credentials.HostKeyOf(first.Name).Apply(key => key.PublicKey)));
        RollingUpdate? rolling = plan.HasChanges ? new RollingUpdate(connections, plan, credentials) : null;
        var bundle = new ProxyBundle(deployed, settings.Proxy, region, settings.KmsKeyId, bundleFile, TimeProvider.System.GetUtcNow());
        BackupBucket? backups = settings.Backup.IsOn
            ? new BackupBucket(deployed, settings.Backup, region, settings.KmsKeyId, TimeProvider.System.GetUtcNow())
            : null;
        Output<ImmutableDictionary<string, NodeTls>>? redisTls = settings.RedisTls is { } nodes
            ? credentials.RedisTls(nodes, settings.Network, Deployment.Instance.StackName, TimeProvider.System.GetUtcNow())
            : null;
        Output<string>? redisAuthority = redisTls?.Apply(known => known[first.Address].Authority);
        var redis = new RedisNodes(deployed, settings, region, plan, rolling, network, groups, credentials, backups, redisTls);
        (Output<TlsFiles> Files, Output<string> Authority)? tls = settings.Tls is { } asked
            ? credentials.Tls(asked, settings.Network, Deployment.Instance.StackName, TimeProvider.System.GetUtcNow())
            : null;
        (Output<TlsFiles> Files, Output<string> Authority)? adminTls = settings.AdminTls is { } pages
            ? credentials.AdminTls(pages, settings.Network, Deployment.Instance.StackName, TimeProvider.System.GetUtcNow())
            : null;
        var proxies = new ProxyNodes(deployed, settings, region, plan, rolling, network, groups, credentials, bundle, tls?.Files, adminTls?.Files,
            redisAuthority);
        var rollout = new Rollout(new RolloutArgs
        {
            Connections = connections,
            Redis = redis.Machines,
            Absent = absent,
            Proxies = proxies.Machines,
            Reached = reached => rolling?.LeavingProxies(settings.Network.Proxies, reached),
            LoadBalancer = serving => new LoadBalancer(deployed, settings.Network, network, groups, [.. serving, .. rolling?.Last ?? []]),
            Passwords = credentials.Passwords,
        });
        LoadBalancer loadBalancer = rollout.LoadBalancer;
        if (settings.Network.EndpointName is { } name)
        {
            _ = new Components.EndpointName(deployed, name, network, loadBalancer);
        }
        _ = new Data(settings.Backup.IsDataProtected, after: rollout);
        if (settings.Logs is { } logs)
        {
            _ = new Logs(deployed, logs, settings.Compute.OperatingSystem);
        }
        if (settings.Alarms.IsOn)
        {
            _ = new Alarms(deployed, settings.Alarms, loadBalancer.Id, Machines(bastion, redis, proxies).Select(machine => machine.Node));
        }

        Machine[] machines = Machines(bastion, redis, proxies);
        Output<string?> address = bastion?.PublicAddress.Apply(text => (string?)text) ?? Output.Create(Task.FromResult<string?>(null));
        BastionService = service?.Id ?? Output.Create(string.Empty);
        Output<Instructions> lines = Output.Tuple(address, BastionService).Apply(known =>
            new Instructions(settings.Compute.OperatingSystem.User, known.Item1, first, known.Item2.Length == 0 ? null : known.Item2)
            {
                HasAdminTls = settings.AdminTls is not null,
            });
        Endpoint = loadBalancer.Address.Apply(address => $"{address}:{Ports.Redis}");
        TlsEndpoint = At(loadBalancer, settings.Network, ClientPortKind.Tls);
        ReadOnlyEndpoint = At(loadBalancer, settings.Network, ClientPortKind.ReadOnly);
        ReadOnlyTlsEndpoint = At(loadBalancer, settings.Network, ClientPortKind.ReadOnlyTls);
        CertificateAuthority = tls?.Authority ?? Output.Create(string.Empty);
        AdminAuthority = adminTls?.Authority ?? Output.Create(string.Empty);
        RedisAuthority = redisAuthority is null ? Output.Create(string.Empty) : Output.Unsecret(redisAuthority);
        EndpointName = Output.Create(settings.Network.EndpointName is { } host ? $"{host}:{Ports.Redis}" : string.Empty);
        Password = Output.CreateSecret(credentials.Passwords.Apply(all => all.Client));
        BastionAddress = bastion?.PublicAddress ?? Output.Create(string.Empty);
        KnownHosts = Output.Tuple(address, Output.All(machines.Select(machine => machine.HostKey.Apply(key => (machine.Node, Key: key)))))
            .Apply(known => Instructions.KnownHosts(known.Item1, known.Item2));
        SshUser = Output.Create(settings.Compute.OperatingSystem.User);
        Nodes = Output.All(machines.Select(machine => machine.Description)).Apply(all => all.Select(Row).ToImmutableArray());
        Tunnel = Output.Tuple(lines, Endpoint).Apply(known => known.Item1.Tunnel(known.Item2));
        RedisCli = Output.Create(Instructions.RedisCli);
        Shell = lines.Apply(known => known.Shell(settings.Network.Redis[0]));
        SshConfig = lines.Apply(known => known.SshConfig([.. settings.Network.Redis, .. settings.Network.Proxies]));
        StatsTunnel = lines.Apply(known => known.StatsTunnel(settings.Network.Proxies[0]));
        StatsPage = lines.Apply(known => known.StatsPage);
        Readme = Output.Tuple(lines, Endpoint, Output.All(machines.Select(machine => machine.Description))).Apply(known => known.Item1.Readme(
            Deployment.Instance.StackName, known.Item2, [.. known.Item3.Select(machine => (machine.Node, machine.Role))], settings.Network.Proxies,
            settings.Network.ClientPorts, isMonitored: settings.Passwords.HasMetrics));
        BuiltWith = Output.Create(FixedSettings.Of(settings).ToImmutableDictionary().SetItems(plan.Table)
            .SetItems(FixedSettings.Volumes(settings)).SetItem(Setting.PasswordVersions.Key, settings.Passwords.Text)
            .SetItem(Setting.DrainedProxies.Key, string.Join(' ', settings.Network.DrainedProxies)));
        Absent = Output.Create(string.Join(' ', absent));
        Cost = Output.Create(CostEstimate.Text(settings, PriceTable.OfRelease));
        Backups = backups?.Name ?? Output.Create(string.Empty);
        BackupAddress = Output.CreateSecret(backups?.ReadAddress ?? Output.Create(string.Empty));
        AdminPassword = Output.CreateSecret(credentials.Passwords.Apply(all => all.Admin));
        MetricsPassword = Output.CreateSecret(credentials.Passwords.Apply(all => all.Metrics ?? string.Empty));
    }

    /// <summary>Where clients connect: ADDRESS:PORT.</summary>
    [Output("endpoint")]
    public Output<string> Endpoint { get; private set; }

    /// <summary>Where clients connect over TLS: ADDRESS:PORT; empty without clientTls.</summary>
    [Output("tlsEndpoint")]
    public Output<string> TlsEndpoint { get; private set; }

    /// <summary>The certificate of the stack's own authority, in PEM, for clients to trust; empty when there is none.</summary>
    [Output("certificateAuthority")]
    public Output<string> CertificateAuthority { get; private set; }

    /// <summary>The certificate of the stack's own authority, in PEM, for browsers and scrapers of the proxies' pages to trust; empty without adminTls
    /// and with a given certificate.</summary>
    [Output("adminAuthority")]
    public Output<string> AdminAuthority { get; private set; }

    /// <summary>The authorities of the Redis nodes' certificates, in PEM, for an exporter to trust; empty without redisTls.</summary>
    [Output("redisAuthority")]
    public Output<string> RedisAuthority { get; private set; }

    /// <summary>Where clients that only read connect over TLS: ADDRESS:PORT; empty without readOnlyTlsPort.</summary>
    [Output("readOnlyTlsEndpoint")]
    public Output<string> ReadOnlyTlsEndpoint { get; private set; }

    /// <summary>Where clients that only read connect: ADDRESS:PORT; empty without readOnlyPort.</summary>
    [Output("readOnlyEndpoint")]
    public Output<string> ReadOnlyEndpoint { get; private set; }

    /// <summary>Where clients connect, by a name in the VCN's private DNS: NAME:PORT; empty without endpointName.</summary>
    [Output("endpointName")]
    public Output<string> EndpointName { get; private set; }

    /// <summary>The clients' password, a secret.</summary>
    [Output("password")]
    public Output<string> Password { get; private set; }

    /// <summary>The bastion's public address; empty when it is no machine of the stack.</summary>
    [Output("bastionAddress")]
    public Output<string> BastionAddress { get; private set; }

    /// <summary>OCID of OCI's Bastion service, which sessions are made with; empty without it.</summary>
    [Output("bastionService")]
    public Output<string> BastionService { get; private set; }

    /// <summary>The machines' SSH host keys, as known_hosts(5) has them: by private address, the bastion's also by its public one.</summary>
    [Output("knownHosts")]
    public Output<string> KnownHosts { get; private set; }

    /// <summary>The machines' user.</summary>
    [Output("sshUser")]
    public Output<string> SshUser { get; private set; }

    /// <summary>The machines: name, role, address, availabilityDomain, faultDomain, image.</summary>
    [Output("nodes")]
    public Output<ImmutableArray<ImmutableDictionary<string, string>>> Nodes { get; private set; }

    /// <summary>Opens a tunnel to Redis.</summary>
    [Output("tunnel")]
    public Output<string> Tunnel { get; private set; }

    /// <summary>redis-cli through the tunnel.</summary>
    [Output("redisCli")]
    public Output<string> RedisCli { get; private set; }

    /// <summary>A shell on the first Redis node.</summary>
    [Output("shell")]
    public Output<string> Shell { get; private set; }

    /// <summary>ssh_config(5) by which every machine is reached by its name, through the bastion.</summary>
    [Output("sshConfig")]
    public Output<string> SshConfig { get; private set; }

    /// <summary>Opens a tunnel to the first proxy's stats page.</summary>
    [Output("statsTunnel")]
    public Output<string> StatsTunnel { get; private set; }

    /// <summary>The stats page through its tunnel; the user is admin.</summary>
    [Output("statsPage")]
    public Output<string> StatsPage { get; private set; }

    /// <summary>How it is reached and operated, with everything filled in; no secret.</summary>
    [Output("readme")]
    public Output<string> Readme { get; private set; }

    /// <summary>The stats page's password, a secret.</summary>
    [Output("adminPassword")]
    public Output<string> AdminPassword { get; private set; }

    /// <summary>The password of the account metrics, which sees metrics and nothing else, a secret; empty without monitoringNetworks.</summary>
    [Output("metricsPassword")]
    public Output<string> MetricsPassword { get; private set; }

    /// <summary>What it costs in a month by list prices, as a table.</summary>
    [Output("cost")]
    public Output<string> Cost { get; private set; }

    /// <summary>The bucket of the backups; empty when there are none.</summary>
    [Output("backups")]
    public Output<string> Backups { get; private set; }

    /// <summary>The address by which scripts/backup and scripts/restore list and read backups, a secret; empty when there are none.</summary>
    [Output("backupAddress")]
    public Output<string> BackupAddress { get; private set; }

    /// <summary>Redis nodes that this run left out, separated by blanks; empty as long as absentNodes names none.</summary>
    [Output("absentNodes")]
    public Output<string> Absent { get; private set; }

    /// <summary>The settings that cannot change while the stack exists, and each machine's address, place and size, for the next run to compare.</summary>
    [Output(BuiltWithName)]
    public Output<ImmutableDictionary<string, string>> BuiltWith { get; private set; }

    private static Output<string> At(LoadBalancer balancer, NetworkSettings network, ClientPortKind kind) =>
        network.ClientPorts.FirstOrDefault(port => port.Kind == kind) is { } port
            ? balancer.Address.Apply(address => $"{address}:{port.Port}")
            : Output.Create(string.Empty);

    private static Machine[] Machines(Bastion? bastion, RedisNodes redis, ProxyNodes proxies) =>
        [.. bastion is null ? [] : new[] { bastion.Machine }, .. redis.Machines.Concat(proxies.Machines).Select(node => node.Machine)];

    private static ImmutableDictionary<string, string> Row(NodeDescription node) => new Dictionary<string, string>
    {
        ["name"] = node.Node.Name,
        ["role"] = node.Role,
        ["address"] = node.Node.Address,
        ["availabilityDomain"] = node.Place.AvailabilityDomain,
        ["faultDomain"] = node.Place.FaultDomain ?? string.Empty,
        ["image"] = node.Image,
    }.ToImmutableDictionary();
}
