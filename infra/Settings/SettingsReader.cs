// Turns raw text into typed values and collects what is wrong, so that all problems can be told at once.

using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using RedisHaProxy.Configuration;

namespace RedisHaInfra.Settings;

/// <summary>Reads typed values; a bad one is noted and its default given instead, so that reading can go on.</summary>
internal sealed class SettingsReader
{
    private readonly SettingsSource _source;
    private readonly List<SettingProblem> _problems = [];

    public SettingsReader(SettingsSource source)
    {
        _source = source;
        foreach (string key in source.Keys.Order(StringComparer.Ordinal))
        {
            if (Setting.All.All(setting => setting.Key != key))
            {
                // The value may be a secret under a misspelt name.
                _problems.Add(new SettingProblem(key, "[not shown]", "there is no such setting" + DidYouMean(key),
                    $"pulumi config rm {SettingsSource.Namespace}:{key}"));
            }
        }
    }

    /// <summary>Problems so far, in the order of the settings; unknown keys first.</summary>
    public IReadOnlyList<SettingProblem> Problems =>
        _problems.OrderBy(problem => Setting.All.ToList().FindIndex(setting => setting.Key == problem.Key)).ToList();

    /// <summary>Whether a setting has a problem already: rules that combine settings then say nothing.</summary>
    public bool Failed(params Setting[] settings) => settings.Any(setting => _problems.Any(problem => problem.Key == setting.Key));

    /// <summary>Notes a problem, with the value as configured.</summary>
    /// <param name="setting">The setting.</param>
    /// <param name="rule">What its value must be.</param>
    /// <param name="example">A value that holds beside the other settings; null for the setting's own example.</param>
    public void Reject(Setting setting, string rule, string? example = null)
    {
        string? value = _source.Get(setting.Key);
        string? shown = (value, setting.Default) switch
        {
            (null, int number) => $"{number.ToString(CultureInfo.InvariantCulture)} (the default)",
            (null, string { Length: > 0 } text) => $"{text} (the default)",
            (not null, _) when setting.Secret => "[secret]",
            _ => value,
        };
        _problems.Add(new SettingProblem(setting.Key, shown, rule, setting.ExampleCommand(example))
        {
            Proposal = example ?? (setting.IsExampleValue ? setting.Example : null),
        });
    }

    /// <summary>Notes a problem unless the condition holds or one of the settings failed already.</summary>
    public void Require(bool condition, Setting setting, string rule, params Setting[] others)
    {
        if (!condition && !Failed([setting, .. others]))
        {
            Reject(setting, rule);
        }
    }

    /// <summary>Notes a problem, with this value as the example, unless the condition holds or one of the settings failed already.</summary>
    public void RequireOr(string example, bool condition, Setting setting, string rule, params Setting[] others)
    {
        if (!condition && !Failed([setting, .. others]))
        {
            Reject(setting, rule, example);
        }
    }

