// The stack's own authority: what it signs holds for clients that trust it, and changes only when it must.

using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class PrivateAuthorityTests
{
    private const string Seed = "0123456789abcdefghijklmnopqrstuv";

    private static readonly string[] Addresses = ["172.31.235.188", "172.31.235.141", "127.0.0.1"];

    private static readonly DateTimeOffset Now = new(2026, 11, 29, 22, 0, 0, TimeSpan.Zero);

    private static readonly PrivateAuthority Authority = new(Seed, "production");

    [Fact]
    public void Clients_that_trust_it_believe_the_proxies()
    {
        using X509Certificate2 certificate = Issued(Authority, Now);

        Assert.True(Holds(certificate, Authority, Now), "today");
        Assert.All(Addresses, address => Assert.True(certificate.MatchesHostname(address), address));
        Assert.True(certificate.MatchesHostname("localhost"));
        Assert.False(certificate.MatchesHostname("172.31.235.189"));
        Assert.False(Holds(certificate, new PrivateAuthority(Seed[1..] + "w", "production"), Now), "another stack's authority");
        Assert.Equal("1.3.6.1.5.5.7.3.1", Assert.Single(certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()).EnhancedKeyUsages[0].Value);
    }

    [Fact]
    public void It_can_sign_nothing_that_signs()
    {
        using var authority = X509Certificate2.CreateFromPem(Authority.Certificate());
        using X509Certificate2 certificate = Issued(Authority, Now);

        X509BasicConstraintsExtension own = Assert.Single(authority.Extensions.OfType<X509BasicConstraintsExtension>());
        Assert.Equal((true, true, 0, true), (own.CertificateAuthority, own.HasPathLengthConstraint, own.PathLengthConstraint, own.Critical));
        Assert.False(Assert.Single(certificate.Extensions.OfType<X509BasicConstraintsExtension>()).CertificateAuthority);
        Assert.True(authority.NotAfter > certificate.NotAfter.AddYears(20));
    }

    [Fact]
    public void The_same_run_twice_changes_nothing_and_another_period_or_name_does()
    {
        Assert.Equal(Authority.Issue(Addresses, ["localhost"], Now), new PrivateAuthority(Seed, "production").Issue(Addresses, ["localhost"], Now.AddDays(1)));
        Assert.Equal(Authority.Certificate(), new PrivateAuthority(Seed, "production").Certificate());

        var later = Authority.Issue(Addresses, ["localhost"], Now.AddDays(PrivateAuthority.PeriodDays));
        Assert.NotEqual(Authority.Issue(Addresses, ["localhost"], Now).Certificate, later.Certificate);
        Assert.NotEqual(Authority.Issue(Addresses, ["localhost"], Now).Key, later.Key);
        Assert.NotEqual(Authority.Issue(Addresses, ["localhost"], Now).Certificate, Authority.Issue(["10.0.0.1"], ["localhost"], Now).Certificate);
    }

    [Fact]
    public void At_any_time_it_holds_for_300_days_more_also_with_a_clock_that_is_behind()
    {
        for (int day = 0; day < 400; day++)
        {
            DateTimeOffset now = Now.AddDays(day);
            using X509Certificate2 certificate = Issued(Authority, now);

            Assert.True(certificate.NotAfter.ToUniversalTime() >= now.UtcDateTime.AddDays(300), $"{now}");
            Assert.True(certificate.NotBefore.ToUniversalTime() <= now.UtcDateTime.AddHours(-23), $"{now}");
        }
    }

    [Fact]
    public void Signatures_are_those_of_the_curve_and_no_two_share_their_number()
    {
        HashSet<string> numbers = [];
        for (int index = 0; index < 20; index++)
        {
            BigInteger d = P256.Derive(Seed, $"{index / 2}");
            byte[] hash = SHA256.HashData([(byte)index]);
            using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = P256.PublicPoint(d) });
            byte[] signature = P256.Sign(d, hash);

            Assert.True(key.VerifyHash(hash, signature, DSASignatureFormat.Rfc3279DerSequence));
            Assert.Equal(signature, P256.Sign(d, hash));
            Assert.True(numbers.Add(Convert.ToHexString(signature.AsSpan(4, signature[3]))), "a number was used twice");
        }
    }

    private static X509Certificate2 Issued(PrivateAuthority authority, DateTimeOffset now)
    {
        (string certificate, string key) = authority.Issue(Addresses, ["localhost"], now);
        return X509Certificate2.CreateFromPem(certificate, key);
    }

    private static bool Holds(X509Certificate2 certificate, PrivateAuthority trusted, DateTimeOffset now)
    {
        using var root = X509Certificate2.CreateFromPem(trusted.Certificate());
        using var chain = new X509Chain
        {
            ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, VerificationTime = now.UtcDateTime },
        };
        chain.ChainPolicy.CustomTrustStore.Add(root);
        return chain.Build(certificate);
    }
}
