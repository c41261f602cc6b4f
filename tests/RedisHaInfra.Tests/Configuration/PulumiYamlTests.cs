// Pulumi.yaml and the settings' code say the same: keys, types, defaults.

using System.Collections.Immutable;
using System.Globalization;
using RedisHaInfra.Settings;
using YamlDotNet.RepresentationModel;

namespace RedisHaInfra.Tests.Configuration;

public sealed class PulumiYamlTests
{
    private static readonly YamlMappingNode Project = Load();

    private static YamlMappingNode Declared => (YamlMappingNode)Project["config"];

    [Fact]
    public void The_project_is_the_program_in_infra()
    {
        Assert.Equal(SettingsSource.Namespace, ((YamlScalarNode)Project["name"]).Value);
        Assert.Equal("dotnet", ((YamlScalarNode)Project["runtime"]).Value);
        Assert.Equal("infra", ((YamlScalarNode)Project["main"]).Value);
    }

    [Fact]
    public void It_declares_exactly_the_settings_in_the_codes_order()
    {
        Assert.Equal(Setting.All.Select(setting => setting.Key), Declared.Children.Keys.Select(key => ((YamlScalarNode)key).Value!));
    }

    [Fact]
    public void A_new_project_is_asked_for_exactly_what_is_required()
    {
        var template = (YamlMappingNode)Project["template"];
        var asked = (YamlMappingNode)template["config"];
        Setting[] required = [.. Setting.All.Where(setting => setting.Default is null)];

        // Of the two forms of the private key the one that is no secret; and the region, which is the provider's.
        string[] expected = ["oci:region", .. required.Where(setting => setting.Type == SettingType.Text).Append(Setting.SshPrivateKeyPath)
            .Select(setting => $"{SettingsSource.Namespace}:{setting.Key}")];
        Assert.Equal(expected.Order(StringComparer.Ordinal), asked.Children.Keys.Select(key => ((YamlScalarNode)key).Value!).Order(StringComparer.Ordinal));
        Assert.All(asked.Children, pair => Assert.NotEmpty(Scalar((YamlMappingNode)pair.Value, "description")!));
        // A plain answer would be no list (pulumi, workspace/config.go), so the text at the end has the command for each.
        foreach (Setting list in required.Where(setting => setting.Type != SettingType.Text))
        {
            Assert.Contains(list.ExampleCommand(), Scalar(template, "quickstart"), StringComparison.Ordinal);
        }
    }

    public static TheoryData<string> Keys => [.. Setting.All.Select(setting => setting.Key)];

    [Theory]
    [MemberData(nameof(Keys))]
    public void Type_and_default_are_the_codes(string key)
    {
        Setting setting = Setting.All.Single(setting => setting.Key == key);
        var declared = (YamlMappingNode)Declared[key];
        (string type, string? items) = setting.Type switch
        {
            SettingType.Text => ("string", (string?)null),
            SettingType.Number => ("integer", null),
            SettingType.TextList => ("array", "string"),
            _ => ("array", "integer"),
        };
        Assert.Equal(type, Scalar(declared, "type"));
        Assert.Equal(items, declared.Children.TryGetValue("items", out YamlNode? list) ? Scalar((YamlMappingNode)list, "type") : null);

        // Pulumi refuses a plain default, even an empty one, of a key that is marked secret (workspace/config.go): the program checks instead.
        Assert.False(declared.Children.ContainsKey("secret"));
        Assert.EndsWith(".", Scalar(declared, "description"), StringComparison.Ordinal);
        Assert.Equal(setting.Secret, Scalar(declared, "description")!.Contains("--secret", StringComparison.Ordinal));

        bool hasDefault = declared.Children.TryGetValue("default", out YamlNode? value);
        Assert.Equal(setting.Default is not null, hasDefault);
        switch (setting.Default)
        {
            case ImmutableArray<string> items2:
                Assert.Equal(items2, ((YamlSequenceNode)value!).Children.Select(item => ((YamlScalarNode)item).Value!));
                break;
            case not null:
                Assert.Equal(Convert.ToString(setting.Default, CultureInfo.InvariantCulture), ((YamlScalarNode)value!).Value);
                break;
        }
    }

    [Fact]
    public void The_declared_defaults_hold_when_Pulumi_passes_them()
    {
        // The command line puts every default into the configuration that the program sees, lists as JSON.
        var passed = Declared.Children
            .Where(pair => ((YamlMappingNode)pair.Value).Children.ContainsKey("default"))
            .ToDictionary(
                pair => ((YamlScalarNode)pair.Key).Value!, pair => ((YamlMappingNode)pair.Value)["default"] is YamlScalarNode text ? text.Value : "[]");
        passed.Remove("sshPrivateKey");

        var settings = StackSettings.Read(new SettingsSource(GoodSettings.With(passed)));

        Assert.Equal(GoodSettings.Read().Network.Redis, settings.Network.Redis.AsEnumerable());
        Assert.Null(settings.Proxy.BundlePath);
    }

    private static string? Scalar(YamlMappingNode node, string key) => ((YamlScalarNode)node[key]).Value;

    private static YamlMappingNode Load()
    {
        var stream = new YamlStream();
        using StreamReader reader = File.OpenText(Path.Combine(AppContext.BaseDirectory, "Pulumi.yaml"));
        stream.Load(reader);
        return (YamlMappingNode)stream.Documents[0].RootNode;
    }
}
