// The ports at which clients find Redis: at the load balancer and, with the same numbers, at the proxies.

using System.Collections.Immutable;
using System.Globalization;

namespace RedisHaInfra.Settings;

/// <summary>What a port is for.</summary>
public enum ClientPortKind
{
    /// <summary>Sessions with the master, without TLS.</summary>
    Plain,

    /// <summary>Sessions with the master, over TLS.</summary>
    Tls,

    /// <summary>Sessions with replicas, for clients that only read, without TLS.</summary>
    ReadOnly,

    /// <summary>Sessions with replicas, for clients that only read, over TLS.</summary>
    ReadOnlyTls,
}

/// <summary>A port for clients.</summary>
/// <param name="Kind">What it is for.</param>
/// <param name="Port">Its number.</param>
public sealed record ClientPort(ClientPortKind Kind, int Port)
{
    /// <summary>The last one that can be chosen: the proxies' own connections start from those above.</summary>
    internal const int Last = LocalPorts.First - 1;

    // A port below takes a right that the proxies' service does not have (CAP_NET_BIND_SERVICE).
    internal const int First = 1024;

    /// <summary>Whether it is the one that is always there.</summary>
    public bool IsPlain => Kind == ClientPortKind.Plain;

    /// <summary>Whether the clients' networks reach it; the bastion always does.</summary>
    public bool IsForClients { get; init; } = true;

    /// <summary>The name of its listener at the load balancer.</summary>
    public string Listener => $"redis{Suffix}";

    /// <summary>The name of its backend set at the load balancer.</summary>
    public string BackendSet => $"proxies{Suffix}";

    /// <summary>What comes there, in words.</summary>
    internal string Words => Kind switch
    {
        ClientPortKind.Plain => "sessions",
        ClientPortKind.Tls => "sessions over TLS",
        ClientPortKind.ReadOnly => "sessions that only read",
        _ => "sessions that only read, over TLS",
    };

    private string Suffix => Kind switch
    {
        ClientPortKind.Plain => string.Empty,
        ClientPortKind.Tls => "-tls",
        ClientPortKind.ReadOnly => "-read-only",
        _ => "-read-only-tls",
    };

    internal static ImmutableArray<ClientPort> Read(SettingsReader reader)
    {
        string tls = reader.Choice(Setting.ClientTls);
        ImmutableArray<ClientPort>.Builder ports = ImmutableArray.CreateBuilder<ClientPort>();
        ports.Add(new ClientPort(ClientPortKind.Plain, Ports.Redis) { IsForClients = tls != "required" });
        int tlsPort = reader.Integer(Setting.TlsPort);
        if (tls != "no")
        {
            Add(Setting.TlsPort, tlsPort, ClientPortKind.Tls);
        }
        reader.Require(tls != "no" || tlsPort == Setting.TlsPort.Value, Setting.TlsPort, "used together with clientTls only", Setting.ClientTls);
        Add(Setting.ReadOnlyPort, reader.Integer(Setting.ReadOnlyPort), ClientPortKind.ReadOnly);
        reader.RequireOr(string.Empty, tls != "required" || ports.All(port => port.Kind != ClientPortKind.ReadOnly), Setting.ReadOnlyPort,
            "none with clientTls = required: use readOnlyTlsPort", Setting.ClientTls);
        Add(Setting.ReadOnlyTlsPort, reader.Integer(Setting.ReadOnlyTlsPort), ClientPortKind.ReadOnlyTls);
        reader.RequireOr(string.Empty, tls != "no" || ports.All(port => port.Kind != ClientPortKind.ReadOnlyTls), Setting.ReadOnlyTlsPort,
            "used together with clientTls only", Setting.ClientTls);
        return ports.ToImmutable();

        void Add(NumberSetting setting, int number, ClientPortKind kind)
        {
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
