// Why a line of haproxy.cfg is not taken over, and what takes its place.

namespace RedisHaProxy.Importing;

/// <summary>The table of keywords.</summary>
internal static class Replacements
{
    private const string Service = "set by the service's unit, redis-ha-proxy.service";
    private const string Logs = "the proxy logs to the journal; see log.level, log.format and log.sessions";
    private const string Routing = "the routing rule decides, and sends all sessions to the one master";
    private const string Threads = "the proxy chooses its threads and buffers by itself";
    private const string Sources =
        "NOT PROTECTED ANY MORE: the proxy lets in everyone who reaches its address; restrict it by the firewall or the security groups";
    private const string KeepAlive = "always on";
    private const string NeverIdle =
        "not taken over, because it cuts blocked commands and subscriptions; set timeouts.idle to end silent sessions";
    private const string Answers = "how long an answer may take is part of the routing rule (docs/routing.md)";
    private const string PageOfOurs = "the page has its own form";

    // The longest beginning of a line that is in the table counts.
    private static readonly Dictionary<string, string> Table = new(StringComparer.Ordinal)
    {
        ["daemon"] = Service,
        ["user"] = Service,
        ["group"] = Service,
        ["uid"] = Service,
        ["gid"] = Service,
        ["chroot"] = Service,
        ["pidfile"] = Service,
        ["master-worker"] = Service,
        ["ulimit-n"] = "the unit's LimitNOFILE, and limits.connections",
        ["nbproc"] = Threads,
        ["nbthread"] = Threads,
        ["cpu-map"] = Threads,
        ["tune."] = Threads,
        ["spread-checks"] = "questions are spread by themselves",
        ["stats socket"] = "admin.socket takes its place, with the verbs of redis-ha-proxy instead of HAProxy's commands",
        ["stats timeout"] = "the control socket needs none",
        ["stats realm"] = PageOfOurs,
        ["stats refresh"] = "the page follows by itself",
        ["stats hide-version"] = PageOfOurs,
        ["stats show-"] = PageOfOurs,
        ["stats uri"] = "the page is at /stats",
        ["stats admin"] = "orders are taken on the machine only: redis-ha-proxy drain, maintenance, sessions --end",
        ["stats auth"] = "one user only; this one is left out",
        ["ssl-default-"] = "tls.minimumVersion; the ciphers are the system's",
        ["ssl-dh-param-file"] = "the ciphers are the system's",
        ["log"] = Logs,
        ["log-format"] = Logs,
        ["log-tag"] = Logs,
        ["option tcplog"] = Logs,
        ["option httplog"] = Logs,
        ["option dontlognull"] = Logs,
        ["option dontlog-normal"] = Logs,
        ["option logasap"] = Logs,
        ["option log-health-checks"] = "every change of a node's health is logged",
        ["option tcpka"] = KeepAlive,
        ["option clitcpka"] = KeepAlive,
        ["option srvtcpka"] = KeepAlive,
        ["option tcp-smart-accept"] = KeepAlive,
        ["option tcp-smart-connect"] = KeepAlive,
        ["option splice"] = "large streams are spliced by themselves",
        ["option redispatch"] = "a connect that fails is tried again, until timeouts.park is over",
        ["option redis-check"] = "the proxy asks PING, ROLE and INFO replication",
        ["option httpchk"] = "the proxy asks PING, ROLE and INFO replication",
        ["option httpclose"] = "for HTTP only",
        ["option http"] = "for HTTP only",
        ["option forwardfor"] = "for HTTP only; see proxyProtocol for clients' addresses",
        ["option abortonclose"] = "a client that closes while it waits is forgotten",
        ["retries"] = "a connect that fails is tried again, until timeouts.park is over",
        ["timeout client"] = NeverIdle,
        ["timeout server"] = NeverIdle,
        ["timeout tunnel"] = NeverIdle,
        ["timeout client-fin"] = "30 s, fixed",
        ["timeout server-fin"] = "30 s, fixed",
        ["timeout check"] = Answers,
        ["timeout queue"] = "new sessions wait for a master for timeouts.park",
        ["timeout http"] = "for HTTP only",
        ["timeout tarpit"] = "for HTTP only",
        ["tcp-check"] = Answers,
        ["balance"] = Routing,
        ["hash-type"] = Routing,
        ["stick"] = Routing,
        ["use-server"] = Routing,
        ["acl"] = Routing,
        ["default-server"] = "nodes are asked every redis.probeInterval, and the routing rule decides",
        ["on-marked-down"] = "sessions to a former master are always ended",
        ["fullconn"] = "limits.connections",
        ["backlog"] = "4096, fixed",
        ["maxconn"] = "limits.connections has another line's value",
        ["maxconnrate"] = "new sessions are not limited by their rate; see limits.perSource",
        ["rate-limit"] = "new sessions are not limited by their rate; see limits.perSource",
        ["tcp-request"] = Sources,
        ["tcp-response"] = "the proxy looks at no byte of a session",
        ["source"] = "the system chooses the address",
        ["monitor-uri"] = "/healthz and /readyz on admin.listen",
        ["http-request use-service prometheus-exporter"] = "/metrics on admin.listen; the metrics have other names",
        ["http-request"] = "for HTTP only",
        ["errorfile"] = "for HTTP only; see limits.refusal",
        ["server-template"] = "list each node in redis.nodes, by its address",
        ["email-alert"] = "see docs/monitoring.md",
    };

    /// <summary>Sections that nothing is taken from.</summary>
    public static string OfSection(string kind) => kind switch
    {
        "resolvers" => "addresses are literals: a failover must not wait for a name server",
        "mailers" => "see docs/monitoring.md",
        "userlist" => "the page has one user, admin.user",
        "peers" => "the proxies need nothing of each other",
        "program" => "the service manager runs other programs",
        _ => "not of a Redis proxy",
    };

    /// <summary>Of a line that nothing was taken from.</summary>
    public static string Of(HaproxyLine line)
    {
        string text = string.Join(' ', line.Words);
        return Table.Where(entry => text.StartsWith(entry.Key, StringComparison.Ordinal)).OrderByDescending(entry => entry.Key.Length)
            .Select(entry => entry.Value).FirstOrDefault("has no equivalent");
    }
}
