// Reads the keys of one JSON object by the table of settings and collects what is wrong, so that an operator sees all at once.

using System.Globalization;
using System.Text.Json;

namespace RedisHaProxy.Configuration;

/// <summary>One section of the file; an absent section reads as one without keys.</summary>
internal sealed partial class SectionReader
{
    private readonly Dictionary<string, JsonMember> _members = new(StringComparer.Ordinal);
    private readonly string _path;
    private readonly ProblemList _problems;

    /// <summary>Takes the members of <paramref name="section"/> and reports those that are unknown or repeated.</summary>
    public SectionReader(string path, JsonObjectAt? section, ProblemList problems)
    {
        _path = path;
        _problems = problems;
        Present = section is not null;
        Position = section?.Position;
        foreach (JsonMember member in section?.Members ?? [])
        {
            string key = KeyOf(member.Name);
            if (key == SettingsSchema.Keyword)
            {
                continue;
            }

            if (!Setting.All.Any(s => s.Path == key))
            {
                problems.Error(member.Position, key, "unknown key" + Suggestion.For(member.Name, path));
            }
            else if (_members.TryGetValue(member.Name, out JsonMember? first))
            {
                problems.Error(member.Position, key, $"given twice, first in line {first.Position.Line}; remove one");
            }
            else
            {
                _members.Add(member.Name, member);
            }
        }
    }

    /// <summary>Whether the file has the section.</summary>
    public bool Present { get; }

    /// <summary>Where it starts.</summary>
    public FilePosition? Position { get; }

    /// <summary>Where a key of this section stands; the section's own place when the key is absent.</summary>
    public FilePosition? PositionOf(Setting setting) => _members.TryGetValue(setting.Name, out JsonMember? member) ? member.Value.Position : Position;

    /// <summary>Whether the key is given, right or wrong.</summary>
    public bool Has(Setting setting) => _members.ContainsKey(setting.Name);

    /// <summary>A section within this one.</summary>
    public SectionReader Section(Setting setting, bool required = false)
    {
        if (!_members.TryGetValue(setting.Name, out JsonMember? member))
        {
            if (required)
            {
                _problems.Error(Position, setting.Path, "missing; this section is required");
            }

            return new SectionReader(setting.Path, null, _problems);
        }

        if (member.Value is JsonObjectAt section)
        {
            return new SectionReader(setting.Path, section, _problems);
        }

        Wrong(member, setting, "an object");
        return new SectionReader(setting.Path, null, _problems);
    }

