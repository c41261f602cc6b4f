// Fields of INFO's text: "name:value" lines.

namespace RedisHaProxy.Monitoring;

/// <summary>Finds fields in INFO's text without allocating.</summary>
internal static class InfoReader
{
    /// <summary>The value of a field; false when there is no such line.</summary>
    /// <param name="info">The text of one or more sections.</param>
    /// <param name="name">The field with its colon: "run_id:"u8.</param>
    /// <param name="value">What follows, up to the end of the line.</param>
    public static bool TryGet(ReadOnlySpan<byte> info, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        for (ReadOnlySpan<byte> rest = info; rest.Length > 0;)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (line.StartsWith(name))
            {
                value = line[name.Length..].TrimEnd((byte)'\r');
                return true;
            }
        }

        value = default;
        return false;
    }

    /// <summary>The number in a field, or <paramref name="otherwise"/> when it is absent.</summary>
    /// <exception cref="RespException">It is there and no number.</exception>
    public static long Number(ReadOnlySpan<byte> info, ReadOnlySpan<byte> name, long otherwise) =>
        TryGet(info, name, out ReadOnlySpan<byte> value) ? RespReader.Number(value) : otherwise;
}
