// The worked stacks under docs/examples hold: each is read as pulumi reads it, and judged by the program.

using System.Text.Json;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;
using YamlDotNet.RepresentationModel;

namespace RedisHaInfra.Tests.Documents;

public sealed class ExampleStackTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "docs/examples");

    // Every user has keys of their own, so the files hold none that a program could read.
    private static readonly string[] OnesOwn = ["sshPublicKey", "sshPrivateKeyPath"];

    public static TheoryData<string> Stacks => ["small", "production"];

    [Theory]
    [MemberData(nameof(Stacks))]
    public void A_worked_stack_holds_as_soon_as_its_keys_are_ones_own(string name)
    {
        Dictionary<string, string> values = Load(name);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, GoodSettings.PrivateKey);
            Assert.Equal(OnesOwn.Order(StringComparer.Ordinal), values.Keys.Intersect(OnesOwn).Order(StringComparer.Ordinal));
            values["sshPublicKey"] = GoodSettings.PublicKey;
            values["sshPrivateKeyPath"] = path;

            var settings = StackSettings.Read(new SettingsSource(values, []));

            Assert.Equal(name == "production", settings.Backup.IsDataProtected);
            Assert.Equal(name == "small", settings.Compute.Redis.IsArm && settings.Compute.Proxy.IsArm && settings.Compute.Bastion.IsArm);
            MetadataSize.Require(settings);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Every_folder_is_a_stack_of_its_name_that_the_page_names()
    {
        string page = File.ReadAllText(Path.Combine(Folder, "README.md"));
        foreach (string folder in Directory.GetDirectories(Folder))
        {
            string name = Path.GetFileName(folder);
            Assert.Contains(name, new[] { "small", "production" });
            Assert.Equal([$"Pulumi.{name}.yaml"], Directory.GetFiles(folder).Select(Path.GetFileName));
            Assert.Contains($"({name}/Pulumi.{name}.yaml)", page, StringComparison.Ordinal);
        }
    }

    // Text by key, a list as JSON.
    private static Dictionary<string, string> Load(string name)
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Path.Combine(Folder, name, $"Pulumi.{name}.yaml"));
        stream.Load(reader);
        var config = (YamlMappingNode)((YamlMappingNode)stream.Documents[0].RootNode)["config"];
        Assert.Contains("oci:region", config.Children.Keys.Select(key => ((YamlScalarNode)key).Value));
        return config.Children.Select(pair => (Key: ((YamlScalarNode)pair.Key).Value!, pair.Value))
            .Where(pair => pair.Key.StartsWith("redis-ha:", StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key["redis-ha:".Length..], pair => pair.Value is YamlSequenceNode list
                ? JsonSerializer.Serialize(list.Children.Select(item => ((YamlScalarNode)item).Value)) : ((YamlScalarNode)pair.Value).Value!);
    }
}
