// The key pair: the private half must be there, be usable without anybody present, and belong to a public one.

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
        Assert.Contains("without passphrase", Assert.Single(GoodSettings.Problems(("sshPrivateKey", GoodSettings.EncryptedPrivateKey))).Rule, StringComparison.Ordinal);
        string pem = $"-----BEGIN RSA {"PRIVATE"} KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA {"PRIVATE"} KEY-----\n";
        Assert.Contains("without passphrase", Assert.Single(GoodSettings.Problems(("sshPrivateKey", pem))).Rule, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_that_opens_nothing_is_refused()
    {
        SettingProblem problem = Assert.Single(GoodSettings.Problems(("sshPublicKey", GoodSettings.OtherPublicKey)));

        Assert.Contains("belongs to another", problem.Rule, StringComparison.Ordinal);
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
