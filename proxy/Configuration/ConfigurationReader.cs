// From proxy.json to settings: reads the file once, checks everything, and reports all problems together.

using System.Net;

namespace RedisHaProxy.Configuration;

/// <summary>Reads and validates a configuration file and the secrets it names.</summary>
internal static partial class ConfigurationReader
{
    // Far above any real file: a wrong path (a log, a device) must not fill the memory.
    private const int MaxBytes = 1 << 20;

    /// <summary>Reads <paramref name="file"/>. Never throws for its content or its absence.</summary>
    /// <param name="file">The configuration file.</param>
    /// <param name="now">The time for which certificates must be valid; null is the present.</param>
    public static ConfigurationReading Read(string file, DateTimeOffset? now = null)
    {
        var problems = new ProblemList(file);
        ProxyConfiguration? configuration = ReadFile(file, problems) is { } bytes
            ? ReadContent(bytes, Path.GetDirectoryName(Path.GetFullPath(file))!, now ?? TimeProvider.System.GetUtcNow(), problems)
            : null;
        return new ConfigurationReading(problems.Any ? null : configuration, problems.Errors, problems.Warnings);
    }

    /// <summary>Judges what a file is to hold before it is written. Files that it names, and that are not there, are errors of their keys.</summary>
    /// <param name="file">Where it is to be; relative paths in it count from its folder.</param>
    /// <param name="content">What it is to hold.</param>
    /// <param name="now">The time for which certificates must be valid.</param>
    public static ConfigurationReading ReadContent(string file, byte[] content, DateTimeOffset now)
    {
        var problems = new ProblemList(file);
        ProxyConfiguration? configuration = ReadContent(content, Path.GetDirectoryName(Path.GetFullPath(file))!, now, problems);
        return new ConfigurationReading(problems.Any ? null : configuration, problems.Errors, problems.Warnings);
    }

