// Stack configuration, from the environment variable PULUMI_CONFIG: {"project:key": "value"}.

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;

namespace Pulumi;

public sealed class Config
{
    private readonly string _name;

    public Config(string? name = null)
    {
        _name = name ?? Deployment.Instance.ProjectName;
        if (_name.EndsWith(":config", StringComparison.Ordinal))
        {
            _name = _name[..^":config".Length];
        }
    }

    private delegate bool TryParse<T>(string text, [MaybeNullWhen(false)] out T value);

    public string? Get(string key) => Deployment.Require().Config.GetValueOrDefault($"{_name}:{key}");

    public Output<string>? GetSecret(string key) => Secret(Get(key));

    public bool? GetBoolean(string key) => GetStruct<bool>(key, ParseBoolean);

    public Output<bool>? GetSecretBoolean(string key) => Secret(GetBoolean(key));

    public int? GetInt32(string key) => GetStruct<int>(key, ParseInt32);

    public Output<int>? GetSecretInt32(string key) => Secret(GetInt32(key));

    public double? GetDouble(string key) => GetStruct<double>(key, ParseDouble);

    public Output<double>? GetSecretDouble(string key) => Secret(GetDouble(key));

    [return: MaybeNull]
    public T GetObject<T>(string key) => GetObject<T>(key, null!);

    [return: MaybeNull]
    public T GetObject<T>(string key, JsonSerializerOptions options)
    {
        string? text = Get(key);
        try
        {
            return text is null ? default : JsonSerializer.Deserialize<T>(text, options);
        }
        catch (JsonException e)
        {
            throw WrongType(key, text, typeof(T).FullName!, e);
        }
    }

    public Output<T>? GetSecretObject<T>(string key) => Get(key) is null ? null : Output.CreateSecret(GetObject<T>(key)!);

    public string Require(string key) => Get(key) ?? throw Missing(key);

    public Output<string> RequireSecret(string key) => Output.CreateSecret(Require(key));

    public bool RequireBoolean(string key) => GetBoolean(key) ?? throw Missing(key);

    public Output<bool> RequireSecretBoolean(string key) => Output.CreateSecret(RequireBoolean(key));

    public int RequireInt32(string key) => GetInt32(key) ?? throw Missing(key);

    public Output<int> RequireSecretInt32(string key) => Output.CreateSecret(RequireInt32(key));

    public double RequireDouble(string key) => GetDouble(key) ?? throw Missing(key);

    public Output<double> RequireSecretDouble(string key) => Output.CreateSecret(RequireDouble(key));

    public T RequireObject<T>(string key) => RequireObject<T>(key, null!);

    public T RequireObject<T>(string key, JsonSerializerOptions options)
    {
        Require(key);
        return GetObject<T>(key, options)!;
    }

    public Output<T> RequireSecretObject<T>(string key) => Output.CreateSecret(RequireObject<T>(key));

    private static Output<string>? Secret(string? value) => value is null ? null : Output.CreateSecret(value);

    private static Output<T>? Secret<T>(T? value) where T : struct => value is { } v ? Output.CreateSecret(v) : null;

    private T? GetStruct<T>(string key, TryParse<T> parse) where T : struct =>
        Get(key) is not { } text ? null : parse(text, out T value) ? value : throw WrongType(key, text, typeof(T).Name);

    private static bool ParseBoolean(string text, out bool value)
    {
        value = text == "true";
        return value || text == "false";
    }

    private static bool ParseInt32(string text, out int value) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out value);

    private static bool ParseDouble(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);

    private RunException WrongType(string key, string? value, string type, Exception? inner = null) =>
        new($"Configuration '{_name}:{key}' value '{value}' is not a valid {type}", inner);

    private RunException Missing(string key) =>
        new($"Missing Required configuration variable '{_name}:{key}'\n\tplease set a value using the command `pulumi config set {_name}:{key} <value>`");
}
