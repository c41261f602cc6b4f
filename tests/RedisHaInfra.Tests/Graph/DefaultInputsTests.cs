// What a stack with nothing but the required settings sends, byte for byte against the files beside this one: an option that is off changes
// none of it. A change shows there as a difference to read: GOLDEN=write writes them again.
//
// Files of a payload that no setting reaches, the scripts above all, stand there by their name alone, so a better script is no difference.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed partial class DefaultInputsTests(DefaultDeployment deployment)
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests/RedisHaInfra.Tests/Graph/Golden");

    private static readonly string[] Embedded =
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, "infra/Nodes/Files"), "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Path.Combine(Repository.Root, "infra/Nodes/Files"), file)).Order(StringComparer.Ordinal),
    ];

    [Fact]
    public void What_is_sent_to_the_cloud_is_as_it_was() => Check("cloud", string.Concat(deployment.Run.Cloud.Resources
        .Where(resource => resource.Type.StartsWith("oci:", StringComparison.Ordinal))
        .OrderBy(resource => resource.Type, StringComparer.Ordinal).ThenBy(resource => resource.Name, StringComparer.Ordinal)
        .Select(resource => $"{resource.Type} {resource.Name}\n{Lines(resource.Inputs, string.Empty)}\n")));

    [Fact]
    public void What_is_run_on_the_machines_is_as_it_was() => Check("commands", string.Concat(deployment.Run.Cloud.All(Types.Command)
        .OrderBy(command => command.Name, StringComparer.Ordinal)
        .Select(command => $"{command.Name}\n{Lines(command.Inputs.Remove("stdin"), string.Empty)}\n")));

    [Theory]
    [InlineData("redis1")]
    [InlineData("proxy1")]
    public void What_a_node_is_configured_with_is_as_it_was(string node) =>
        Check(node, Payload(deployment.Run.Cloud.One(Types.Command, $"{node}-ready").Text("stdin"), string.Empty));

    private static void Check(string name, string text)
    {
        string file = Path.Combine(Folder, name);
        if (Environment.GetEnvironmentVariable("GOLDEN") == "write")
        {
            File.WriteAllText(file, text);
        }
        Assert.Equal(File.ReadAllText(file), text);
    }

    private static string Lines(object value, string path) => value switch
    {
        ImmutableDictionary<string, object> map => string.Concat(map.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => Lines(pair.Value, path.Length == 0 ? pair.Key : $"{path}.{pair.Key}"))),
        ImmutableArray<object> list => string.Concat(list.Select((item, index) => Lines(item, $"{path}[{index.ToString(CultureInfo.InvariantCulture)}]"))),
        string text when path == "metadata.user_data" => $"  {path} =\n{Payload(Unpacked(text), "    ")}",
        string text when path.EndsWith("privateKey", StringComparison.Ordinal) => $"  {path} = a private key of {text.Length} characters\n",
        string text => $"  {path} = {text.Replace("\n", "\\n", StringComparison.Ordinal)}\n",
        _ => $"  {path} = {Convert.ToString(value, CultureInfo.InvariantCulture)}\n",
    };

    private static string Unpacked(string userData) =>
        MachineTests.Text(new RecordedResource("", "", ImmutableDictionary<string, object>.Empty.Add(
            "metadata", ImmutableDictionary<string, object>.Empty.Add("user_data", userData))));

    private static string Payload(string script, string indent)
    {
        var text = new StringBuilder();
        foreach (Match file in Files().Matches(script))
        {
            string name = file.Groups["name"].Value;
            string content = file.Groups["content"].Value;
            string? source = Embedded.FirstOrDefault(path => Path.GetFileName(path) == name && PayloadFile.Embedded(path).Content == content);
            text.Append(indent).Append(name).Append(source is null ? string.Empty : $" is {source}").Append('\n');
            foreach (string line in source is null ? content.TrimEnd('\n').Split('\n') : [])
            {
                text.Append(indent).Append("  ").Append(Identifier().Replace(line, "PAYLOAD=its identifier")).Append('\n');
            }
        }
        if (text.Length == 0)
        {
            foreach (string line in PrivateKey().Replace(script, "a private key").TrimEnd('\n').Split('\n'))
            {
                text.Append(indent).Append(line).Append('\n');
            }
        }
        return text.ToString();
    }

    [GeneratedRegex("""^  cat >"\$payload/(?<name>[^"]+)" <<'REDIS_HA_END_OF_FILE'\n(?<content>.*?)^REDIS_HA_END_OF_FILE$""",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Files();

    [GeneratedRegex("-----BEGIN .*? KEY-----.*?-----END .*? KEY-----", RegexOptions.Singleline)]
    private static partial Regex PrivateKey();

    // It depends on every file.
    [GeneratedRegex("PAYLOAD=[0-9a-f]{16}")]
    private static partial Regex Identifier();
}
