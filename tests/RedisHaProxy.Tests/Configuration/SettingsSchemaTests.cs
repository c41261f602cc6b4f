// The JSON Schema and the reader say the same of a value, for every key and for every kind of mistake that a schema can see.

using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;
using RedisHaProxy.Commands;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class SettingsSchemaTests : IDisposable
{
    // Rules about files, about two keys, and about the value of a number in a text: those no pattern can hold.
    private static readonly string[] ReadersAlone =
        ["is an address of", "out of range", "would connect to itself", "is not an address", "bad port", "cannot be used", "is not a network", "host bits",
            "bits", "does not exist", "the address of one machine",
            "means every address"];

    private static readonly JsonSchema Schema = JsonSchema.FromText(SettingsSchema.Create().ToJsonString());

    private readonly SettingFiles _files = new();

    public static TheoryData<string> Keys => SettingTests.Keys;

    public void Dispose() => _files.Dispose();

    [Fact]
    public void All_examples_together_pass_and_a_file_may_name_its_schema()
    {
        var file = SettingFiles.Examples();
        file["$schema"] = "proxy.schema.json";

        Assert.True(Accepts(file));
        Assert.Empty(_files.Read(file).Errors);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void Reader_and_schema_agree_on_right_and_wrong_values_of_a_key(string path)
    {
        int refused = 0;
        foreach (string value in SettingTests.Wrong.Append("absent").Append(SettingFiles.Key(path).Example))
        {
            var file = SettingFiles.With(path, value);
            var errors = _files.Read(file).Errors;
            bool accepted = Accepts(file);
            if (errors.Count == 0)
            {
                Assert.True(accepted, $"{path}: {value} is accepted by the reader and refused by the schema");
            }
            else if (errors.Any(error => !ReadersAlone.Any(rule => error.Cause.Contains(rule, StringComparison.Ordinal))
                && !error.Cause.Contains("no effect", StringComparison.Ordinal)))
            {
                Assert.False(accepted, $"{path}: {value} is accepted by the schema, and the reader says: {errors[0]}");
                refused++;
            }
        }

        Assert.InRange(refused, 5, SettingTests.Wrong.Length + 1);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "listen": ["127.0.0.1:1"] }""")]
    [InlineData("""{ "redis": { "nodes": { "a": "127.0.0.2:1" } } }""")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" }, "tls": {} } }""")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" } }, "sentinel": { "nodes": ["127.0.0.1:2"] } }""")]
    [InlineData("""{ "listen": ["127.0.0.1:1"], "redis": { "nodes": { "a": "127.0.0.2:1" } }, "lisTen": [] }""")]
    public void What_the_reader_misses_or_does_not_know_the_schema_refuses_as_well(string text)
    {
        var file = JsonNode.Parse(text)!.AsObject();

        Assert.NotEmpty(_files.Read(file).Errors);
        Assert.False(Accepts(file));
    }

    [Fact]
    public async Task The_verb_prints_it()
    {
        using StringWriter output = new(), error = new();

        Assert.Equal(0, await ProxyCommandLine.InvokeAsync(["schema"], output, error));
        Assert.True(JsonNode.DeepEquals(SettingsSchema.Create(), JsonNode.Parse(output.ToString())));
    }

    private static bool Accepts(JsonObject file) => Schema.Evaluate(JsonSerializer.SerializeToElement(file)).IsValid;
}
