// What a Sentinel knows beside the servers that are configured here: SENTINEL SENTINELS and SENTINEL REPLICAS name everybody that it has ever
// heard of on the nodes' __sentinel__:hello channel, also what somebody forged there.

using System.Globalization;
using System.Net;

namespace RedisHaProxy.Monitoring;

/// <summary>Compares a Sentinel's lists with the configured ones.</summary>
internal static class KnownServers
{
    /// <summary>Most strangers that are named.</summary>
    private const int Named = 5;

    /// <summary>The servers of a list that are not configured, as text: "172.31.0.9:26379, 172.31.0.10:26379 and 3 more"; null for none.</summary>
    /// <param name="reader">At the reply: an array of flat lists of names and values. (Redis sentinel.c, addReplyDictOfRedisInstances)</param>
    /// <param name="isConfigured">Whether an address is one of ours.</param>
    /// <exception cref="RespException">It is not such a reply.</exception>
    public static string? Strangers(ref RespReader reader, Func<IPEndPoint, bool> isConfigured)
    {
        var strangers = new List<string>();
        int servers = reader.ReadArray();
        for (int i = 0; i < servers; i++)
        {
            ReadOnlySpan<byte> host = default;
            long port = 0;
            int count = reader.ReadArray();
            for (int j = 0; j + 1 < count; j += 2)
            {
                ReadOnlySpan<byte> name = reader.ReadString();
                ReadOnlySpan<byte> value = reader.ReadString();
                host = name.SequenceEqual("ip"u8) ? value : host;
                port = name.SequenceEqual("port"u8) ? RespReader.Number(value) : port;
            }

            bool isOurs = port is > 0 and <= IPEndPoint.MaxPort && IPAddress.TryParse(host, out IPAddress? address)
                && isConfigured(new IPEndPoint(address, (int)port));
            if (!isOurs)
            {
                strangers.Add($"{RespReader.Printable(host)}:{port.ToString(CultureInfo.InvariantCulture)}");
            }
        }

        strangers.Sort(StringComparer.Ordinal);
        return strangers.Count == 0 ? null
            : strangers.Count <= Named ? string.Join(", ", strangers)
            : $"{string.Join(", ", strangers.Take(Named))} and {strangers.Count - Named} more";
    }
}
