// Fields of INFO's text: "name:value" lines.

using System.Buffers.Text;

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

    /// <summary>
    /// How many of a master's replicas are online with a lag of less than two seconds.
    /// <code>slave0:ip=172.31.0.2,port=6379,state=online,offset=14,lag=0</code> (Valkey 8 puts ",type=replica" behind it.)
    /// </summary>
    /// <param name="info">The text of section replication.</param>
    /// <param name="otherwise">The answer where no line tells a lag.</param>
    public static int AcknowledgingReplicas(ReadOnlySpan<byte> info, int otherwise)
    {
        int count = 0;
        bool told = false;
        for (ReadOnlySpan<byte> rest = info; rest.Length > 0;)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = (end < 0 ? rest : rest[..end]).TrimEnd((byte)'\r');
            rest = end < 0 ? default : rest[(end + 1)..];
            int at = line.LastIndexOf(",lag="u8);
            if (line.StartsWith("slave"u8) && line.Length > 5 && char.IsAsciiDigit((char)line[5]) && at > 0
                && Utf8Parser.TryParse(line[(at + 5)..], out int lag, out int used) && (used == line.Length - at - 5 || line[at + 5 + used] == (byte)','))
            {
                told = true;
                count += lag is 0 or 1 && line.IndexOf(",state=online,"u8) > 0 ? 1 : 0;
            }
        }

        return told ? count : otherwise;
    }

    /// <summary>
    /// Keys of all databases, and those of them with a time to live: <code>db0:keys=3,expires=1,avg_ttl=0,subexpiry=0</code>
    /// </summary>
    /// <param name="info">The text of section keyspace. A database without keys has no line.</param>
    public static (long All, long Expiring) Keys(ReadOnlySpan<byte> info)
    {
        (long all, long expiring) = (0, 0);
        for (ReadOnlySpan<byte> rest = info; rest.Length > 0;)
        {
            int end = rest.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (line.StartsWith("db"u8))
            {
                all += Count(line, ":keys="u8);
                expiring += Count(line, ",expires="u8);
            }
        }

        return (all, expiring);

        static long Count(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name) =>
            line.IndexOf(name) is int at and >= 0 && Utf8Parser.TryParse(line[(at + name.Length)..], out long count, out _) ? count : 0;
    }

    /// <summary>The number in a field, or <paramref name="otherwise"/> when it is absent.</summary>
    /// <exception cref="RespException">It is there and no number.</exception>
    public static long Number(ReadOnlySpan<byte> info, ReadOnlySpan<byte> name, long otherwise) =>
        TryGet(info, name, out ReadOnlySpan<byte> value) ? RespReader.Number(value) : otherwise;
}
