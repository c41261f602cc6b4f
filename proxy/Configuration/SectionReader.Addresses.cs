// Addresses, networks and named nodes of a section.

using System.Globalization;
using System.Net;
using System.Text.Json;

namespace RedisHaProxy.Configuration;

internal sealed partial class SectionReader
{
    /// <summary>An address with a port; null when absent or wrong.</summary>
    /// <param name="setting">The key.</param>
    /// <param name="local">Whether a process listens there (0.0.0.0 is then allowed) or connects to it.</param>
    public IPEndPoint? Address(Setting setting, bool local)
    {
        return _members.TryGetValue(setting.Name, out JsonMember? member) ? AddressOf(member.Value, setting.Path, local) : null;
    }

    /// <summary>A list of different addresses; empty when absent or wrong, which is an error where it is required.</summary>
    /// <param name="setting">The key.</param>
    /// <param name="local">Whether a process listens there (0.0.0.0 is then allowed) or connects to it.</param>
    /// <param name="optional">Whether the key may be absent and the list empty.</param>
    public IReadOnlyList<IPEndPoint> Addresses(Setting setting, bool local, bool optional = false)
    {
        var addresses = new List<IPEndPoint>();
        foreach ((string key, JsonNodeAt item) in Items(setting, "\"ADDRESS:PORT\"", optional))
        {
            if (AddressOf(item, key, local) is { } address)
            {
                if (addresses.Contains(address))
                {
                    _problems.Error(item.Position, key, $"{address} is listed twice; remove one");
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
        foreach ((string key, JsonNodeAt item) in Items(setting, "\"ADDRESS/BITS\"", optional: !Present))
        {
            if (item is not JsonScalarAt { Kind: JsonTokenType.String, Text: var text })
            {
                _problems.Error(item.Position, key, $"\"ADDRESS/BITS\" is expected, found {item.KindInWords}; for example \"172.31.235.188/32\"");
            }
            else if (NetworkText.Parse(text, out string cause) is not { } network)
            {
                _problems.Error(item.Position, key, $"\"{text}\" {cause}");
            }
            else if (networks.Contains(network))
            {
                _problems.Error(item.Position, key, $"{network} is listed twice; remove one");
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
        if (!_members.TryGetValue(setting.Name, out JsonMember? member))
        {
            if (Present)
            {
                _problems.Error(Position, setting.Path, $"missing; at least one node, such as {setting.Example}, is required");
            }

            return nodes;
        }

        if (member.Value is not JsonObjectAt map)
        {
            Wrong(member, setting, "an object of names and addresses");
            return nodes;
        }

        if (map.Members.Count == 0)
        {
            _problems.Error(map.Position, setting.Path, $"is empty; at least one node, such as {setting.Example}, is required");
        }

        foreach ((string name, FilePosition at, JsonNodeAt value) in map.Members)
        {
            string key = $"{setting.Path}.{name}";
            // Names become labels of metrics, cells of CSV and words of commands.
            if (name.Length is 0 or > 63 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            {
                _problems.Error(at, setting.Path,
                    $"\"{name}\" is not a node name; up to 63 letters, digits, '.', '_' and '-' are accepted, the first a letter or digit, such as redis1");
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

    // The entries of an array with their keys; none when it is absent, empty or no array, which is an error unless it is optional.
    private IEnumerable<(string Key, JsonNodeAt Item)> Items(Setting setting, string entry, bool optional)
    {
        if (!_members.TryGetValue(setting.Name, out JsonMember? member))
        {
            if (!optional)
            {
                _problems.Error(Position, setting.Path, $"missing; at least one {entry} is required, such as {setting.Example}");
            }

            return [];
        }

        if (member.Value is not JsonArrayAt array)
        {
            Wrong(member, setting, $"an array of {entry}");
            return [];
        }

        if (array.Items.Count == 0 && !optional)
        {
            _problems.Error(array.Position, setting.Path, $"is empty; at least one {entry} is required, such as {setting.Example}");
        }

        return array.Items.Select((item, i) => (string.Create(CultureInfo.InvariantCulture, $"{setting.Path}[{i}]"), item));
    }

    private IPEndPoint? AddressOf(JsonNodeAt value, string key, bool local)
    {
        if (value is not JsonScalarAt { Kind: JsonTokenType.String, Text: var text })
        {
            _problems.Error(value.Position, key, $"\"ADDRESS:PORT\" is expected, found {value.KindInWords}; for example \"172.31.235.131:6379\"");
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
