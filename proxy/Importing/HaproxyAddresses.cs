// Addresses and times as haproxy.cfg writes them.

using System.Globalization;
using System.Net;

namespace RedisHaProxy.Importing;

/// <summary>Reads addresses and times of one file.</summary>
/// <param name="resolve">The address of a host name; null when there is none.</param>
internal sealed class HaproxyAddresses(Func<string, IPAddress?> resolve)
{
    private const string UnixSocket = "is not an address of TCP; the proxy listens on, and connects to, addresses with a port";

    private static readonly (string Unit, double Milliseconds)[] Units =
        [("us", 0.001), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

    /// <summary>Where a bind listens: *:6379, :6379, 192.0.2.1:6379, [::]:6379, a name with a port, or several with commas between.</summary>
    /// <exception cref="ImportException">None of these, or a range of ports.</exception>
    public IEnumerable<IPEndPoint> Listen(HaproxyLine line, string text)
    {
        foreach (string part in text.Split(','))
        {
            var (host, port) = Split(line, part);
            yield return new IPEndPoint(host is "" or "*" ? IPAddress.Any : Address(line, host), port);
        }
    }

    /// <summary>Where a server is: an address or a name, with a port.</summary>
    /// <param name="line">The line of the server.</param>
    /// <param name="byName">The name that was looked up; null where the line has an address.</param>
    /// <exception cref="ImportException">It has no port, or a name without an address.</exception>
    public IPEndPoint Server(HaproxyLine line, out string? byName)
    {
        var (host, port) = Split(line, line.Word(2));
        if (host is "" or "*")
        {
            throw new ImportException(line.Number, $"server {line.Word(1)} has no address; write {line.Word(1)} 172.31.235.131:6379");
        }

        byName = IPAddress.TryParse(host, out _) ? null : host;
        return new IPEndPoint(Address(line, host), port);
    }

    /// <summary>A time: a number and us, ms, s, m, h or d; milliseconds without a unit.</summary>
    /// <exception cref="ImportException">It is none.</exception>
    public static TimeSpan Time(HaproxyLine line, string text)
    {
        string digits = string.Concat(text.TakeWhile(char.IsAsciiDigit));
        string unit = text[digits.Length..];
        var known = Units.FirstOrDefault(each => each.Unit == (unit.Length == 0 ? "ms" : unit));
        return known.Unit is not null && digits.Length is > 0 and <= 9
            ? TimeSpan.FromMilliseconds(double.Parse(digits, CultureInfo.InvariantCulture) * known.Milliseconds)
            : throw new ImportException(line.Number, $"\"{text}\" is not a time; HAProxy writes a number with us, ms, s, m, h or d, such as 3s");
    }

    private IPAddress Address(HaproxyLine line, string host) =>
        IPAddress.TryParse(host, out var address) ? address
            : resolve(host) ?? throw new ImportException(line.Number, $"\"{host}\" has no address that can be found here; proxy.json needs addresses. "
                + $"Run import where it can be found, or say it: --address {host}=172.31.235.131");

    private static (string Host, int Port) Split(HaproxyLine line, string text)
    {
        string address = text.StartsWith("ipv4@", StringComparison.Ordinal) || text.StartsWith("ipv6@", StringComparison.Ordinal) ? text[5..] : text;
        if (address.StartsWith('/') || address.Contains('@', StringComparison.Ordinal))
        {
            throw new ImportException(line.Number, $"\"{text}\" {UnixSocket}");
        }

        int colon = address.LastIndexOf(':');
        if (colon < 0 || !int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
        {
            throw new ImportException(line.Number, $"\"{text}\" has no port from 1 to 65535; write ADDRESS:PORT, such as 172.31.235.131:6379");
        }

        string host = address[..colon];
        return (host is ['[', .., ']'] ? host[1..^1] : host, port);
    }
}
