// Secrets: known to the cloud where they must be, marked as secret on the way there, and nowhere else.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Pulumi;
using Pulumi.Command.Remote;
using Pulumi.Oci.Core;
using Pulumi.Utilities;
using RedisHaInfra.Nodes;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class SecrecyTests(DefaultDeployment deployment)
{
    private RecordedCloud Cloud => deployment.Run.Cloud;

    internal static IReadOnlyList<string> AllSecrets(RecordedCloud cloud) =>
    [
        .. cloud.All(Types.Password).Select(password => Secrets.PasswordOf(password.Name)),
        Secrets.BundleToken,
        GoodSettings.PrivateKey.Split('\n')[1],
    ];

    [Fact]
    public void Plain_secrets_are_in_standard_input_and_keys_only()
    {
        IReadOnlyList<string> secrets = AllSecrets(Cloud);
        Assert.Equal(11, secrets.Count);
        var places = new SortedSet<string>(StringComparer.Ordinal);
        foreach (RecordedResource resource in Cloud.Resources)
        {
            Assert.DoesNotContain(secrets, secret => resource.Name.Contains(secret, StringComparison.Ordinal));
            foreach ((string path, string text) in Texts(resource.Inputs, string.Empty))
            {
                if (secrets.Any(secret => text.Contains(secret, StringComparison.Ordinal)))
                {
                    places.Add($"{resource.Type} {path}");
                }
            }
        }
        // User data is compressed: the next test looks at it.
        Assert.Equal([$"{Types.Command} .connection.privateKey", $"{Types.Command} .connection.proxy.privateKey", $"{Types.Command} .stdin"], places);
    }

    [Fact]
    public void No_secret_is_in_any_machines_metadata()
    {
        // Whoever may `read instances` reads it over the API, and any process that the metadata service answers.
        IReadOnlyList<string> secrets = AllSecrets(Cloud);
        IEnumerable<string> hashes = secrets.Select(secret => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret))));
        string[] all = [.. secrets, .. hashes];
        Assert.Equal(6, Cloud.All(Types.Instance).Count);
        foreach (RecordedResource machine in Cloud.All(Types.Instance))
        {
            var metadata = (ImmutableDictionary<string, object>)machine["metadata"]!;
            Assert.Equal(["ssh_authorized_keys", "user_data"], metadata.Keys.Order(StringComparer.Ordinal));
            foreach (string text in new[] { MachineTests.Text(machine), (string)metadata["ssh_authorized_keys"], (string)metadata["user_data"] })
            {
                Assert.True(text.Length > 50);
                Assert.DoesNotContain(all, secret => text.Contains(secret, StringComparison.OrdinalIgnoreCase));
            }
        }
    }

    [Fact]
    public void A_machines_private_host_key_is_in_its_own_metadata_and_nowhere_else()
    {
        string Private(string machine) => HostKey.Of(Secrets.PasswordOf("host-key-seed"), machine).PrivateKey.Split('\n')[2];
        string[] machines = [.. Cloud.All(Types.Instance).Select(machine => machine.Name)];
        Assert.Equal(6, machines.Length);
        foreach (string machine in machines)
        {
            Assert.Equal([machine], Cloud.All(Types.Instance).Where(other => MachineTests.Text(other).Contains(Private(machine), StringComparison.Ordinal))
                .Select(other => other.Name));
            Assert.DoesNotContain(
                Cloud.Resources, resource => Texts(resource.Inputs, "").Any(text => text.Text.Contains(Private(machine), StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task What_carries_secrets_is_marked_as_secret()
    {
        foreach (RecordedResource machine in Cloud.All(Types.Instance))
        {
            Output<ImmutableDictionary<string, string>> metadata = ((InstanceArgs)deployment.Run.Args[(Types.Instance, machine.Name)]).Metadata;
            Assert.True(await Output.IsSecretAsync(metadata), machine.Name);
        }
        foreach (RecordedResource command in Cloud.All(Types.Command))
        {
            var args = (CommandArgs)deployment.Run.Args[(Types.Command, command.Name)];
            bool carriesSecrets = AllSecrets(Cloud).Any(secret => command.Text("stdin").Contains(secret, StringComparison.Ordinal));
            Assert.Equal(carriesSecrets, await Output.IsSecretAsync(args.Stdin.ToOutput()));
            Assert.True(await Output.IsSecretAsync(args.Connection.ToOutput()), command.Name);
            Assert.False(await Output.IsSecretAsync(args.Create.ToOutput()), command.Name);
            var options = (CustomResourceOptions)deployment.Run.Options[(Types.Command, command.Name)];
            Assert.Superset(new HashSet<string> { "stdin", "stdout", "stderr" }, new HashSet<string>(options.AdditionalSecretOutputs));
        }
        var access = (CustomResourceOptions)deployment.Run.Options.Single(pair => pair.Key.Type == Types.Preauthrequest).Value;
        Assert.Superset(new HashSet<string> { "fullPath", "accessUri" }, new HashSet<string>(access.AdditionalSecretOutputs));
    }

    [Fact]
    public async Task Of_the_outputs_the_passwords_are_secret_and_the_rest_holds_none()
    {
        RedisHaStack stack = deployment.Run.Stack;
        Assert.True(await Output.IsSecretAsync(stack.Password));
        Assert.True(await Output.IsSecretAsync(stack.AdminPassword));
        foreach (Output<string> output in PlainOutputs(stack))
        {
            Assert.False(await Output.IsSecretAsync(output));
            string text = await OutputUtilities.GetValueAsync(output);
            Assert.DoesNotContain(AllSecrets(Cloud), secret => text.Contains(secret, StringComparison.Ordinal));
        }
        Assert.False(await Output.IsSecretAsync(stack.Nodes));
    }

    [Fact]
    public async Task A_given_password_is_as_secret_as_a_generated_one()
    {
        StackRun run = await StackRun.Of(new() { ["clientPassword"] = "the-Clients-own-0ne" });

        Assert.True(await Output.IsSecretAsync(run.Stack.Password));
        Assert.Equal("the-Clients-own-0ne", await OutputUtilities.GetValueAsync(run.Stack.Password));
        Assert.DoesNotContain(run.Cloud.All(Types.Password), password => password.Name == "client-password");
        IEnumerable<string> places = run.Cloud.Resources.SelectMany(resource => Texts(resource.Inputs, string.Empty)
            .Where(text => text.Text.Contains("the-Clients-own-0ne", StringComparison.Ordinal)).Select(text => $"{resource.Name} {text.Path}"));
        Assert.Equal(["endpoint-check .stdin"], places);
    }

    [Fact]
    public void Every_account_has_a_password_of_its_own_that_cannot_be_guessed()
    {
        Assert.All(Cloud.All(Types.Password), password => Assert.Equal((32.0, false), (password["length"], password["special"])));
        Assert.Equal(["admin", "client", "health", "host-key-seed", "operator", "replication", "sentinel", "sentinel-watch", "watch"],
            Cloud.All(Types.Password).Select(password => password.Name.Replace("-password", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    internal static IEnumerable<Output<string>> PlainOutputs(RedisHaStack stack) =>
    [
        stack.Endpoint, stack.BastionAddress, stack.KnownHosts, stack.SshUser, stack.Tunnel, stack.RedisCli, stack.Shell, stack.SshConfig,
        stack.StatsTunnel, stack.StatsPage, stack.Readme, stack.TlsEndpoint, stack.ReadOnlyEndpoint, stack.ReadOnlyTlsEndpoint, stack.CertificateAuthority,
        stack.AdminAuthority,
    ];

    internal static IEnumerable<(string Path, string Text)> Texts(object value, string path) => value switch
    {
        string text => [(path, text)],
        ImmutableDictionary<string, object> map => map.SelectMany(pair => Texts(pair.Value, $"{path}.{pair.Key}")),
        ImmutableArray<object> list => list.SelectMany(item => Texts(item, path)),
        _ => [],
    };
}