    /// <summary>A text without blanks; null when absent or wrong.</summary>
    public string? Word(Setting setting, bool required = false, string forbidden = "")
    {
        if (Scalar(setting, JsonTokenType.String, "a text", required) is not { } value)
        {
            return null;
        }

        if (value.Text.Length == 0)
        {
            _problems.Error(value.Position, setting.Path, $"is empty; remove the key or give a value, such as {setting.Example}");
            return null;
        }

        if (value.Text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || forbidden.Contains(c, StringComparison.Ordinal)))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is not accepted: {setting.Range}, such as {setting.Example}");
            return null;
        }

        return value.Text;
    }

    /// <summary>The text of a RESP error reply; the default when absent or wrong.</summary>
    public string ErrorReply(Setting setting)
    {
        if (Scalar(setting, JsonTokenType.String, "a text", required: false) is not { } value)
        {
            return setting.Default;
        }

        // What begins otherwise is no error code to client libraries; a line end would begin another reply.
        string code = value.Text.Split(' ')[0];
        if (code.Length == 0 || !code.All(char.IsAsciiLetterUpper) || value.Text.Length > 200 || value.Text.Any(c => c is < ' ' or > '~'))
        {
            string shown = string.Concat(value.Text.Take(200).Select(c => char.IsControl(c) ? '?' : c));
            _problems.Error(value.Position, setting.Path, $"\"{shown}\" is not accepted: {setting.Range}, such as {setting.Example}");
            return setting.Default;
        }

        return value.Text;
    }

    /// <summary>A path as written; null when absent or wrong.</summary>
    public (string Path, FilePosition Position)? FilePath(Setting setting, bool required = false)
    {
        if (Scalar(setting, JsonTokenType.String, "a path", required) is not { } value)
        {
            return null;
        }

        if (value.Text.Length == 0 || value.Text.Contains('\0', StringComparison.Ordinal))
        {
            _problems.Error(value.Position, setting.Path, $"is not a path; remove the key or give a file, such as {setting.Example}");
            return null;
        }

        return (value.Text, value.Position);
    }

    /// <summary>One of the setting's words; its default when absent or wrong.</summary>
    public T Choice<T>(WordSetting<T> setting)
        where T : struct
    {
        if (Scalar(setting, JsonTokenType.String, "a text", required: false) is not { } value)
        {
            return setting.Otherwise;
        }

        foreach ((string word, T meant) in setting.Words)
        {
            if (word == value.Text)
            {
                return meant;
            }
        }

        _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is not accepted; one of {setting.Range} is expected, such as {setting.Example}");
        return setting.Otherwise;
    }

    /// <summary>true or false; the default when absent or wrong.</summary>
    public bool Boolean(BooleanSetting setting)
    {
        if (_members.TryGetValue(setting.Name, out JsonMember? member))
        {
            if (member.Value is JsonScalarAt { Kind: JsonTokenType.True or JsonTokenType.False } value)
            {
                return value.Kind == JsonTokenType.True;
            }

            Wrong(member, setting, setting.Range);
        }

        return setting.Otherwise;
    }

    /// <summary>A duration within its range; the default when absent or wrong.</summary>
    public TimeSpan Duration(DurationSetting setting)
    {
        if (Scalar(setting, JsonTokenType.String, "a duration in quotes", required: false) is not { } value)
        {
            return setting.Otherwise;
        }

        if (!Durations.TryParse(value.Text, out TimeSpan duration))
        {
            _problems.Error(value.Position, setting.Path,
                $"\"{value.Text}\" is not a duration; write a whole number and ms, s, m or h, such as {setting.Example}");
            return setting.Otherwise;
        }

        bool zero = setting.ZeroAllowed && duration == TimeSpan.Zero;
        if (!zero && (duration < setting.Least || duration > setting.Greatest))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is out of range; {setting.Range} is accepted, such as {setting.Example}");
            return setting.Otherwise;
        }

        return duration;
    }

    /// <summary>A whole number within its range; the default when absent or wrong.</summary>
    public long Integer(IntegerSetting setting)
    {
        if (Scalar(setting, JsonTokenType.Number, "a whole number", required: false) is not { } value)
        {
            return setting.Otherwise;
        }

        if (!long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            || number < setting.Least || number > setting.Greatest)
        {
            _problems.Error(value.Position, setting.Path,
                $"{value.Text} is not accepted; a whole number from {setting.Range} is expected, such as {setting.Example}");
            return setting.Otherwise;
        }

        return number;
    }

    private string KeyOf(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    private JsonScalarAt? Scalar(Setting setting, JsonTokenType kind, string expected, bool required)
    {
        if (!_members.TryGetValue(setting.Name, out JsonMember? member))
        {
            if (required && Present)
            {
                _problems.Error(Position, setting.Path, $"missing; it is required, for example {setting.Example}");
            }

            return null;
        }

        if (member.Value is JsonScalarAt value && value.Kind == kind)
        {
            return value;
        }

        Wrong(member, setting, expected);
        return null;
    }

    private void Wrong(JsonMember member, Setting setting, string expected) =>
        _problems.Error(member.Value.Position, setting.Path,
            $"{expected} is expected, found {member.Value.KindInWords}{(setting.Example.Length == 0 ? "" : $"; for example {setting.Example}")}");
}
