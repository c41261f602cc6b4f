// OCI takes 32,000 bytes of metadata for a machine: the keys of those who may log in, its host key, and the first boot's script. Their
// size is known before anything is created: passwords are not among them.

using System.Text;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Measures the machines' metadata.</summary>
internal static class MetadataSize
{
    /// <summary>Most bytes of all keys and values together (Compute, "Instance Metadata").</summary>
    public const int Limit = 32_000;

    // Stand in the place of what only files outside of the user data hold; nothing of them is measured.
    private const string Any = "0000000000000000";

    /// <summary>Refuses settings whose machines would have too much.</summary>
    /// <exception cref="SettingsException">They would; it names the one setting of any length that goes into the metadata.</exception>
    public static void Require(StackSettings settings)
    {
        int keys = Encoding.UTF8.GetByteCount(settings.Ssh.PublicKey);
        (string machine, int script) = Scripts(settings).MaxBy(pair => pair.Size);
        int size = "ssh_authorized_keys".Length + keys + "user_data".Length + script;
        if (size > Limit)
        {
            throw new SettingsException([new SettingProblem(Setting.SshPublicKey.Key, settings.Ssh.PublicKey,
                $"fewer or shorter keys: {machine} would get {size} bytes of metadata, {keys} of them keys, and OCI takes {Limit}",
                Setting.SshPublicKey.ExampleCommand())]);
        }
    }

    // What a machine of each kind gets as user_data.
    private static IEnumerable<(string Machine, int Size)> Scripts(StackSettings settings)
    {
        var passwords = new NodePasswords
        {
            Client = Any,
            Replication = Any,
            Sentinel = Any,
            Health = Any,
            SentinelWatch = Any,
            Watch = Any,
            Metrics = Any,
            Operator = Any,
            Admin = Any
        };
        NodeAddress redis = settings.Network.Redis[^1];
        var login = new LoginAccess(settings.Compute.OperatingSystem.User, "-");
        yield return (redis.Name, UserData.Of(HostKey.Of(Any, redis.Name), NodePayload.Of(new RedisNodeInputs
        {
            Login = login,
            Node = redis,
            Nodes = settings.Network.Redis,
            Redis = settings.Redis,
            Sentinel = settings.Sentinel,
            Passwords = passwords,
        }).FirstBootScript).Length);
        NodeAddress proxy = settings.Network.Proxies[^1];
        yield return (proxy.Name, UserData.Of(HostKey.Of(Any, proxy.Name), NodePayload.Of(new ProxyNodeInputs
        {
            Login = login,
            Node = proxy,
            RedisNodes = settings.Network.Redis,
            Sentinel = settings.Sentinel,
            Passwords = passwords,
            BundleUrl = "https://bundle.example/",
            BundleSha256 = new string('0', 64),
            Options = settings.ProxyOptions,
        }).FirstBootScript).Length);
    }
}
