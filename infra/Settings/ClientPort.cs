// The ports at which clients find Redis: at the load balancer and, with the same numbers, at the proxies.

using System.Collections.Immutable;
using System.Globalization;

namespace RedisHaInfra.Settings;

/// <summary>What a port is for.</summary>
public enum ClientPortKind
{
    /// <summary>Sessions with the master, without TLS.</summary>
    Plain,

    /// <summary>Sessions with replicas, for clients that only read.</summary>
    ReadOnly,
}

/// <summary>A port for clients.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Port">Its number.</param>
public sealed record ClientPort(ClientPortKind Kind, int Port)
{
    /// <summary>The last one that can be chosen: the proxies' own connections start from those above.</summary>
    internal const int Last = LocalPorts.First - 1;

    // A port below takes a right that the proxies' service does not have (CAP_NET_BIND_SERVICE).
    private const int First = 1024;

    /// <summary>Whether it is the one that is always there.</summary>
    public bool IsPlain => Kind == ClientPortKind.Plain;

    /// <summary>The name of its listener at the load balancer.</summary>
    public string Listener => Kind == ClientPortKind.Plain ? "redis" : "redis-read-only";

    /// <summary>The name of its backend set at the load balancer.</summary>
    public string BackendSet => Kind == ClientPortKind.Plain ? "proxies" : "proxies-read-only";

    /// <summary>What comes there, in words.</summary>
    internal string Words => Kind == ClientPortKind.Plain ? "sessions" : "sessions that only read";

    internal static ImmutableArray<ClientPort> Read(SettingsReader reader)
    {
        ImmutableArray<ClientPort>.Builder ports = ImmutableArray.CreateBuilder<ClientPort>();
        ports.Add(new ClientPort(ClientPortKind.Plain, Ports.Redis));
        Add(Setting.ReadOnlyPort, ClientPortKind.ReadOnly);
        return ports.ToImmutable();

        void Add(NumberSetting setting, ClientPortKind kind)
        {
            int number = reader.Integer(setting);
            if (number == 0)
            {
                return;
            }
            // What the proxies listen at besides, whatever the kind of port.
            string? owner = number == Ports.Admin ? "the proxies' pages" : ports.Any(port => port.Port == number) ? "other sessions" : null;
            int free = Enumerable.Range(Ports.Redis + 1, 10).First(candidate => ports.All(port => port.Port != candidate));
            reader.RequireOr(free.ToString(CultureInfo.InvariantCulture), number >= First && owner is null, setting,
                $"0 for no such port, or a port from {First} to {Last} that the proxies use for nothing else"
                + $"{(owner is null ? "" : $"; {number} is that of {owner}")}");
            ports.Add(new ClientPort(kind, number));
        }
    }
}
