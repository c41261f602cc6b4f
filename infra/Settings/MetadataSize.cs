// OCI takes 32,000 bytes of metadata for a machine. What is to be sent is known before anything is created, but for the passwords,
// which always have the same length.

using System.Text;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Settings;

/// <summary>Measures the machines' metadata.</summary>
internal static class MetadataSize
{
    /// <summary>Most bytes of all keys and values together (Compute, "Instance Metadata": "32,000 bytes").</summary>
    public const int Limit = 32_000;

    // Compressed, random passwords of the same length differ by some bytes.
    private const int Margin = 200;

    /// <summary>Notes a problem at the setting that takes the most.</summary>
    public static void Check(SettingsReader reader, StackSettings settings)
    {
        (string machine, int size) = Sizes(settings).MaxBy(pair => pair.Size);
        if (size <= Limit - Margin)
        {
            return;
        }
        var parts = new (Setting Setting, int Size)[]
        {
            (Setting.SshPublicKey, settings.Ssh.PublicKey.Length),
            (Setting.RedisOverrides, settings.Redis.Overrides.Sum(pair => pair.Key.Length + pair.Value.Length + 2)),
        };
        Setting largest = parts.MaxBy(part => part.Size).Setting;
        reader.Reject(largest, $"shorter: {machine} would get {size} bytes of metadata, and OCI takes {Limit} "
            + $"({string.Join(", ", parts.OrderByDescending(part => part.Size).Select(part => $"{part.Setting.Key} has {part.Size} bytes"))})");
    }

    /// <summary>The metadata's size of one machine of each kind.</summary>
    public static IEnumerable<(string Machine, int Size)> Sizes(StackSettings settings)
    {
        var random = new Random(1);
        string Password() => string.Concat(Enumerable.Range(0, 32).Select(_ => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[random.Next(62)]));
        var passwords = new NodePasswords
        {
            Client = settings.ClientPassword?.Reveal() ?? Password(),
            Replication = Password(),
            Sentinel = Password(),
            Health = Password(),
            SentinelWatch = Password(),
            Operator = Password(),
            Admin = Password(),
        };
        int keys = "ssh_authorized_keys".Length + "user_data".Length + Encoding.UTF8.GetByteCount(settings.Ssh.PublicKey);
        NodeAddress redis = settings.Network.Redis[^1];
        yield return (redis.Name, keys + NodePayload.UserData(new RedisNodeInputs
        {
            Node = redis,
            Nodes = settings.Network.Redis,
            Redis = settings.Redis,
            Sentinel = settings.Sentinel,
            Passwords = passwords,
        }).Length);
        NodeAddress proxy = settings.Network.Proxies[^1];
        yield return (proxy.Name, keys + NodePayload.UserData(new ProxyNodeInputs
        {
            Node = proxy,
            RedisNodes = settings.Network.Redis,
            Sentinel = settings.Sentinel,
            Passwords = passwords,
            // As long as a pre-authenticated address is, and as little compressible.
            BundleUrl = $"https://objectstorage.eu-frankfurt-1.oraclecloud.com/p/{Password()}{Password()}/n/namespace1234/b/redis-ha-production/o/redis-ha-proxy",
            BundleSha256 = new string('0', 64),
            MaxConnections = settings.Proxy.MaxConnections,
        }).Length);
    }
}
