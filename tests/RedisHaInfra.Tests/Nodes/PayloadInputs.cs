// Inputs of node payloads for the tests: three Redis nodes and a proxy on addresses of the test's choosing.

using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

internal static class PayloadInputs
{
    public static readonly NodePasswords Passwords = new()
    {
        Client = "client'password\" \\ with {{all}} $(kinds)",
        Replication = "replication-password",
        Sentinel = "sentinel-password",
        Health = "health-password",
        SentinelWatch = "sentinel-watch-password",
        Operator = "operator-password",
        Watch = "node-watch-password",
        Admin = "admin password",
    };

    public static readonly LoginAccess Login = new("ubuntu", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl José's "
        + "$(key)\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH7Y9qW4bCkMQ2j6P4XW0dxA6wdr1Qb9p1T3tQqYv7cA leaver");

    public static IReadOnlyList<NodeAddress> Nodes(string network = "172.31.235", int count = 3) =>
        [.. Enumerable.Range(1, count).Select(number => new NodeAddress($"redis{number}", $"{network}.{130 + number}"))];

    public static RedisNodeInputs Redis(int number = 1, string network = "172.31.235", int count = 3) => new()
    {
        Node = Nodes(network, count)[number - 1],
        Nodes = Nodes(network, count),
        Redis = new RedisSettings(),
        Sentinel = new SentinelSettings(),
        Login = Login,
        Passwords = Passwords,
    };

    public static readonly NodeBackup Backup =
        new("https://objectstorage.example/p/very-secret-backup-token/n/ns/b/backups/o/", ["*-*-* 02:30:00 UTC", "*-*-* 14:30:00 UTC"], 43_200);

    public static readonly NodeMetrics Metrics = new("ocid1.compartment.oc1..aaaatest", "redis-ha-test");

    public static ProxyNodeInputs Proxy() => new()
    {
        Node = new NodeAddress("proxy1", "172.31.235.141"),
        RedisNodes = Nodes(),
        Sentinel = new SentinelSettings(),
        Login = Login,
        Passwords = Passwords,
        BundleUrl = "https://objectstorage.example/p/very-secret-token/n/ns/b/bucket/o/redis-ha-proxy",
        BundleSha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };

    /// <summary>The content of a file inside an apply script.</summary>
    public static string FileOf(string script, string name)
    {
        string head = $"cat >\"$payload/{name}\" <<'REDIS_HA_END_OF_FILE'\n";
        int start = script.IndexOf(head, StringComparison.Ordinal);
        Assert.True(start >= 0, $"the payload has no file {name}");
        start += head.Length;
        return script[start..script.IndexOf("REDIS_HA_END_OF_FILE\n", start, StringComparison.Ordinal)];
    }
}