    private static byte[]? ReadFile(string file, ProblemList problems)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            byte[] bytes = new byte[MaxBytes + 1];
            int length = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length <= MaxBytes)
            {
                return bytes[..length];
            }

            problems.Error(null, "", $"is longer than {MaxBytes} bytes; this is not a proxy configuration");
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            problems.Error(null, "", "does not exist");
        }
        catch (UnauthorizedAccessException)
        {
            problems.Error(null, "",
                Directory.Exists(file) ? "is a directory; a file is expected" : $"cannot be read by user {Environment.UserName}: permission denied");
        }
        catch (IOException e)
        {
            problems.Error(null, "", $"cannot be read: {e.Message}");
        }

        return null;
    }

    private static ProxyConfiguration? ReadContent(byte[] bytes, string folder, DateTimeOffset now, ProblemList problems)
    {
        JsonObjectAt content;
        try
        {
            JsonNodeAt tree = JsonDocumentTree.Parse(bytes);
            if (tree is not JsonObjectAt root)
            {
                problems.Error(tree.Position, "", $"a JSON object is expected, found {tree.KindInWords}");
                return null;
            }

            content = root;
        }
        catch (JsonSyntaxException e)
        {
            problems.Error(e.Position, "", e.Message);
            return null;
        }

        var top = new SectionReader("", content, problems);
        (TlsConfiguration? tls, IReadOnlyList<IPEndPoint> tlsListen, FilePosition? tlsListenAt) = ReadTls(top.Section(Setting.Tls), folder, now, problems);
        IReadOnlyList<IPEndPoint> plain = top.Addresses(Setting.Listen, local: true, optional: top.Has(Setting.Tls));
        foreach (IPEndPoint address in tlsListen.Intersect(plain))
        {
            problems.Error(tlsListenAt, Setting.TlsListen.Path, $"{address} is an address of listen; clients with and without TLS need different ports");
        }

        IReadOnlyList<IPEndPoint> listen = [.. plain, .. tlsListen];
        ReadOnlyConfiguration? readOnly = ReadReadOnly(top.Section(Setting.ReadOnly), listen, top.Has(Setting.Tls), problems);
        IReadOnlyList<IPEndPoint> clients = [.. listen, .. readOnly?.Listen ?? [], .. readOnly?.TlsListen ?? []];
        RedisConfiguration redis = ReadRedis(top.Section(Setting.Redis, required: true), folder, clients, now, problems);
        var configuration = new ProxyConfiguration
        {
            Listen = plain,
            ProxyProtocol = ReadProxyProtocol(top.Section(Setting.ProxyProtocol), problems),
            Tls = tls,
            ReadOnly = readOnly,
            Redis = redis,
            Sentinel = ReadSentinel(top.Section(Setting.Sentinel), folder, now, problems),
            Admin = ReadAdmin(top.Section(Setting.Admin), folder, clients, now, problems),
            Engine = top.Choice(Setting.Engine),
            HandOver = ReadHandOver(top.Section(Setting.HandOver), folder, problems),
            BusyPollMicroseconds = (int)top.Integer(Setting.BusyPollMicroseconds),
            CoalesceMicroseconds = (int)top.Integer(Setting.CoalesceMicroseconds),
            Timeouts = ReadTimeouts(top.Section(Setting.Timeouts)),
            Limits = ReadLimits(top.Section(Setting.Limits)),
            Recording = ReadRecording(top.Section(Setting.Recording), folder, problems),
            Log = ReadLog(top.Section(Setting.Log)),
        };
        return configuration;
    }

    private static RedisConfiguration ReadRedis(
        SectionReader section, string folder, IReadOnlyList<IPEndPoint> listen, DateTimeOffset now, ProblemList problems)
    {
        IReadOnlyList<(RedisNode Node, FilePosition Position)> nodes = section.NamedAddresses(Setting.RedisNodes);
        foreach ((RedisNode node, FilePosition position) in nodes)
        {
            if (listen.Contains(node.EndPoint))
            {
                problems.Error(position, $"{Setting.RedisNodes.Path}.{node.Name}",
                    $"{node.EndPoint} is an address of listen: the proxy would connect to itself");
            }
        }

        return new RedisConfiguration
        {
            Nodes = [.. nodes.Select(n => n.Node)],
            Credentials = ReadCredentials(section, Setting.RedisUser, Setting.RedisPasswordFile, folder, problems),
            ProbeInterval = section.Duration(Setting.RedisProbeInterval),
            MinReplicasToWrite = (int)section.Integer(Setting.RedisMinReplicasToWrite),
            Tls = ReadPeer(section.Section(Setting.RedisTls), RedisPeer, folder, now, problems),
        };
    }

    private static ProxyProtocolConfiguration? ReadProxyProtocol(SectionReader section, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        IReadOnlyList<IPNetwork> from = section.Networks(Setting.ProxyProtocolFrom);
        foreach (IPNetwork network in from.Where(network => network.PrefixLength == 0))
        {
            problems.Warn(section.PositionOf(Setting.ProxyProtocolFrom), Setting.ProxyProtocolFrom.Path,
                $"{network} lets everyone who can connect claim any address; list the balancer's addresses");
        }

        return new ProxyProtocolConfiguration { From = from, Timeout = section.Duration(Setting.ProxyProtocolTimeout) };
    }

    private static ReadOnlyConfiguration? ReadReadOnly(
        SectionReader section, IReadOnlyList<IPEndPoint> clients, bool hasTls, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        bool tlsAlone = section.Has(Setting.ReadOnlyTlsListen) && !section.Has(Setting.ReadOnlyListen);
        IReadOnlyList<IPEndPoint> listen = section.Addresses(Setting.ReadOnlyListen, local: true, optional: tlsAlone);
        IReadOnlyList<IPEndPoint> tlsListen =
            section.Addresses(Setting.ReadOnlyTlsListen, local: true, optional: !section.Has(Setting.ReadOnlyTlsListen));
        foreach ((Setting setting, IPEndPoint address) in listen.Select(address => ((Setting)Setting.ReadOnlyListen, address))
            .Concat(tlsListen.Select(address => ((Setting)Setting.ReadOnlyTlsListen, address))).Where(pair => clients.Contains(pair.address)))
        {
            problems.Error(section.PositionOf(setting), setting.Path,
                $"{address} is an address of listen, whose sessions go to the master; choose another port, such as 6380");
        }

        foreach (IPEndPoint address in tlsListen.Intersect(listen))
        {
            problems.Error(section.PositionOf(Setting.ReadOnlyTlsListen), Setting.ReadOnlyTlsListen.Path,
                $"{address} is an address of readOnly.listen; clients with and without TLS need different ports");
        }

        if (section.Has(Setting.ReadOnlyTlsListen) && !hasTls)
        {
            problems.Error(section.PositionOf(Setting.ReadOnlyTlsListen), Setting.ReadOnlyTlsListen.Path,
                "has no effect without tls, whose certificate its clients get; add it, or remove the key");
        }

        return new ReadOnlyConfiguration
        {
            Listen = listen,
            TlsListen = tlsListen.Count > 0 ? tlsListen : [],
            MaxLag = section.Duration(Setting.ReadOnlyMaxLag),
            Master = section.Boolean(Setting.ReadOnlyMaster),
        };
    }

    private static SentinelConfiguration? ReadSentinel(SectionReader section, string folder, DateTimeOffset now, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        IReadOnlyList<IPEndPoint> nodes = section.Addresses(Setting.SentinelNodes, local: false);
        if (nodes.Count is 1 or 2)
        {
            problems.Warn(section.PositionOf(Setting.SentinelNodes), Setting.SentinelNodes.Path,
                $"{nodes.Count} is too few to survive the loss of one; list all Sentinels, three or more");
        }

        return new SentinelConfiguration
        {
            Master = section.Word(Setting.SentinelMaster, required: true) ?? "",
            Nodes = nodes,
            Credentials = ReadCredentials(section, Setting.SentinelUser, Setting.SentinelPasswordFile, folder, problems),
            DownAfter = section.Duration(Setting.SentinelDownAfter),
            PollInterval = section.Duration(Setting.SentinelPollInterval),
            Tls = ReadPeer(section.Section(Setting.SentinelTls), SentinelPeer, folder, now, problems),
        };
    }

    private static AdminConfiguration? ReadAdmin(
        SectionReader section, string folder, IReadOnlyList<IPEndPoint> clients, DateTimeOffset now, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        IPEndPoint? listen = section.Address(Setting.AdminListen, local: true);
        if (listen is not null && clients.Contains(listen))
        {
            problems.Error(section.PositionOf(Setting.AdminListen), Setting.AdminListen.Path,
                $"{listen} is an address of listen, where the clients connect; choose another port, such as 1936");
        }

        string? user = section.Word(Setting.AdminUser, forbidden: ":");
        (string? password, string? former) = ReadSecrets(section, Setting.AdminPasswordFile, folder, problems, former: true);
        if (section.Has(Setting.AdminUser) && !section.Has(Setting.AdminPasswordFile))
        {
            problems.Error(section.PositionOf(Setting.AdminUser), Setting.AdminUser.Path,
                "has no effect without admin.passwordFile; add it, or remove the user");
        }
        else if (listen is not null && !IPAddress.IsLoopback(listen.Address) && !section.Has(Setting.AdminPasswordFile))
        {
            problems.Warn(section.PositionOf(Setting.AdminListen), Setting.AdminListen.Path,
                $"{listen} serves statistics without a password to everyone who can connect; add admin.passwordFile");
        }

        return new AdminConfiguration
        {
            Peers = section.Has(Setting.AdminPeers) ? [.. section.NamedAddresses(Setting.AdminPeers).Select(peer => peer.Node)] : [],
            Listen = listen,
            User = password is null ? null : user ?? Setting.AdminUser.Default,
            Password = password,
            FormerPassword = former,
            Metrics = ReadMetricsReader(section, user ?? Setting.AdminUser.Default!, folder, problems),
            Socket = ReadSocket(section, Setting.AdminSocket, required: false, folder, problems),
            Tls = ReadAdminTls(section, listen, folder, now, problems),
        };
    }

    private static MetricsReader? ReadMetricsReader(SectionReader section, string admin, string folder, ProblemList problems)
    {
        string? user = section.Word(Setting.AdminMetricsUser, forbidden: ":");
        (string? password, string? former) = ReadSecrets(section, Setting.AdminMetricsPasswordFile, folder, problems, former: true);
        if (section.Has(Setting.AdminMetricsUser) && !section.Has(Setting.AdminMetricsPasswordFile))
        {
            problems.Error(section.PositionOf(Setting.AdminMetricsUser), Setting.AdminMetricsUser.Path,
                "has no effect without admin.metricsPasswordFile; add it, or remove the user");
        }

        if (section.Has(Setting.AdminMetricsPasswordFile) && !section.Has(Setting.AdminPasswordFile))
        {
            problems.Error(section.PositionOf(Setting.AdminMetricsPasswordFile), Setting.AdminMetricsPasswordFile.Path,
                "has no effect without admin.passwordFile, since everybody may read everything then; add it, or remove the key");
        }

        user ??= Setting.AdminMetricsUser.Default!;
        if (section.Has(Setting.AdminMetricsPasswordFile) && user == admin)
        {
            Setting at = section.Has(Setting.AdminMetricsUser) ? Setting.AdminMetricsUser : Setting.AdminMetricsPasswordFile;
            problems.Error(section.PositionOf(at), at.Path,
                $"{user} is the user of admin.user, who sees everything; choose another for metrics, such as scraper");
        }

        return password is null ? null : new MetricsReader(user, password, former);
    }

    private static TimeoutConfiguration ReadTimeouts(SectionReader section) => new()
    {
        Connect = section.Duration(Setting.TimeoutsConnect),
        Park = section.Duration(Setting.TimeoutsPark),
        Idle = section.Duration(Setting.TimeoutsIdle),
        DrainDelay = section.Duration(Setting.TimeoutsDrainDelay),
        Drain = section.Duration(Setting.TimeoutsDrain),
    };

    private static LimitConfiguration ReadLimits(SectionReader section) => new()
    {
        Connections = (int)section.Integer(Setting.LimitsConnections),
        PerSource = (int)section.Integer(Setting.LimitsPerSource),
        Parked = (int)section.Integer(Setting.LimitsParked),
        Refusal = section.ErrorReply(Setting.LimitsRefusal),
    };

    private static RecordingConfiguration? ReadRecording(SectionReader section, string folder, ProblemList problems)
    {
        if (!section.Present)
        {
            return null;
        }

        long maxBytes = section.Integer(Setting.RecordingMaxBytes);
        if (section.FilePath(Setting.RecordingFile, required: true) is not var (path, position))
        {
            return null;
        }

        string file = Path.GetFullPath(path, folder);
        if (Directory.Exists(file))
        {
            problems.Error(position, Setting.RecordingFile.Path, $"{file} is a directory; a file is expected");
        }
        else if (!Directory.Exists(Path.GetDirectoryName(file)))
        {
            // No error: a proxy must start without it, as it goes on without it.
            problems.Warn(position, Setting.RecordingFile.Path, $"the folder of {file} does not exist, so nothing is recorded until it does; create it");
        }

        return new RecordingConfiguration { File = file, MaxBytes = maxBytes };
    }

    private static LogConfiguration ReadLog(SectionReader section) => new()
    {
        Level = section.Choice(Setting.LogLevel),
        Format = section.Choice(Setting.LogFormat),
        Sessions = section.Boolean(Setting.LogSessions),
    };

    private static RedisCredentials? ReadCredentials(SectionReader section, Setting user, Setting passwordFile, string folder, ProblemList problems)
    {
        string? name = section.Word(user);
        string? password = ReadSecret(section, passwordFile, folder, problems);
        if (section.Has(user) && !section.Has(passwordFile))
        {
            problems.Error(section.PositionOf(user), user.Path, $"has no effect without {passwordFile.Path}; add it, or remove the user");
        }

        return password is null ? null : new RedisCredentials(name, password);
    }

    private static string? ReadSecret(SectionReader section, Setting setting, string folder, ProblemList problems) =>
        ReadSecrets(section, setting, folder, problems, former: false).Secret;

    private static (string? Secret, string? Former) ReadSecrets(SectionReader section, Setting setting, string folder, ProblemList problems, bool former)
    {
        if (section.FilePath(setting) is not var (path, position))
        {
            return default;
        }

        SecretReading secret = SecretFile.Read(SecretFile.Resolve(path, folder), former);
        if (secret.Error is { } error)
        {
            problems.Error(position, setting.Path, error);
        }

        if (secret.Warning is { } warning)
        {
            problems.Warn(position, setting.Path, warning);
        }

        return (secret.Value, secret.Former);
    }
}
