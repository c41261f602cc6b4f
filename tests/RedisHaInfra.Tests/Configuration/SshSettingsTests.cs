// The key pair: the private half must be there, be usable without anybody present, and belong to a public one.

using System.Security.Cryptography;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class SshSettingsTests
{
    [Fact]
    public void The_private_key_can_come_from_a_file()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, GoodSettings.PrivateKey.TrimEnd());

            Assert.Equal(GoodSettings.PrivateKey, GoodSettings.Read(("sshPrivateKey", null), ("sshPrivateKeyPath", path)).Ssh.PrivateKey.Reveal());
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(null, null, "exactly one")]
    [InlineData("key", "/some/where", "exactly one")]
    [InlineData(null, "/does/not/exist", "a file that can be read")]
    [InlineData("a password, perhaps", null, "PEM or OpenSSH")]
    public void One_private_key_is_wanted(string? key, string? path, string rule)
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("sshPrivateKey", key), ("sshPrivateKeyPath", path)));

        Assert.Contains(rule, problem.Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_under_a_passphrase_is_refused()
    {
        Assert.Contains("without passphrase", Assert.Single(GoodSettings.Problems(("sshPrivateKey", GoodSettings.EncryptedPrivateKey))).Rule,
            StringComparison.Ordinal);
        string pem = $"-----BEGIN RSA {"PRIVATE"} KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA {"PRIVATE"} KEY-----\n";
        Assert.Contains("without passphrase", Assert.Single(GoodSettings.Problems(("sshPrivateKey", pem))).Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_opens_nothing_is_refused()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("sshPublicKey", GoodSettings.OtherPublicKey)));

        Assert.Contains("belongs to another", problem.Rule, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_key_in_PEM_is_compared_as_well(bool rsa)
    {
        using var first = RSA.Create(2048);
        using var second = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        string pem = rsa ? first.ExportRSAPrivateKeyPem() : second.ExportPkcs8PrivateKeyPem();
        string kind = rsa ? "ssh-rsa" : "ecdsa-sha2-nistp384";
        RSAParameters known = first.ExportParameters(includePrivateParameters: false);
        ECPoint point = second.ExportParameters(includePrivateParameters: false).Q;
        byte[] blob = rsa
            ? [.. Part("ssh-rsa"u8), .. Part(known.Exponent!), .. Part([0, .. known.Modulus!])]
            : [.. Part("ecdsa-sha2-nistp384"u8), .. Part("nistp384"u8), .. Part([4, .. point.X!, .. point.Y!])];

        Assert.Equal(pem.Trim(),
            GoodSettings.Read(("sshPrivateKey", pem), ("sshPublicKey", $"{kind} {Convert.ToBase64String(blob)} me")).Ssh.PrivateKey.Reveal().Trim());
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("sshPrivateKey", pem)));
        Assert.Contains("add the new public key beside the old one", problem.Rule, StringComparison.Ordinal);

        static byte[] Part(ReadOnlySpan<byte> bytes) => [0, 0, (byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];
    }

    [Fact]
    public void A_key_whose_public_half_nobody_can_tell_is_refused()
    {
        // Ed25519 in PKCS #8: the program could not say whether it opens the machines.
        string pem = $"-----BEGIN {"PRIVATE"} KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END {"PRIVATE"} KEY-----\n";

        Assert.Contains("ssh-keygen -p", Assert.Single(GoodSettings.Problems(("sshPrivateKey", pem))).Rule, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{0}\u0007bell")]
    [InlineData("{0}\rssh-ed25519")]
    public void A_public_key_with_control_characters_is_refused(string form) =>
        Assert.Equal("sshPublicKey", Assert.Single(
            GoodSettings.Problems(("sshPublicKey", string.Format(System.Globalization.CultureInfo.InvariantCulture, form, GoodSettings.PublicKey)))).Key);

    [Fact]
    public void The_same_key_twice_is_one()
    {
        string twice = $"{GoodSettings.PublicKey}\n\n{GoodSettings.OtherPublicKey}\r\n{GoodSettings.PublicKey}\n";

        Assert.Equal($"{GoodSettings.PublicKey}\n{GoodSettings.OtherPublicKey}", GoodSettings.Read(("sshPublicKey", twice)).Ssh.PublicKey);
    }

    [Fact]
    public void Several_administrators_can_have_keys()
    {
        string both = $"{GoodSettings.OtherPublicKey}\n{GoodSettings.PublicKey}\n";

        Assert.Equal(both.Trim(), GoodSettings.Read(("sshPublicKey", both)).Ssh.PublicKey);
    }

    [Fact]
    public void A_truncated_key_is_a_problem_and_no_crash()
    {
        string[] lines = GoodSettings.PrivateKey.Split('\n');
        string cut = string.Join('\n', lines[0], lines[1][..24], lines[^2]) + "\n";

        Assert.Equal("sshPrivateKey", Assert.Single(GoodSettings.Problems(("sshPrivateKey", cut))).Key);
    }
}
