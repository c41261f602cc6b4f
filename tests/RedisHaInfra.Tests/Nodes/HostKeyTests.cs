// Host keys: our own arithmetic against .NET's, our own file against OpenSSH's reader.

using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class HostKeyTests
{
    private const string Seed = "0123456789abcdefghijklmnopqrstuv";

    public static TheoryData<string> Numbers => new(
        [
            "1", "2", "3", "4", "7fffffff", "80000000000000000000000000000000",
            // The curve's order less 1, 2 and 3.
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254e",
            .. Enumerable.Range(0, 20).Select(number => Convert.ToHexStringLower(SHA256.HashData([(byte)number]))[1..]),
        ]);

    [SkippableTheory]
    [MemberData(nameof(Numbers))]
    public void The_public_point_is_the_one_that_OpenSSL_computes(string number)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "not every system's library derives a public key");
        var d = BigInteger.Parse("0" + number, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
        using var reference = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = Convert.FromHexString(number.PadLeft(64, '0')) });
        ECPoint expected = reference.ExportParameters(includePrivateParameters: false).Q;

        ECPoint point = P256.PublicPoint(d);

        Assert.Equal((Convert.ToHexString(expected.X!), Convert.ToHexString(expected.Y!)), (Convert.ToHexString(point.X!), Convert.ToHexString(point.Y!)));
    }

    [Fact]
    public void A_machine_has_its_own_key_and_keeps_it()
    {
        string[] keys = [.. Enumerable.Range(1, 9).Select(number => HostKey.Of(Seed, $"redis{number}").PublicKey), HostKey.Of(Seed, "bastion").PublicKey,
            HostKey.Of(Seed[1..] + "w", "bastion").PublicKey];

        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(HostKey.Of(Seed, "redis1"), HostKey.Of(Seed, "redis1"));
        // A stack that runs has this key in its machines: another derivation would shut the program out.
        Assert.Equal("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBB"
            + "JfwgpBlXimpC069MUFLNKxmDO1ZJTQeiPT0NOIqhv2+jwzmF3iyaACdYzBGXJ6O+Jao2IqxghaLMJTwZjANvzc=", HostKey.Of(Seed, "redis1").PublicKey);
        Assert.Equal(HostKey.Of(Seed, "redis1").PublicKey, HostKey.Of(Seed, "redis1").ToString());
    }

    [SkippableFact]
    public async Task OpenSSH_reads_the_private_key_and_finds_the_same_public_one()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Installed.Has("ssh-keygen"), "ssh-keygen is not installed");
        string path = Path.GetTempFileName();
        try
        {
            // Numbers of less than 32 bytes and of a first bit that is set are among so many.
            foreach (string machine in Enumerable.Range(0, 40).Select(number => $"redis{number}"))
            {
                var key = HostKey.Of(Seed, machine);
                await File.WriteAllTextAsync(path, key.PrivateKey);
                ShellResult result = await Shell.RunAsync("ssh-keygen", ["-y", "-f", path]);

                Assert.Equal((0, $"{key.PublicKey} root@{machine}\n"), (result.ExitCode, result.Output));
            }
        }
        finally
        {
            File.Delete(path);
        }
    }
}
