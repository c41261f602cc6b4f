// Reads the keys of one JSON object by the table of settings and collects what is wrong, so that an operator sees all at once.

using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RedisHaProxy.Configuration;

/// <summary>Collects the problems of one file.</summary>
internal sealed class ProblemList(string file)
{
    private readonly List<ConfigurationProblem> _errors = [];
    private readonly List<ConfigurationProblem> _warnings = [];

    public bool Any => _errors.Count > 0;

    public IReadOnlyList<ConfigurationProblem> Errors => [.. _errors.OrderBy(p => (p.Position?.Line ?? 0, p.Position?.Column ?? 0))];

    public IReadOnlyList<ConfigurationProblem> Warnings => [.. _warnings.OrderBy(p => (p.Position?.Line ?? 0, p.Position?.Column ?? 0))];

    public void Error(FilePosition? at, string key, string cause) => _errors.Add(new ConfigurationProblem(file, at, key, cause));

    public void Warn(FilePosition? at, string key, string cause) => _warnings.Add(new ConfigurationProblem(file, at, key, cause));
}

/// <summary>One section of the file; an absent section reads as one without keys.</summary>
internal sealed class SectionReader
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
        foreach (var member in section?.Members ?? [])
        {
            string key = KeyOf(member.Name);
            if (!Setting.All.Any(s => s.Path == key))
            {
                problems.Error(member.Position, key, "unknown key" + Suggestion.For(member.Name, path));
            }
            else if (_members.TryGetValue(member.Name, out var first))
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
    public FilePosition? PositionOf(Setting setting) => _members.TryGetValue(setting.Name, out var member) ? member.Value.Position : Position;

    /// <summary>Whether the key is given, right or wrong.</summary>
    public bool Has(Setting setting) => _members.ContainsKey(setting.Name);

    /// <summary>A section within this one.</summary>
    public SectionReader Section(Setting setting, bool required = false)
    {
        if (!_members.TryGetValue(setting.Name, out var member))
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
            _problems.Error(value.Position, setting.Path, "is empty; remove the key or give a value");
            return null;
        }

        if (value.Text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || forbidden.Contains(c, StringComparison.Ordinal)))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is not accepted: {setting.Range}");
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
            _problems.Error(value.Position, setting.Path, $"\"{shown}\" is not accepted: {setting.Range}, such as \"{setting.Default}\"");
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
            _problems.Error(value.Position, setting.Path, "is no path; remove the key or give a file");
            return null;
        }

        return (value.Text, value.Position);
    }

    /// <summary>One of the setting's words; its default when absent or wrong.</summary>
    public string Choice(Setting setting)
    {
        if (Scalar(setting, JsonTokenType.String, "a text", required: false) is not { } value)
        {
            return setting.Default;
        }

        if (!setting.Words.Contains(value.Text))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is not accepted; one of {setting.Range} is expected");
            return setting.Default;
        }

        return value.Text;
    }

    /// <summary>true or false; the default when absent or wrong.</summary>
    public bool Boolean(Setting setting)
    {
        if (_members.TryGetValue(setting.Name, out var member))
        {
            if (member.Value is JsonScalarAt { Kind: JsonTokenType.True or JsonTokenType.False } value)
            {
                return value.Kind == JsonTokenType.True;
            }

            Wrong(member, setting, "true or false");
        }

        return setting.Default == "true";
    }

    /// <summary>A duration within its range; the default when absent or wrong.</summary>
    public TimeSpan Duration(Setting setting)
    {
        var otherwise = Durations.Parse(setting.Default);
        if (Scalar(setting, JsonTokenType.String, "a duration in quotes, such as \"250ms\", \"5s\" or \"1m\"", required: false) is not { } value)
        {
            return otherwise;
        }

        if (!Durations.TryParse(value.Text, out var duration))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is no duration; write a whole number and ms, s, m or h, such as \"250ms\", \"5s\" or \"1m\"");
            return otherwise;
        }

        bool zero = setting.ZeroAllowed && duration == TimeSpan.Zero;
        if (!zero && (duration.TotalMilliseconds < setting.Least || duration.TotalMilliseconds > setting.Greatest))
        {
            _problems.Error(value.Position, setting.Path, $"\"{value.Text}\" is out of range; {setting.Range} is accepted");
            return otherwise;
        }

        return duration;
    }

    /// <summary>A whole number within its range; the default when absent or wrong.</summary>
    public long Integer(Setting setting)
    {
        long otherwise = long.Parse(setting.Default, CultureInfo.InvariantCulture);
        if (Scalar(setting, JsonTokenType.Number, "a whole number", required: false) is not { } value)
        {
            return otherwise;
        }

        if (!long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            || number < setting.Least || number > setting.Greatest)
        {
            _problems.Error(value.Position, setting.Path, $"{value.Text} is not accepted; a whole number from {setting.Range} is expected");
            return otherwise;
        }

        return number;
    }

    /// <summary>An address with a port; null when absent or wrong.</summary>
    /// <param name="setting">The key.</param>
    /// <param name="local">Whether a process listens there (0.0.0.0 is then allowed) or connects to it.</param>
    public IPEndPoint? Address(Setting setting, bool local)
    {
        return _members.TryGetValue(setting.Name, out var member) ? AddressOf(member.Value, setting.Path, local) : null;
    }

    /// <summary>A list of different addresses; empty when absent or wrong, which is an error where it is required.</summary>
    /// <param name="setting">The key.</param>
    /// <param name="local">Whether a process listens there (0.0.0.0 is then allowed) or connects to it.</param>
    /// <param name="optional">Whether the key may be absent and the list empty.</param>
    public IReadOnlyList<IPEndPoint> Addresses(Setting setting, bool local, bool optional = false)
    {
        var addresses = new List<IPEndPoint>();
        if (!_members.TryGetValue(setting.Name, out var member))
        {
            if (optional)
            {
                return addresses;
            }

            _problems.Error(Position, setting.Path, "missing; at least one is required");
            return addresses;
        }

        if (member.Value is not JsonArrayAt array)
        {
            Wrong(member, setting, "an array of \"ADDRESS:PORT\"");
            return addresses;
        }

        if (array.Items.Count == 0 && !optional)
        {
            _problems.Error(array.Position, setting.Path, "is empty; at least one \"ADDRESS:PORT\" is required");
        }

        for (int i = 0; i < array.Items.Count; i++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"{setting.Path}[{i}]");
            if (AddressOf(array.Items[i], key, local) is { } address)
            {
                if (addresses.Contains(address))
                {
                    _problems.Error(array.Items[i].Position, key, $"{address} is listed twice; remove one");
                }

                addresses.Add(address);
            }
        }

        return addresses;
    }

    /// <summary>A list of different networks; empty when absent or wrong, which is an error where the section is present.</summary>
    public IReadOnlyList<IPNetwork> Networks(Setting setting)
    {
        var networks = new List<IPNetwork>();
        const string Example = "such as [\"172.31.235.188/32\"]";
        if (!_members.TryGetValue(setting.Name, out var member))
        {
            if (Present)
            {
                _problems.Error(Position, setting.Path, $"missing; a list of networks, {Example}, is required");
            }

            return networks;
        }

        if (member.Value is not JsonArrayAt array)
        {
            Wrong(member, setting, "an array of \"ADDRESS/BITS\"");
            return networks;
        }

        if (array.Items.Count == 0)
        {
            _problems.Error(array.Position, setting.Path, $"is empty; at least one \"ADDRESS/BITS\", {Example}, is required");
        }

        for (int i = 0; i < array.Items.Count; i++)
        {
            string key = string.Create(CultureInfo.InvariantCulture, $"{setting.Path}[{i}]");
            if (array.Items[i] is not JsonScalarAt { Kind: JsonTokenType.String, Text: var text } value)
            {
                _problems.Error(array.Items[i].Position, key, $"\"ADDRESS/BITS\" is expected, found {array.Items[i].KindInWords}");
            }
            else if (NetworkText.Parse(text, out string cause) is not { } network)
            {
                _problems.Error(value.Position, key, $"\"{text}\" {cause}");
            }
            else if (networks.Contains(network))
            {
                _problems.Error(value.Position, key, $"{network} is listed twice; remove one");
            }
            else
            {
                networks.Add(network);
            }
        }

        return networks;
    }

    /// <summary>Names with addresses, each with its place, in file order.</summary>
    public IReadOnlyList<(RedisNode Node, FilePosition Position)> NamedAddresses(Setting setting)
    {
        var nodes = new List<(RedisNode Node, FilePosition Position)>();
        if (!_members.TryGetValue(setting.Name, out var member))
        {
            if (Present)
            {
                _problems.Error(Position, setting.Path, "missing; at least one node, such as \"redis1\": \"172.31.235.131:6379\", is required");
            }

            return nodes;
        }

        if (member.Value is not JsonObjectAt map)
        {
            Wrong(member, setting, "an object such as { \"redis1\": \"172.31.235.131:6379\" }");
            return nodes;
        }

        if (map.Members.Count == 0)
        {
            _problems.Error(map.Position, setting.Path, "is empty; at least one node, such as \"redis1\": \"172.31.235.131:6379\", is required");
        }

        foreach (var (name, at, value) in map.Members)
        {
            string key = $"{setting.Path}.{name}";
            // Names become labels of metrics, cells of CSV and words of commands.
            if (name.Length is 0 or > 63 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            {
                _problems.Error(at, setting.Path, $"\"{name}\" is no node name; up to 63 letters, digits, '.', '_' and '-' are accepted, the first a letter or digit");
            }
            else if (nodes.Any(n => n.Node.Name == name))
            {
                _problems.Error(at, key, $"given twice, first in line {nodes.First(n => n.Node.Name == name).Position.Line}; remove or rename one");
            }
            else if (AddressOf(value, key, local: false) is { } address)
            {
                if (nodes.FirstOrDefault(n => n.Node.EndPoint.Equals(address)).Node is { } same)
                {
                    _problems.Error(value.Position, key, $"{address} is {same.Name} already; each node has its own address");
                }

                nodes.Add((new RedisNode(name, address), at));
            }
        }

        return nodes;
    }

    private string KeyOf(string name) => _path.Length == 0 ? name : $"{_path}.{name}";

    private JsonScalarAt? Scalar(Setting setting, JsonTokenType kind, string expected, bool required)
    {
        if (!_members.TryGetValue(setting.Name, out var member))
        {
            if (required && Present)
            {
                _problems.Error(Position, setting.Path, "missing; it is required");
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
        _problems.Error(member.Value.Position, setting.Path, $"{expected} is expected, found {member.Value.KindInWords}");

    private IPEndPoint? AddressOf(JsonNodeAt value, string key, bool local)
    {
        if (value is not JsonScalarAt { Kind: JsonTokenType.String, Text: var text })
        {
            _problems.Error(value.Position, key, $"\"ADDRESS:PORT\" is expected, found {value.KindInWords}");
            return null;
        }

        if (SocketAddressText.Parse(text, local, out string cause) is { } address)
        {
            return address;
        }

        _problems.Error(value.Position, key, $"\"{text}\" {cause}");
        return null;
    }
}
