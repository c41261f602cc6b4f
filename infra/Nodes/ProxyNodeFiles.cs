// The files of a proxy node's payload: the proxy's configuration and passwords, the bundle's address, the scripts and the unit.

using System.Globalization;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Renders a proxy node's files.</summary>
internal static class ProxyNodeFiles
{
    // systemd kills a proxy that has not ended by then.
    private const int StopSeconds = (BalancerCheck.DrainedWithinMilliseconds + ProxyDocument.DrainMilliseconds) / 1000 + 20;

    /// <summary>The files, node.env last and without the payload's identifier.</summary>
    /// <exception cref="ArgumentException">An input breaks a rule of <see cref="PayloadRules"/>.</exception>
    public static IReadOnlyList<PayloadFile> Render(ProxyNodeInputs inputs) =>
    [
        Apply(inputs.Options),
        .. CommonFiles.Render(inputs.Login),
        PayloadFile.Rendered("proxy/sysctl.conf", ("first-port", Text(LocalPorts.First)), ("last-port", Text(LocalPorts.Last)),
            ("port-count", Text(LocalPorts.Count))),
        PayloadFile.Rendered("proxy/redis-ha-proxy.service", ("file-limit", FileLimit(inputs.Options)),
            ("stop-seconds", Text(StopSeconds)),
            ("metrics-credential", inputs.Options.HasMetricsReader ? "\nLoadCredential=metrics.password:/etc/redis-ha-proxy/metrics.password" : string.Empty)),
        .. HandOver(inputs.Options),
        new("proxy.json", Configuration(inputs)),
        PayloadFile.Secret("redis.password", PayloadRules.Password(inputs.Passwords.Health, "rp-health") + "\n"),
        PayloadFile.Secret("sentinel.password", PayloadRules.Password(inputs.Passwords.SentinelWatch, "rp-sentinel") + "\n"),
        PayloadFile.Secret("admin.password", Valid(inputs.Passwords, "admin", all => all.Admin)),
        .. inputs.Options.HasMetricsReader
            ? new[] { PayloadFile.Secret("metrics.password", Valid(inputs.Passwords, ProxyDocument.MetricsUser, all => all.Metrics)) }
            : [],
        .. Tls(inputs.Tls, "tls"),
        .. Tls(inputs.AdminTls, "admin"),
        .. inputs.RedisAuthority is { } authority ? new[] { PayloadFile.Secret("redis-ca.crt", authority) } : [],
        PayloadFile.Secret("bundle.curl", $"url = \"{PayloadRules.Url(inputs.BundleUrl)}\"\n"),
        new("node.env", $"""
            REDIS_HA_ROLE=proxy
            REDIS_HA_NODE={PayloadRules.Name(inputs.Node.Name)}
            REDIS_HA_ADDRESS={PayloadRules.Address(inputs.Node.Address)}
            REDIS_HA_LOGIN_USER={PayloadRules.Name(inputs.Login.User)}
            REDIS_HA_BUNDLE_SHA256={PayloadRules.Sha256(inputs.BundleSha256)}
            {MorePorts(inputs.Options)}{(inputs.Options.HandsOver ? "REDIS_HA_HAND_OVER=yes\n" : string.Empty)}
            """),
    ];

    // The password in use, and below it the one that is valid as well.
    private static string Valid(NodePasswords passwords, string user, Func<NodePasswords, string?> of) =>
        string.Concat(new[] { passwords, passwords.Former }.OfType<NodePasswords>().Select(of).OfType<string>().Distinct()
            .Select(password => PayloadRules.Password(password, user) + "\n"));

    private static string Configuration(ProxyNodeInputs inputs)
    {
        _ = PayloadRules.MasterName(inputs.Sentinel.MasterName);
        return new ProxyDocument
        {
            Node = Checked(inputs.Node),
            RedisNodes = [.. inputs.RedisNodes.Select(Checked)],
            Peers = [.. inputs.Peers.Select(Checked)],
            MinReplicasToWrite = inputs.MinReplicasToWrite,
            Sentinel = inputs.Sentinel,
            Options = inputs.Options,
        }.Text();
    }

    // The last line of apply.sh, and what comes before it in a stack with the helper.
    private const string End = "conclude\n";
    private const string TheHelper = "# shellcheck source-path=SCRIPTDIR source=hand-over.sh\n. \"$payload/hand-over.sh\"\n";

    // What a stack without it sends has no word of it.
    private static PayloadFile Apply(ProxyOptions options)
    {
        var apply = PayloadFile.Embedded("proxy/apply.sh");
        return options.HandsOver ? apply with { Content = apply.Content[..^End.Length] + TheHelper + End } : apply;
    }

    private static PayloadFile[] HandOver(ProxyOptions options) => !options.HandsOver ? []
        :
        [
            PayloadFile.Later("proxy/hand-over.sh"),
            PayloadFile.Rendered("proxy/redis-ha-hand-over.service",
                ("file-limit", FileLimit(options)), ("sessions", Text(options.MaxConnections * Lanes(options)))) with { IsInUserData = false },
        ];

    private static PayloadFile[] Tls(TlsFiles? files, string name) => files is null ? []
        :
        [
            PayloadFile.Secret($"{name}.crt", files.Certificate),
            PayloadFile.Secret($"{name}.key", files.Key),
            .. files.ClientAuthorities is { } authorities ? new[] { PayloadFile.Secret("clients-ca.crt", authorities) } : [],
        ];

    // One line of its own for node.env, where there is something to say.
    private static string MorePorts(ProxyOptions options) => options.ClientPorts.Length == 1 ? string.Empty
        : $"REDIS_HA_PORTS='{string.Join(' ', options.ClientPorts.Where(port => !port.IsPlain).Select(port => Text(port.Port)))}'\n";

    // As many sessions again at the read-only ports; and TLS takes two files more for each session, on either side.
    private static string FileLimit(ProxyOptions options)
    {
        int files = 1 + (options.Has(ClientPortKind.Tls) ? 1 : 0) + (options.HasRedisTls ? 1 : 0);
        return RedisNodeFiles.FileLimit(options.MaxConnections * Lanes(options) * files);
    }

    private static int Lanes(ProxyOptions options) => options.Has(ClientPortKind.ReadOnly) || options.Has(ClientPortKind.ReadOnlyTls) ? 2 : 1;

    private static NodeAddress Checked(NodeAddress node) => new(PayloadRules.Name(node.Name), PayloadRules.Address(node.Address));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
