// What holds for every setting there is: its example passes its rule, every error names an example that passes, a change is noticed,
// and a reload applies it if, and only if, the setting says so.

using System.Text.RegularExpressions;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed partial class SettingTests : IDisposable
{
    internal static readonly string[] Wrong =
    [
        "5", "-1", "0.5", "99999999999999", "true", "null", "{}", "[]", "[5]", "\"\"", "\" \"", "\"a b:\"", "\"1d\"", "\"0ms\"", "\"999999h\"",
            "[\"nowhere\"]", "[\"127.0.0.1\"]",
        "[\"127.0.0.1:0\"]", "[\"239.0.0.1:1\"]", "[\"fd00::1:1\"]", "[\"10.0.0.1/33\"]", "[\"10.1.2.3/8\"]", "{ \"a b\": \"127.0.0.9:1\" }", "{ \"a\": 5 }",
            "{ \"a\": \"0.0.0.0:1\" }",
    ];

    private readonly SettingFiles _files = new();

    public static TheoryData<string> Keys => [.. Setting.All.Where(key => key.Kind != SettingKind.Section).Select(key => key.Path)];

    public void Dispose() => _files.Dispose();

    [Fact]
    public void All_examples_together_are_a_good_file()
    {
        var reading = _files.Read(SettingFiles.Examples());
        Assert.Empty(reading.Errors);
        Assert.All(Setting.All.Where(key => key.Kind != SettingKind.Section), key => Assert.NotNull(key.ValueOf(reading.Configuration!)));
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void An_example_in_an_error_passes_the_rule_that_it_explains(string path)
    {
        var key = SettingFiles.Key(path);
        int explained = 0;
        foreach (string wrong in Wrong.Append("absent"))
        {
            foreach (var error in _files.Read(SettingFiles.With(path, wrong)).Errors.Where(error => IsOf(error, path)))
            {
                if (error.Cause.Contains(_files.Folder, StringComparison.Ordinal) || error.Cause.Contains("is an address of", StringComparison.Ordinal))
                {
                    continue; // of a file's content, or of two keys that contradict each other
                }

                var example = ExampleIn().Match(error.Cause);
                Assert.True(example.Success || error.Cause.StartsWith("true or false", StringComparison.Ordinal), $"{wrong}: no example in: {error}");
                foreach (string proposed in example.Success ? AsValues(key, example.Groups[1].Value) : ["true", "false"])
                {
                    Assert.Empty(
                        _files.Read(SettingFiles.With(path, proposed)).Errors.Where(each => IsOf(each, path)).Select(each => $"{error}: {proposed}: {each}"));
                }

                explained++;
            }
        }

        Assert.InRange(explained, 1, 1000);
    }

    [Theory]
    [MemberData(nameof(Keys))]
    public void A_change_applies_at_a_reload_if_and_only_if_the_setting_is_live(string path)
    {
        var key = SettingFiles.Key(path);
        if (OtherValue(key) is not { } other)
        {
            return; // of a file: what it holds is compared, which TlsConfigurationTests change
        }

        var old = _files.Read(SettingFiles.Around(path)).Configuration!;
        var read = _files.Read(SettingFiles.With(path, other));
        Assert.Empty(read.Errors);
        var changes = ConfigurationChanges.Between(old, read.Configuration!);
        Assert.Equal(key.Live ? [path] : [], changes.Applied);
        Assert.Equal(key.Live ? [] : [path], changes.NeedRestart);
        Assert.Equal(key.ValueOf(key.Live ? read.Configuration! : old), key.ValueOf(changes.InForce));
    }

    private static bool IsOf(ConfigurationProblem error, string path) =>
        error.Key == path || error.Key.StartsWith(path + "[", StringComparison.Ordinal) || error.Key.StartsWith(path + ".", StringComparison.Ordinal);

    private static string? OtherValue(Setting key) => key switch
    {
        DurationSetting duration => $"\"{Durations.Format(duration.Least)}\"",
        IntegerSetting number => $"{(number.Otherwise == number.Greatest ? number.Least : number.Greatest)}",
        BooleanSetting truth => truth.Otherwise ? "false" : "true",
        _ when key.Kind == SettingKind.Word => $"\"{key.Range.Split(", ").First(word => word != key.Default)}\"",
        _ when key.Kind is SettingKind.Addresses or SettingKind.Address or SettingKind.NamedAddresses =>
            key.Example.Replace("172.31.235.", "172.31.236.", StringComparison.Ordinal).Replace("1936", "1937", StringComparison.Ordinal),
        _ when key.Kind == SettingKind.Networks => "[\"10.0.0.0/8\"]",
        _ when key.Kind == SettingKind.Text => key.Example.Insert(key.Example.Length - 1, "x"),
        _ when key == Setting.AdminSocket || key == Setting.RecordingFile => key.Example.Insert(key.Example.Length - 1, "x"),
        _ => null,
    };

    // What a person makes of an example: it stands for the whole value, or for the part that was wrong.
    private static IEnumerable<string> AsValues(Setting key, string example)
    {
        string text = example.Trim('"');
        yield return key.Kind switch
        {
            _ when example[0] is '[' && example.Contains('"', StringComparison.Ordinal) => example,
            _ when example[0] is '{' => example,
            SettingKind.Addresses or SettingKind.Networks => $"[\"{text}\"]",
            SettingKind.NamedAddresses => text.Contains(':', StringComparison.Ordinal) ? $"{{ \"a\": \"{text}\" }}"
                : $"{{ \"{text}\": \"172.31.235.131:6379\" }}",
            SettingKind.Integer or SettingKind.Boolean => text,
            _ => $"\"{text}\"",
        };
    }

    // After "such as", "for example" or "write": an array, an object, a quoted text, or a word; after "write" an address.
    [GeneratedRegex("""(?:(?:such as|for example) |write (?=[0-9]))(\["[^\]]*"\]|\{[^}]*\}|"[^"]*"|\[?[0-9A-Za-z][^\s,;]*)""")]
    private static partial Regex ExampleIn();
}
