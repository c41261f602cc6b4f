// Whether a peer's certificate is good: signed by one of the configured authorities and by no other, valid now, meant for the
// purpose, and for the name. Nothing is fetched from the network for it: a handshake must not wait for a third party.

using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tls;

/// <summary>Verifies one peer.</summary>
/// <param name="authorities">Who may have signed its certificate.</param>
/// <param name="isServer">Whether the peer is a server; otherwise a client.</param>
/// <param name="name">The name or address that a server's certificate must have; null for clients.</param>
internal sealed class PeerVerification(X509Certificate2Collection authorities, bool isServer, string? name)
{
    // Extended key usages (RFC 5280, 4.2.1.12). A certificate that names none is good for every purpose.
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1";
    private const string ClientPurpose = "1.3.6.1.5.5.7.3.2";

    /// <summary>What was wrong; null before a verification and after a good one.</summary>
    public string? Problem { get; private set; }

    /// <summary>The rules for the chain, new for each connection because the framework adds the peer's certificates to them.</summary>
    public X509ChainPolicy CreatePolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(authorities);
        policy.ApplicationPolicy.Add(new Oid(isServer ? ServerPurpose : ClientPurpose));
        return policy;
    }

    /// <summary>The framework's callback.</summary>
    public bool Verify(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        Problem = errors == SslPolicyErrors.None ? null : Describe(certificate as X509Certificate2, chain, errors);
        return Problem is null;
    }

    private string Describe(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            return "it sent no certificate";
        }

        var problems = new List<string>();
        X509ChainStatusFlags status = (chain?.ChainStatus ?? []).Aggregate(X509ChainStatusFlags.NoError, (flags, each) => flags | each.Status);
        const X509ChainStatusFlags Untrusted = X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.PartialChain;
        if ((status & Untrusted) != 0)
        {
            problems.Add($"its certificate ({certificate.Subject}, signed by {certificate.Issuer}) is not signed by an authority of the CA file");
        }

        if (status.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            problems.Add($"its certificate, or that of its authority, is not valid now: "
                + $"{CertificateText.Time(CertificateText.NotBefore(certificate))} to {CertificateText.Time(CertificateText.NotAfter(certificate))}");
        }

        if (status.HasFlag(X509ChainStatusFlags.NotValidForUsage))
        {
            problems.Add($"its certificate ({certificate.Subject}) is not meant for a {(isServer ? "server" : "client")}");
        }

        X509ChainStatusFlags others = status & ~(Untrusted | X509ChainStatusFlags.NotTimeValid | X509ChainStatusFlags.NotValidForUsage);
        if (others != X509ChainStatusFlags.NoError)
        {
            problems.Add($"its certificate ({certificate.Subject}) is not accepted: {others}");
        }

        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            problems.Add($"its certificate is for {CertificateText.Names(certificate)}, not for {name}");
        }

        return problems.Count > 0 ? string.Join("; ", problems) : $"its certificate ({certificate.Subject}) is not accepted: {errors}";
    }
}
