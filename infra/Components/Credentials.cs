// The passwords: one for each account, so that what one of them opens stays small. And the machines' SSH host keys.

using System.Collections.Immutable;
using System.Globalization;
using Pulumi;
using Pulumi.Random;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>Generates the passwords; those of clients and of scrapers may be given.</summary>
public sealed class Credentials : ComponentResource
{
    // 62^32 possibilities, 190 bits; letters and digits need no quoting in any of the files they go to.
    private const int Length = 32;

    private readonly Output<string> _hostKeySeed;
    private Output<PrivateAuthority>? _authority;

    /// <summary>All passwords, as a secret: those in use, and those that are valid as well.</summary>
    public Output<NodePasswords> Passwords { get; }

    /// <summary>Generates them.</summary>
    /// <param name="settings">Which versions are valid, and the passwords that the stack sets.</param>
    public Credentials(PasswordSettings settings)
        : base("redis-ha:infra:Credentials", "credentials")
    {
        Output<NodePasswords> inUse = Generation(settings.Version, settings, settings.Client, settings.Metrics);
        SecretText? formerClient = settings.FormerClient ?? settings.Client;
        SecretText? formerMetrics = settings.FormerMetrics ?? settings.Metrics;
        Output<NodePasswords?> former = settings.FormerVersion is { } version
            ? Generation(version, settings, formerClient, formerMetrics).Apply(all => (NodePasswords?)all)
            : settings.FormerClient is not null || settings.FormerMetrics is not null
                ? Output.Tuple(inUse, Given(formerClient), Given(formerMetrics)).Apply(known => (NodePasswords?)(known.Item1 with
                {
                    Client = known.Item2 ?? known.Item1.Client,
                    Metrics = known.Item3 ?? known.Item1.Metrics,
                }))
                : Output.Create(Task.FromResult<NodePasswords?>(null));
        Passwords = Output.CreateSecret(Output.Tuple(inUse, former).Apply(known => known.Item1 with { Former = known.Item2 }));
        _hostKeySeed = Generate("host-key-seed");
        RegisterOutputs();
    }

    private static Output<string?> Given(SecretText? password) =>
        password?.ToOutput().Apply(text => (string?)text) ?? Output.Create(Task.FromResult<string?>(null));