    /// <summary>Notes a problem unless the value is large enough; the example is the least that is.</summary>
    public void RequireAtLeast(int value, int least, Setting setting, string rule)
    {
        if (value < least && !Failed(setting))
        {
            Reject(setting, rule, least.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Text; null when not set and without default.</summary>
    public string? Text(Setting setting) => _source.Get(setting.Key) ?? (setting.Default is string { Length: > 0 } text ? text : null);

    /// <summary>Text that must be there and match; an empty text after a problem.</summary>
    public string Text(Setting setting, Regex form, string rule)
    {
        string? value = Text(setting);
        if (value is null || !form.IsMatch(value))
        {
            Reject(setting, rule);
            return setting.Default as string ?? string.Empty;
        }
        return value;
    }

    /// <summary>Text that may be absent, but must match when it is there.</summary>
    public string? OptionalText(Setting setting, Regex form, string rule)
    {
        string? value = Text(setting) is null ? null : Text(setting, form, rule);
        return Failed(setting) ? null : value;
    }

    /// <summary>One of a few words.</summary>
    public string Choice(ChoiceSetting setting)
    {
        string value = Text(setting) ?? setting.Value;
        if (!setting.Choices.Contains(value))
        {
            Reject(setting, $"one of {string.Join(", ", setting.Choices)}");
            return setting.Value;
        }
        return value;
    }

    /// <summary>A time in UTC to the second.</summary>
    public DateTimeOffset UtcTime(Setting setting)
    {
        bool parsed = DateTimeOffset.TryParseExact(Text(setting), "yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset time);
        Require(parsed, setting, "a time in UTC, as 2036-01-01T00:00:00Z");
        return time;
    }

    /// <summary>A secret; refused when it is stored in plain text.</summary>
    public string? Secret(Setting setting)
    {
        string? value = _source.Get(setting.Key);
        if (value is not null && !_source.IsSecret(setting.Key))
        {
            Reject(setting, "must be stored encrypted: set it again with --secret, and treat the old value as known");
        }
        return value;
    }

    /// <summary>A whole number within the setting's range.</summary>
    public int Integer(NumberSetting setting) => Integer(setting, setting.Minimum, setting.Maximum);

    /// <summary>A whole number within the setting's range, as far as other settings allow it.</summary>
    public int Integer(NumberSetting setting, int minimum, int maximum)
    {
        string? text = _source.Get(setting.Key);
        if (text is null)
        {
            return setting.Value;
        }
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) || value < minimum || value > maximum)
        {
            Reject(setting, $"a whole number from {minimum} to {maximum}");
            return setting.Value;
        }
        return value;
    }

    /// <summary>A list of text.</summary>
    public ImmutableArray<string> List(Setting setting)
    {
        string? text = _source.Get(setting.Key);
        if (text is null)
        {
            return [];
        }
        try
        {
            return JsonSerializer.Deserialize<ImmutableArray<string?>>(text) is { IsDefault: false } items && items.All(item => item is not null)
                ? items.Select(item => item!).ToImmutableArray()
                : Bad();
        }
        catch (JsonException)
        {
            return Bad();
        }

        ImmutableArray<string> Bad()
        {
            Reject(setting, "a list of text");
            return [];
        }
    }

    /// <summary>A list of whole numbers.</summary>
    public ImmutableArray<int> Integers(Setting setting)
    {
        string? text = _source.Get(setting.Key);
        try
        {
            return text is null ? [] : JsonSerializer.Deserialize<ImmutableArray<int>>(text) is { IsDefault: false } items ? items : Bad();
        }
        catch (JsonException)
        {
            return Bad();
        }

        ImmutableArray<int> Bad()
        {
            Reject(setting, "a list of whole numbers");
            return [];
        }
    }

    /// <summary>An IPv4 network in its canonical form, or null.</summary>
    public static IPNetwork? ParseNetwork(string text) =>
        IPNetwork.TryParse(text, out IPNetwork network) && network.BaseAddress.AddressFamily == AddressFamily.InterNetwork && network.ToString() == text
            ? network
            : null;

    /// <summary>An IPv4 address in dotted form, or null.</summary>
    public static IPAddress? ParseAddress(string text) =>
        IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == text
            ? address
            : null;

    /// <summary>A list of IPv4 networks.</summary>
    public ImmutableArray<string> Networks(Setting setting)
    {
        ImmutableArray<string> items = List(setting);
        string? bad = items.FirstOrDefault(item => ParseNetwork(item) is null);
        if (bad is not null)
        {
            Reject(setting, $"IPv4 networks as ADDRESS/LENGTH with all bits after the length zero; '{bad}' is not one");
            return [];
        }
        if (items.Distinct().Count() != items.Length)
        {
            Reject(setting, "each network once");
        }
        return items;
    }

#pragma warning disable CA1416 // a comparison of texts, in a program that is otherwise for Linux
    private static string DidYouMean(string key) =>
        Spelling.Nearest(key, Setting.All.Select(setting => setting.Key)) is { } near ? $"; did you mean {near}?" : "; Pulumi.yaml lists them all";
#pragma warning restore CA1416
}
