// What a key of proxy.json is: one declaration says its path, where its value stands in the settings, its rule, an example that passes
// it, and whether a reload applies a change. The default is that of the settings' record. Reader, comparison at a reload, the
// suggestion for a mistyped key and docs/proxy-configuration.md (by a test) follow. The keys themselves are in Setting.Keys.cs.

using System.Globalization;

namespace RedisHaProxy.Configuration;

/// <summary>One key of proxy.json.</summary>
internal abstract partial class Setting
{
    protected Setting(string path, SettingKind kind, string range)
    {
        (Path, Kind, Range) = (path, kind, range);
        Declared.Add(this);
    }

    /// <summary>The key with its sections, joined by dots.</summary>
    public string Path { get; }

    /// <summary>The form of the value.</summary>
    public SettingKind Kind { get; }

    /// <summary>What is accepted, in words.</summary>
    public string Range { get; }

    /// <summary>Whether a reload applies a change without a restart.</summary>
    public bool Live { get; init; }

    /// <summary>The value when the key is absent, as it would be written; empty when there is none.</summary>
    public string Default { get; protected init; } = "";

    /// <summary>A value that is accepted, as JSON.</summary>
    public string Example { get; protected init; } = "";

    /// <summary>The part after the last dot.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>The part before the last dot; empty at the top.</summary>
    public string Parent => Path.LastIndexOf('.') is var dot and >= 0 ? Path[..dot] : "";

    /// <summary>The value in a form that can be compared; null where it is absent. Secrets are compared, and never shown.</summary>
    public abstract string? ValueOf(ProxyConfiguration configuration);

    protected static string Quoted(string text) => $"\"{text}\"";
}

/// <summary>An object of further keys.</summary>
internal sealed class SectionSetting(string path, string range = "optional") : Setting(path, SettingKind.Section, range)
{
    /// <summary>Where a section that comes or goes as a whole needs a restart, whatever its keys: whether it is there. Null elsewhere.</summary>
    public Func<ProxyConfiguration, bool>? Present { get; init; }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => null;
}

/// <summary>A text, a path, addresses or networks. Their rules are in the reader.</summary>
internal sealed class PlainSetting : Setting
{
    private readonly Func<ProxyConfiguration, string?> _value;

    public PlainSetting(string path, SettingKind kind, Func<ProxyConfiguration, string?> value, string range, string example, string otherwise = "")
        : base(path, kind, range)
    {
        _value = value;
        Example = kind is SettingKind.Text or SettingKind.Path or SettingKind.Address ? Quoted(example) : example;
        Default = otherwise;
    }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => _value(configuration);
}

/// <summary>A duration with a range.</summary>
internal sealed class DurationSetting : Setting
{
    private readonly Func<ProxyConfiguration, TimeSpan?> _value;

    public DurationSetting(string path, Func<ProxyConfiguration, TimeSpan?> value, string least, string greatest, bool orZero = false)
        : base(path, SettingKind.Duration, (orZero ? "0s, or " : "") + $"{least} to {greatest}")
    {
        _value = value;
        (Least, Greatest, ZeroAllowed) = (Durations.Parse(least), Durations.Parse(greatest), orZero);
        Otherwise = value(Defaults)!.Value;
        Default = Durations.Format(Otherwise);
        Example = Quoted(Otherwise == TimeSpan.Zero ? greatest : Default);
    }

    /// <summary>The least other than zero.</summary>
    public TimeSpan Least { get; }

    public TimeSpan Greatest { get; }

    /// <summary>Whether zero is accepted besides the range.</summary>
    public bool ZeroAllowed { get; }

    /// <summary>The value when the key is absent.</summary>
    public TimeSpan Otherwise { get; }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => _value(configuration) is { } duration ? Durations.Format(duration) : null;
}

/// <summary>A whole number with a range.</summary>
internal sealed class IntegerSetting : Setting
{
    private readonly Func<ProxyConfiguration, long?> _value;

    public IntegerSetting(string path, Func<ProxyConfiguration, long?> value, long least, long greatest)
        : base(path, SettingKind.Integer, string.Create(CultureInfo.InvariantCulture, $"{least} to {greatest}"))
    {
        _value = value;
        (Least, Greatest) = (least, greatest);
        Otherwise = value(Defaults)!.Value;
        Example = Default = Otherwise.ToString(CultureInfo.InvariantCulture);
    }

    public long Least { get; }

    public long Greatest { get; }

    /// <summary>The value when the key is absent.</summary>
    public long Otherwise { get; }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => _value(configuration)?.ToString(CultureInfo.InvariantCulture);
}

/// <summary>true or false.</summary>
internal sealed class BooleanSetting : Setting
{
    private readonly Func<ProxyConfiguration, bool?> _value;

    public BooleanSetting(string path, Func<ProxyConfiguration, bool?> value)
        : base(path, SettingKind.Boolean, "true or false")
    {
        _value = value;
        Otherwise = value(Defaults)!.Value;
        Example = Default = Otherwise ? "true" : "false";
    }

    /// <summary>The value when the key is absent.</summary>
    public bool Otherwise { get; }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => _value(configuration)?.ToString();
}

/// <summary>One of a few words, each of which stands for a value.</summary>
internal sealed class WordSetting<T> : Setting
    where T : struct
{
    private readonly Func<ProxyConfiguration, T?> _value;

    public WordSetting(string path, Func<ProxyConfiguration, T?> value, params (string Word, T Value)[] words)
        : base(path, SettingKind.Word, string.Join(", ", words.Select(each => each.Word)))
    {
        _value = value;
        Words = words;
        Otherwise = value(Defaults)!.Value;
        Default = words.First(each => each.Value.Equals(Otherwise)).Word;
        Example = Quoted(Default);
    }

    public IReadOnlyList<(string Word, T Value)> Words { get; }

    /// <summary>The value when the key is absent.</summary>
    public T Otherwise { get; }

    /// <inheritdoc/>
    public override string? ValueOf(ProxyConfiguration configuration) => _value(configuration)?.ToString();
}
