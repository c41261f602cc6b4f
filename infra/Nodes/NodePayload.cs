// What a node is given to run: one script, over SSH, at first and at every later change; and before that, as cloud-init's user data,
// the same script without any file that holds a secret.
//
// The script carries the role's apply script and every file it installs, unpacks them into a directory only root can read, and
// applies. It leaves /var/lib/redis-ha/ready (with the payload's identifier) or /var/lib/redis-ha/failed (with the reason); user
// data leaves /var/lib/redis-ha/awaits-secrets, when all is done that needs no secret.

namespace RedisHaInfra.Nodes;

/// <summary>Renders the payloads of the nodes. What <see cref="ApplyScript(RedisNodeInputs)"/> returns holds secrets; the rest does not.</summary>
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

    /// <summary>What a machine runs at its first boot to become the Redis node, up to where it needs secrets; run as root.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string FirstBootScript(RedisNodeInputs inputs) => Script("redis", inputs.Node, WithoutSecrets(RedisNodeFiles.Render(inputs)));

    /// <summary>What a machine runs at its first boot to become the proxy node, up to where it needs secrets; run as root.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static string FirstBootScript(ProxyNodeInputs inputs) => Script("proxy", inputs.Node, WithoutSecrets(ProxyNodeFiles.Render(inputs)));

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

    // The empty file tells the apply script that the rest comes later.
    private static List<PayloadFile> WithoutSecrets(IReadOnlyList<PayloadFile> files) => [new("first-boot", "\n"), .. files.Where(file => file.IsInUserData)];

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
}