    private Output<NodePasswords> Generation(int version, PasswordSettings settings, SecretText? client, SecretText? metrics)
    {
        // The first has no number: that of stacks from before there were versions.
        string suffix = version == 1 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"-{version}");
        Output<string>[] further = settings.HasMetrics ? [metrics?.ToOutput() ?? Generate($"metrics-password{suffix}")] : [];
        return Output.All<string>(
        [
            client?.ToOutput() ?? Generate($"client-password{suffix}"),
            Generate($"replication-password{suffix}"),
            Generate($"sentinel-password{suffix}"),
            Generate($"health-password{suffix}"),
            Generate($"sentinel-watch-password{suffix}"),
            Generate($"operator-password{suffix}"),
            Generate($"admin-password{suffix}"),
            Generate($"watch-password{suffix}"),
            .. further,
        ]).Apply(all => new NodePasswords
        {
            Client = all[0],
            Replication = all[1],
            Sentinel = all[2],
            Health = all[3],
            SentinelWatch = all[4],
            Operator = all[5],
            Admin = all[6],
            Watch = all[7],
            Metrics = settings.HasMetrics ? all[8] : null,
        });
    }

    /// <summary>The SSH host key of a machine, a secret: drawn once for the stack, so a machine's successor has the same.</summary>
    /// <param name="machine">The machine's name.</param>
    public Output<HostKey> HostKeyOf(string machine) => _hostKeySeed.Apply(seed => HostKey.Of(seed, machine));

    /// <summary>
    /// What the proxies need for TLS with clients, and the certificate that clients trust (empty when the stack has no authority of its own).
    /// </summary>
    /// <param name="tls">TLS with clients.</param>
    /// <param name="network">The addresses that clients may connect to.</param>
    /// <param name="stack">The stack's name.</param>
    /// <param name="now">The time of the run.</param>
    public (Output<TlsFiles> Files, Output<string> Authority) Tls(TlsSettings tls, NetworkSettings network, string stack, DateTimeOffset now)
    {
        if (tls is { Certificate: { } certificate, Key: { } key })
        {
            return (key.ToOutput().Apply(text => new TlsFiles(certificate, text, tls.ClientAuthorities)), Output.Create(string.Empty));
        }
        Output<PrivateAuthority> authority = Authority(stack);
        // The proxies' own addresses for who looks at one of them, and the ends of tunnels.
        string[] names = network.EndpointName is { } name ? [name, "localhost"] : ["localhost"];
        string[] addresses = [network.LoadBalancerAddress, .. network.Proxies.Select(proxy => proxy.Address), "127.0.0.1"];
        return (
            authority.Apply(own =>
            {
                (string issued, string secret) = own.Issue(addresses, names, now);
                return new TlsFiles(issued, secret, tls.ClientAuthorities);
            }),
            Output.Unsecret(authority.Apply(own => own.Certificate())));
    }

    /// <summary>What the proxies need for TLS of their pages, and the certificate that browsers and scrapers trust (empty with a given certificate).</summary>
    /// <param name="tls">TLS of the pages.</param>
    /// <param name="network">The proxies' addresses.</param>
    /// <param name="stack">The stack's name.</param>
    /// <param name="now">The time of the run.</param>
    public (Output<TlsFiles> Files, Output<string> Authority) AdminTls(AdminTlsSettings tls, NetworkSettings network, string stack, DateTimeOffset now)
    {
        if (tls is { Certificate: { } certificate, Key: { } key })
        {
            return (key.ToOutput().Apply(text => new TlsFiles(certificate, text, null)), Output.Create(string.Empty));
        }
        // Looked at by address, or at the end of a tunnel.
        string[] addresses = [.. network.Proxies.Select(proxy => proxy.Address), "127.0.0.1"];
        return (
            Authority(stack).Apply(own =>
            {
                (string issued, string secret) = own.Issue(addresses, ["localhost"], now, "the proxies' pages");
                return new TlsFiles(issued, secret, null);
            }),
            Output.Unsecret(Authority(stack).Apply(own => own.Certificate())));
    }

    /// <summary>What each Redis node needs for TLS, by its address, and the authorities that nodes and proxies believe.</summary>
    /// <param name="tls">TLS of the Redis nodes.</param>
    /// <param name="network">Their addresses.</param>
    /// <param name="stack">The stack's name.</param>
    /// <param name="now">The time of the run.</param>
    public Output<ImmutableDictionary<string, NodeTls>> RedisTls(RedisTlsSettings tls, NetworkSettings network, string stack, DateTimeOffset now)
    {
        if (tls is { Certificate: { } certificate, Key: { } key, Authority: { } given })
        {
            return key.ToOutput().Apply(text => network.Redis.ToImmutableDictionary(node => node.Address, _ => new NodeTls(certificate, text, given)));
        }
        // An authority of its own: who trusts the proxies with clients' data has nothing to do with who is a Redis node.
        return Generate("redis-authority-seed").Apply(seed =>
        {
            var own = new PrivateAuthority(seed, $"{stack} nodes");
            return network.Redis.ToImmutableDictionary(node => node.Address, node =>
            {
                (string issued, string secret) = own.Issue([node.Address, "127.0.0.1"], [], now, node.Address);
                return new NodeTls(issued, secret, own.Certificate());
            });
        });
    }

    // The one of the proxies, towards clients and of their pages.
    private Output<PrivateAuthority> Authority(string stack) =>
        _authority ??= Generate("tls-authority-seed").Apply(seed => new PrivateAuthority(seed, stack));

    private Output<string> Generate(string name) =>
        Output.CreateSecret(Partial.Required(
            new RandomPassword(name, new RandomPasswordArgs { Length = Length, Special = false }, new CustomResourceOptions { Parent = this }).Result));
}
