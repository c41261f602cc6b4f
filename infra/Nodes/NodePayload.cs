// What a node is given to run: the same script as cloud-init's user data at first boot and over SSH at every later change.
//
// The script carries the role's apply script and every file it installs, unpacks them into a directory only root can read, and
// applies. It leaves /var/lib/redis-ha/ready (with the payload's identifier) or /var/lib/redis-ha/failed (with the reason).

using System.IO.Compression;
using System.Text;

namespace RedisHaInfra.Nodes;

/// <summary>Renders the payloads of the nodes. Everything it returns holds secrets, except the identifiers and <see cref="WaitReadyScript"/>.</summary>
public static class NodePayload
{
    /// <summary>Redis directives that <see cref="Settings.RedisSettings.Overrides"/> must not name.</summary>
    public static IReadOnlySet<string> ReservedDirectives => RedisNodeFiles.Reserved;

    /// <summary>
    /// Waits on a node until it is ready; run as root with <c>bash -s -- SECONDS [IDENTIFIER]</c> on standard input, so that it works
    /// before the payload has installed it as /usr/local/sbin/redis-ha-wait-ready. Prints one line; exit code 0 when the node is
    /// ready, 1 when it is not after that many seconds.
    /// </summary>
    public static string WaitReadyScript => Template.Read("common/wait-ready.sh");

    /// <summary>The metadata value <c>user_data</c> of a Redis node: the script, compressed by gzip, in base64.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string UserData(RedisNodeInputs inputs) => Compress(ApplyScript(inputs));

    /// <summary>The metadata value <c>user_data</c> of a proxy node: the script, compressed by gzip, in base64.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string UserData(ProxyNodeInputs inputs) => Compress(ApplyScript(inputs));

    /// <summary>The script that makes a machine the Redis node: run as root, <c>bash -s</c> with this on standard input.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string ApplyScript(RedisNodeInputs inputs) => Script("redis", inputs.Node, RedisNodeFiles.Render(inputs));

    /// <summary>The script that makes a machine the proxy node: run as root, <c>bash -s</c> with this on standard input.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string ApplyScript(ProxyNodeInputs inputs) => Script("proxy", inputs.Node, ProxyNodeFiles.Render(inputs));

    /// <summary>Identifies the content of a Redis node's payload: 16 hexadecimal digits, as in /var/lib/redis-ha/ready.</summary>
    public static string Identifier(RedisNodeInputs inputs) => PayloadFile.Identify(RedisNodeFiles.Render(inputs));

    /// <summary>Identifies the content of a proxy node's payload: 16 hexadecimal digits, as in /var/lib/redis-ha/ready.</summary>
    public static string Identifier(ProxyNodeInputs inputs) => PayloadFile.Identify(ProxyNodeFiles.Render(inputs));

    private static string Script(string role, NodeAddress node, IReadOnlyList<PayloadFile> files)
    {
        string identifier = PayloadFile.Identify(files);
        PayloadFile environment = files[^1];
        return Template.Render(
            "common/payload.template",
            ("payload", identifier),
            ("role", role),
            ("node", node.Name),
            ("files", PayloadFile.Unpack([.. files.SkipLast(1), environment with { Content = $"{environment.Content}REDIS_HA_PAYLOAD={identifier}\n" }])));
    }

    private static string Compress(string script)
    {
        using var compressed = new MemoryStream();
        using (var gzip = new GZipStream(compressed, CompressionLevel.SmallestSize))
        {
            gzip.Write(Encoding.UTF8.GetBytes(script));
        }
        return Convert.ToBase64String(compressed.ToArray());
    }
}
