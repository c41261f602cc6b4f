// The passwords: one for each account, so that what one of them opens stays small. And the machines' SSH host keys.

using Pulumi;
using Pulumi.Random;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>Generates the passwords; the clients' one may be given.</summary>
public sealed class Credentials : ComponentResource
{
    // 62^32 possibilities, 190 bits; letters and digits need no quoting in any of the files they go to.
    private const int Length = 32;

    private readonly Output<string> _hostKeySeed;

    /// <summary>All passwords, as a secret.</summary>
    public Output<NodePasswords> Passwords { get; }

    /// <summary>Generates them.</summary>
    /// <param name="name">The component's name.</param>
    /// <param name="clientPassword">The clients' password when the stack sets one.</param>
    /// <param name="options">Pulumi's options.</param>
    public Credentials(string name, SecretText? clientPassword, ComponentResourceOptions? options = null)
        : base("redis-ha:infra:Credentials", name, options)
    {
        Passwords = Output.CreateSecret(Output.All(
            clientPassword?.ToOutput() ?? Generate("client-password"),
            Generate("replication-password"),
            Generate("sentinel-password"),
            Generate("health-password"),
            Generate("sentinel-watch-password"),
            Generate("operator-password"),
            Generate("admin-password"),
            Generate("watch-password")).Apply(all => new NodePasswords
            {
                Client = all[0],
                Replication = all[1],
                Sentinel = all[2],
                Health = all[3],
                SentinelWatch = all[4],
                Operator = all[5],
                Admin = all[6],
                Watch = all[7],
            }));
        _hostKeySeed = Generate("host-key-seed");
        RegisterOutputs();
    }

    /// <summary>The SSH host key of a machine, a secret: drawn once for the stack, so a machine's successor has the same.</summary>
    /// <param name="machine">The machine's name.</param>
    public Output<HostKey> HostKeyOf(string machine) => _hostKeySeed.Apply(seed => HostKey.Of(seed, machine));

    private Output<string> Generate(string name) =>
        Output.CreateSecret(Partial.Required(
            new RandomPassword(name, new RandomPasswordArgs { Length = Length, Special = false }, new CustomResourceOptions { Parent = this }).Result));
}
