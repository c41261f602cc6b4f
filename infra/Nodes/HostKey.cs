// The SSH host key of a machine: known before the machine exists, so that its first connection can be checked already.

using System.Numerics;
using System.Security.Cryptography;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>
/// An ECDSA key pair on P-256 (RFC 5656), derived from the stack's seed and the machine's name: the same in every run and for a
/// machine's successor, another one for each machine.
/// </summary>
/// <param name="PrivateKey">The private key as an OpenSSH file. A secret.</param>
/// <param name="PublicKey">The public key: TYPE BASE64, as in known_hosts and authorized_keys.</param>
public sealed record HostKey(string PrivateKey, string PublicKey)
{
    /// <summary>The key's type, as in known_hosts(5).</summary>
    public const string Algorithm = "ecdsa-sha2-nistp256";

    /// <summary>The key of a machine.</summary>
    /// <param name="seed">The stack's seed, a secret of at least 32 random characters.</param>
    /// <param name="machine">The machine's name.</param>
    public static HostKey Of(string seed, string machine)
    {
        BigInteger d = P256.Derive(seed, $"redis-ha SSH host key of {machine}");
        return Write(P256.Bytes(d), P256.PublicPoint(d), machine);
    }

    /// <summary>Hides the private key.</summary>
    public override string ToString() => PublicKey;

    // openssh/PROTOCOL.key, without encryption: two equal check numbers, the key, the comment, then 1, 2, 3... to a multiple of 8.
    private static HostKey Write(byte[] d, ECPoint point, string machine)
    {
        byte[] publicBlob = OpenSsh.EcdsaBlob("nistp256", point);
        byte[] check = SHA256.HashData(publicBlob)[..4];
        List<byte> inner =
        [
            .. check, .. check,
            .. publicBlob,
            .. OpenSsh.Number(d),
            .. OpenSsh.String($"root@{machine}"),
        ];
        for (byte pad = 1; inner.Count % 8 != 0; pad++)
        {
            inner.Add(pad);
        }
        byte[] body =
        [
            .. OpenSsh.Magic,
            .. OpenSsh.String("none"), .. OpenSsh.String("none"), .. OpenSsh.String(""),
            0, 0, 0, 1,
            .. OpenSsh.String(publicBlob),
            .. OpenSsh.String([.. inner]),
        ];
        string lines = string.Join('\n', Convert.ToBase64String(body).Chunk(70).Select(line => new string(line)));
        return new HostKey(
            $"-----BEGIN OPENSSH {"PRIVATE"} KEY-----\n{lines}\n-----END OPENSSH {"PRIVATE"} KEY-----\n",
            $"{Algorithm} {Convert.ToBase64String(publicBlob)}");
    }
}
