// The SSH host key of a machine: known before the machine exists, so that its first connection can be checked already.

using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
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
    // SEC 2, section 2.4.2: secp256r1. Every curve of this form has the coefficient a = p - 3, which the doubling below relies on.
    private static readonly BigInteger P = Number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    private static readonly BigInteger Order = Number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    private static readonly BigInteger Gx = Number("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    private static readonly BigInteger Gy = Number("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");

    /// <summary>The key's type, as in known_hosts(5).</summary>
    public const string Algorithm = "ecdsa-sha2-nistp256";

    /// <summary>The key of a machine.</summary>
    /// <param name="seed">The stack's seed, a secret of at least 32 random characters.</param>
    /// <param name="machine">The machine's name.</param>
    public static HostKey Of(string seed, string machine)
    {
        // 384 bits taken modulo a number of 256: no value is likelier than another by more than 2^-128.
        byte[] drawn = HKDF.DeriveKey(
            HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(seed), 48, info: Encoding.UTF8.GetBytes($"redis-ha SSH host key of {machine}"));
        BigInteger d = 1 + (new BigInteger(drawn, isUnsigned: true, isBigEndian: true) % (Order - 1));
        return Write(Bytes(d), PublicPoint(d), machine);
    }

    /// <summary>Hides the private key.</summary>
    public override string ToString() => PublicKey;

    /// <summary>
    /// The public point of a private number, 1 to the curve's order - 1. .NET derives it with OpenSSL, but not on macOS. It runs on the
    /// machine that has all secrets anyway, so it need not take the same time for each number.
    /// </summary>
    internal static ECPoint PublicPoint(BigInteger d)
    {
        // Double and add in Jacobian coordinates, x = X / Z^2, y = Y / Z^3 (Guide to Elliptic Curve Cryptography, section 3.2.2).
        (BigInteger X, BigInteger Y, BigInteger Z) sum = (Gx, Gy, 1);
        for (int bit = (int)d.GetBitLength() - 2; bit >= 0; bit--)
        {
            sum = Double(sum);
            if (!((d >> bit) & 1).IsZero)
            {
                sum = AddGenerator(sum);
            }
        }
        var inverse = BigInteger.ModPow(sum.Z, P - 2, P);
        BigInteger square = inverse * inverse % P;
        return new ECPoint { X = Bytes(Mod(sum.X * square)), Y = Bytes(Mod(sum.Y * square % P * inverse)) };
    }

    private static (BigInteger X, BigInteger Y, BigInteger Z) Double((BigInteger X, BigInteger Y, BigInteger Z) point)
    {
        BigInteger y2 = Mod(point.Y * point.Y);
        BigInteger z2 = Mod(point.Z * point.Z);
        BigInteger s = Mod(4 * point.X * y2);
        BigInteger m = Mod(3 * (point.X - z2) * (point.X + z2));
        BigInteger x = Mod(m * m - 2 * s);
        return (x, Mod(m * (s - x) - 8 * y2 * y2), Mod(2 * point.Y * point.Z));
    }

    // Never of a point with itself or its opposite: the sum is a multiple of the generator between 2 and the order - 2.
    private static (BigInteger X, BigInteger Y, BigInteger Z) AddGenerator((BigInteger X, BigInteger Y, BigInteger Z) point)
    {
        BigInteger z2 = Mod(point.Z * point.Z);
        BigInteger h = Mod(Gx * z2 - point.X);
        BigInteger r = Mod(Gy * z2 % P * point.Z - point.Y);
        BigInteger h2 = Mod(h * h);
        BigInteger h3 = Mod(h2 * h);
        BigInteger v = Mod(point.X * h2);
        BigInteger x = Mod(r * r - h3 - 2 * v);
        return (x, Mod(r * (v - x) - point.Y * h3), Mod(point.Z * h));
    }

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

    private static BigInteger Mod(BigInteger value)
    {
        BigInteger rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    private static byte[] Bytes(BigInteger value)
    {
        byte[] digits = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[32 - digits.Length], .. digits];
    }

    private static BigInteger Number(string hexadecimal) => BigInteger.Parse("0" + hexadecimal, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
