// Arithmetic on the curve P-256, for keys and signatures that are the same in every run: .NET draws a number for each signature, and derives
// a public key from a private one with OpenSSL only, which macOS does not have. It runs on the machine that has all secrets anyway, so it need
// not take the same time for each number.

using System.Formats.Asn1;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace RedisHaInfra.Nodes;

/// <summary>Keys and ECDSA signatures on P-256 (SEC 1, SEC 2).</summary>
internal static class P256
{
    // SEC 2, section 2.4.2: secp256r1. Every curve of this form has the coefficient a = p - 3, which the doubling below relies on.
    private static readonly BigInteger P = Number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    private static readonly BigInteger Order = Number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    private static readonly BigInteger Gx = Number("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    private static readonly BigInteger Gy = Number("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");

    /// <summary>A private number, 1 to the curve's order - 1.</summary>
    /// <param name="seed">A secret of at least 32 random characters.</param>
    /// <param name="purpose">Another purpose is another number.</param>
    public static BigInteger Derive(string seed, string purpose) => Derive(Encoding.UTF8.GetBytes(seed), Encoding.UTF8.GetBytes(purpose));

    /// <summary>
    /// The signature of a hash of 32 bytes, in DER (RFC 3279, section 2.2.3). Its number is derived from key and hash, as in RFC 6979: it is
    /// secret, and the same twice only for the same hash.
    /// </summary>
    public static byte[] Sign(BigInteger d, byte[] hash)
    {
        BigInteger k = Derive(Bytes(d), [.. "redis-ha signature of "u8, .. hash]);
        BigInteger r = Unsigned(PublicPoint(k).X!) % Order;
        BigInteger s = BigInteger.ModPow(k, Order - 2, Order) * (Unsigned(hash) + (r * d)) % Order;
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(r);
            writer.WriteInteger(s);
        }
        return writer.Encode();
    }

    /// <summary>
    /// The public point of a private number, 1 to the curve's order - 1.
    /// </summary>
    public static ECPoint PublicPoint(BigInteger d)
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

    // 384 bits taken modulo a number of 256: no value is likelier than another by more than 2^-128.
    private static BigInteger Derive(byte[] seed, byte[] purpose) =>
        1 + (Unsigned(HKDF.DeriveKey(HashAlgorithmName.SHA256, seed, 48, info: purpose)) % (Order - 1));

    private static BigInteger Unsigned(byte[] bytes) => new(bytes, isUnsigned: true, isBigEndian: true);

    private static BigInteger Mod(BigInteger value)
    {
        BigInteger rest = value % P;
        return rest.Sign < 0 ? rest + P : rest;
    }

    /// <summary>A number as 32 bytes, the highest first.</summary>
    public static byte[] Bytes(BigInteger value)
    {
        byte[] digits = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[32 - digits.Length], .. digits];
    }

    private static BigInteger Number(string hexadecimal) => BigInteger.Parse("0" + hexadecimal, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
