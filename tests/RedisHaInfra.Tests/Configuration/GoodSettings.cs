// A stack configuration that holds, to be spoilt one setting at a time.

using System.Buffers.Binary;
using System.Text;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public static class GoodSettings
{
    // Keys in OpenSSH's form (openssh/PROTOCOL.key), made here; they open nothing.
    public static string PublicKey { get; } = PublicLine(1);

    public static string PrivateKey { get; } = PrivateFile(1, "none");

    public static string OtherPublicKey { get; } = PublicLine(2);

    /// <summary>The first pair's private half under a passphrase.</summary>
    public static string EncryptedPrivateKey { get; } = PrivateFile(1, "aes256-ctr");

    /// <summary>A file that stands for a published proxy.</summary>
    public static string BundlePath { get; } = MakeBundle();

    /// <summary>Keys whose values are stored encrypted.</summary>
    public static IReadOnlySet<string> SecretKeys { get; } = Setting.All.Where(setting => setting.Secret).Select(setting => setting.Key).ToHashSet();

    /// <summary>The required settings, changed; null takes one away.</summary>
    public static Dictionary<string, string> With(Dictionary<string, string?> changes)
    {
        var settings = new Dictionary<string, string?>
        {
            ["compartmentId"] = "ocid1.compartment.oc1..aaaatest",
            ["sshPublicKey"] = PublicKey,
            ["sshPrivateKey"] = PrivateKey,
            ["adminCidrs"] = """["203.0.113.0/24"]""",
        };
        foreach ((string key, string? value) in changes)
        {
            settings[key] = value;
        }
        return settings.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Key, pair => pair.Value!);
    }

    /// <summary>Reads them.</summary>
    public static StackSettings Read(params (string Key, string? Value)[] changes) =>
        StackSettings.Read(new SettingsSource(
            With(changes.ToDictionary(change => change.Key, change => change.Value)), SecretKeys));

    /// <summary>Reads them and hands back what is wrong.</summary>
    public static IReadOnlyList<SettingProblem> Problems(params (string Key, string? Value)[] changes) =>
        Assert.Throws<SettingsException>(() => Read(changes)).Problems;

    private static string MakeBundle()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "redis-ha-proxy.test");
        File.WriteAllText(path, "not really a program\n");
        return path;
    }

    private static string PublicLine(byte seed) => $"ssh-ed25519 {Convert.ToBase64String(Blob(seed))} test";

    private static string PrivateFile(byte seed, string cipher)
    {
        byte[] body =
        [
            .. "openssh-key-v1\0"u8,
            .. SshString(Encoding.ASCII.GetBytes(cipher)),
            .. SshString(Encoding.ASCII.GetBytes(cipher == "none" ? "none" : "bcrypt")),
            .. SshString([]),
            0, 0, 0, 1,
            .. SshString(Blob(seed)),
            .. SshString(Enumerable.Repeat(seed, 136).ToArray()),
        ];
        string lines = string.Join('\n', Convert.ToBase64String(body).Chunk(70).Select(line => new string(line)));
        // In two parts, or whoever looks for lost keys in a repository would find one.
        return $"-----BEGIN OPENSSH {"PRIVATE"} KEY-----\n{lines}\n-----END OPENSSH {"PRIVATE"} KEY-----\n";
    }

    private static byte[] Blob(byte seed) => [.. SshString("ssh-ed25519"u8), .. SshString(Enumerable.Repeat(seed, 32).ToArray())];

    private static byte[] SshString(ReadOnlySpan<byte> bytes)
    {
        byte[] text = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteInt32BigEndian(text, bytes.Length);
        bytes.CopyTo(text.AsSpan(4));
        return text;
    }
}
