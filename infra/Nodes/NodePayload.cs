// What a node is given to run: one script, over SSH, at first and at every later change; and before that, as cloud-init's user data,
// the same script without any file that holds a secret.
//
// The script carries the role's apply script and every file it installs, unpacks them into a directory only root can read, and
// applies. It leaves /var/lib/redis-ha/ready (with the payload's identifier) or /var/lib/redis-ha/failed (with the reason); user
// data leaves /var/lib/redis-ha/awaits-secrets, when all is done that needs no secret.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>The payload of a node.</summary>
/// <param name="Identifier">Identifies its content: 16 hexadecimal digits, as in /var/lib/redis-ha/ready. Not secret.</param>
/// <param name="FirstBootScript">What the machine runs at its first boot, up to where it needs secrets; run as root. Not secret.</param>
/// <param name="ApplyScript">Makes the machine the node: run as root, <c>bash -s</c> with this on standard input. A secret.</param>
public sealed record NodePayload(string Identifier, string FirstBootScript, string ApplyScript)
{
    /// <summary>The payload of a Redis node.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static NodePayload Of(RedisNodeInputs inputs) => Of("redis", inputs.Node, RedisNodeFiles.Render(inputs));

    /// <summary>The payload of a proxy node.</summary>
    /// <exception cref="ArgumentException">An input cannot stand in a configuration file; the message names it, secrets excepted.</exception>
    public static NodePayload Of(ProxyNodeInputs inputs) => Of("proxy", inputs.Node, ProxyNodeFiles.Render(inputs));

    /// <summary>Hides the scripts.</summary>
    public override string ToString() => Identifier;

    private static NodePayload Of(string role, NodeAddress node, IReadOnlyList<PayloadFile> files) =>
        new(PayloadFile.Identify(files), Script(role, node, WithoutSecrets(files)), Script(role, node, files));

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
