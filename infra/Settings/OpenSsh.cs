// OpenSSH's binary forms, as far as keys need them: length-prefixed strings (RFC 4251, section 5) in public keys (RFC 4253, section
// 6.6; RFC 5656 for ECDSA) and in private key files (openssh/PROTOCOL.key).

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace RedisHaInfra.Settings;

/// <summary>Writes and reads OpenSSH's forms of keys.</summary>
internal static class OpenSsh
{
    /// <summary>The first bytes of a private key file's body.</summary>
    public static readonly byte[] Magic = Encoding.ASCII.GetBytes("openssh-key-v1\0");

    /// <summary>A length-prefixed string.</summary>
    public static byte[] String(ReadOnlySpan<byte> bytes)
    {
        byte[] text = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(text, bytes.Length);
        bytes.CopyTo(text.AsSpan(4));
        return text;
    }

    /// <summary>A length-prefixed string of ASCII characters.</summary>
    public static byte[] String(string text) => String(Encoding.ASCII.GetBytes(text));

    /// <summary>A positive number (mpint): without leading zeros, except one where the first bit would make it negative.</summary>
    public static byte[] Number(ReadOnlySpan<byte> bigEndian)
    {
        ReadOnlySpan<byte> digits = bigEndian.TrimStart((byte)0);
        return digits.Length > 0 && digits[0] >= 0x80 ? String([0, .. digits]) : String(digits);
    }

    /// <summary>The public half of a key in PEM; null when it is of a kind that .NET does not know (Ed25519), or damaged.</summary>
    public static byte[]? PublicBlobOfPem(string pem)
    {
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            RSAParameters known = rsa.ExportParameters(includePrivateParameters: false);
            return [.. String("ssh-rsa"), .. Number(known.Exponent), .. Number(known.Modulus)];
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            // The next kind.
        }
        try
        {
            using var ecdsa = ECDsa.Create();
            ecdsa.ImportFromPem(pem);
            return EcdsaBlob($"nistp{ecdsa.KeySize}", ecdsa.ExportParameters(includePrivateParameters: false).Q);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException or PlatformNotSupportedException)
        {
            return null;
        }
    }

    /// <summary>The public half of an ECDSA key.</summary>
    public static byte[] EcdsaBlob(string curve, ECPoint point) =>
        [.. String($"ecdsa-sha2-{curve}"), .. String(curve), .. String([4, .. point.X!, .. point.Y!])];

    /// <summary>Reads length-prefixed strings; past the end all is empty.</summary>
    public sealed class Reader(byte[] bytes)
    {
        private int _position;

        /// <summary>The next string.</summary>
        public byte[] Next()
        {
            if (_position + 4 > bytes.Length)
            {
                return [];
            }
            uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(_position));
            _position += 4;
            if (length > bytes.Length - _position)
            {
                _position = bytes.Length;
                return [];
            }
            byte[] value = bytes[_position..(_position + (int)length)];
            _position += (int)length;
            return value;
        }

        /// <summary>Passes over some bytes.</summary>
        public void Skip(int count) => _position += count;
    }
}
