// The metadata value "user_data": what cloud-init does at a machine's first boot. It holds no secret but the machine's own host key.

using System.IO.Compression;
using System.Text;

namespace RedisHaInfra.Nodes;

/// <summary>Writes user data.</summary>
public static class UserData
{
    private const string Boundary = "redis-ha-part";

    /// <summary>A machine with this host key that runs a script at its first boot: both parts in one (RFC 2046), compressed by gzip, in base64.</summary>
    /// <param name="hostKey">The machine's host key.</param>
    /// <param name="script">A shell script of ASCII characters.</param>
    public static string Of(HostKey hostKey, string script) => Compress($"""
        Content-Type: multipart/mixed; boundary="{Boundary}"
        MIME-Version: 1.0

        --{Boundary}
        Content-Type: text/cloud-config; charset="us-ascii"

        #cloud-config
        {HostKeyConfiguration(hostKey)}
        --{Boundary}
        Content-Type: text/x-shellscript; charset="us-ascii"

        {script}
        --{Boundary}--

        """);

    /// <summary>The lines of a cloud-config that give a machine this host key and no other.</summary>
    public static string HostKeyConfiguration(HostKey hostKey) => Template.Render(
        "common/host-key.cloud-config",
        ("private-key", hostKey.PrivateKey.TrimEnd('\n').Replace("\n", "\n    ", StringComparison.Ordinal)),
        ("public-key", hostKey.PublicKey)).TrimEnd('\n');

    /// <summary>Compressed by gzip, in base64.</summary>
    public static string Compress(string text)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }
        return Convert.ToBase64String(compressed.ToArray());
    }
}
