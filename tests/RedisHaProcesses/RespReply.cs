// A reply of Redis or Sentinel, read whole.

using System.Globalization;

namespace RedisHaProcesses;

/// <summary>A RESP2 reply.</summary>
/// <param name="Type">The type byte: + - : $ *.</param>
/// <param name="Text">Text of a line or a bulk string; empty for arrays and nil.</param>
/// <param name="Items">Items of an array; empty for all else and for nil.</param>
public sealed record RespReply(char Type, string Text, IReadOnlyList<RespReply> Items)
{
    /// <summary>Whether it is an error reply.</summary>
    public bool IsError => Type == '-';

    /// <summary>Whether it is the nil bulk string or array.</summary>
    public bool IsNil { get; init; }

    /// <summary>The integer it says.</summary>
    public long Number => long.Parse(Text, CultureInfo.InvariantCulture);

    /// <summary>An item of an array.</summary>
    public RespReply this[int index] => Items[index];

    /// <summary>The first text in it: of an array that of its first item.</summary>
    public string First => Items.Count > 0 ? Items[0].First : Text;

    /// <summary>An array of alternating names and values as a dictionary: HGETALL, CONFIG GET, SENTINEL MASTER.</summary>
    public Dictionary<string, string> ToDictionary()
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i + 1 < Items.Count; i += 2)
        {
            pairs[Items[i].Text] = Items[i + 1].Text;
        }

        return pairs;
    }

    /// <summary>As a .NET value: string, long, null, object?[], or a <see cref="RespErrorException"/>.</summary>
    public object? ToValue()
        => IsNil ? null
            : Type switch
            {
                '*' => Items.Select(i => i.ToValue()).ToArray(),
                ':' => Number,
                '-' => new RespErrorException(Text),
                _ => Text,
            };

    /// <summary>The reply on one line.</summary>
    public override string ToString() => IsNil ? "(nil)" : Items.Count > 0 ? string.Join(' ', Items) : Text;

    /// <summary>The fields of INFO.</summary>
    public Dictionary<string, string> ToInfo()
        => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(l => l.Contains(':', StringComparison.Ordinal))
            .Select(l => l.Split(':', 2))
            .GroupBy(p => p[0], StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Last()[1], StringComparer.Ordinal);
}
