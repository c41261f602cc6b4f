// The lines with addresses: bind and server, of Redis, of Sentinels, and of the statistics.

using System.Net;
using System.Text.Json.Nodes;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Importing;

internal sealed partial class HaproxyImport
{
    // Options of a bind line with one argument.
    private static readonly HashSet<string> BindArguments =
    [
        "crt", "ca-file", "verify", "name", "id", "backlog", "maxconn", "interface", "mss", "user", "group", "uid", "gid", "mode", "alpn", "npn", "ciphers",
        "ciphersuites", "ssl-min-ver", "ssl-max-ver", "curves", "nice", "process", "thread", "shards", "tcp-ut", "namespace", "severity-output", "level",
    ];

    private static readonly HashSet<string> ServerFlags =
    [
        "check", "ssl", "backup", "disabled", "enabled", "send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "check-ssl", "no-check",
        "no-check-ssl", "check-send-proxy", "tfo", "non-stick", "check-via-socks4", "allow-0rtt", "no-tls-tickets", "tls-tickets", "no-ssl-reuse", "ssl-reuse",
    ];

    private void Listen(IEnumerable<HaproxySection> fronts, Setting plain, Setting? encrypted)
    {
        foreach (var front in fronts)
        {
            _taken.Add(front.Head.Number);
            foreach (var (line, address) in Binds(front))
            {
                _taken.Add(line.Number);
                var options = Options(line, line == front.Head ? 3 : 2, BindArguments.Contains);
                bool tls = options.ContainsKey("ssl");
                if (tls && encrypted is null)
                {
                    throw new ImportException(line.Number, $"the read-only listener ({plain.Path}) speaks no TLS; leave \"ssl crt ...\" out");
                }

                if (tls)
                {
                    Certificate(line, options, Setting.TlsCertificateFile, Setting.TlsKeyFile);
                    TakePath(options, "ca-file", Setting.TlsClientCaFile);
                    options.Remove("verify");
                }

                Append(tls ? encrypted! : plain, _addresses.Listen(line, address));
                Remains(line, "bind", options, name => name switch
                {
                    "accept-proxy" => "clients' addresses come in a PROXY header: list the balancer in proxyProtocol.from, or no session works",
                    "name" or "id" => "",
                    _ => "has no equivalent",
                });
            }
        }
    }

    private static IEnumerable<(HaproxyLine Line, string Address)> Binds(HaproxySection front) =>
        (front.Kind == "listen" && front.Head.Word(2).Contains(':', StringComparison.Ordinal) ? new[] { (front.Head, front.Head.Word(2)) } : [])
            .Concat(front.Own("bind").Select(line => (line, line.Word(1))));

    private void Servers(HaproxySection backend, NodeNames nodes, Setting caFile, Setting serverName, Setting certificate, Setting key)
    {
        _taken.Add(backend.Head.Number);
        foreach (var line in backend.Own("server"))
        {
            _taken.Add(line.Number);
            var address = _addresses.Server(line, out string? byName);
            if (byName is not null)
            {
                Note(line.Number, $"{byName} is {address.Address} now; an address that changes needs a change of the configuration");
            }

            nodes.Add(line.Word(1), backend.Name, address);
            var options = Options(line, 3, word => !ServerFlags.Contains(word));
            if (options.Remove("ssl"))
            {
                if (!options.ContainsKey("ca-file") || options.GetValueOrDefault("verify") == "none")
                {
                    throw new ImportException(line.Number,
                        $"server {line.Word(1)} speaks TLS and is not verified; the proxy always verifies: add ca-file and verify required, such as "
                            + "\"ssl verify required ca-file redis-ca.crt\"");
                }

                TakePath(options, "ca-file", caFile);
                options.Remove("verify");
                TakePath(options, "verifyhost", serverName);
                if (options.ContainsKey("crt"))
                {
                    Certificate(line, options, certificate, key);
                }
            }

            Remains(line, "server", options, name => name switch
            {
                "backup" or "weight" or "cookie" or "track" => "the routing rule decides, and sends all sessions to the one master",
                "disabled" => "in maintenance in HAProxy; here after the start: redis-ha-proxy maintenance",
                "maxconn" or "minconn" or "maxqueue" => "limits.connections counts all sessions",
                "resolvers" or "resolve-prefer" or "resolve-net" or "resolve-opts" or "init-addr" => "addresses are literals",
                "on-marked-down" or "on-marked-up" or "on-error" => "sessions to a former master are always ended",
                _ when name.StartsWith("send-proxy", StringComparison.Ordinal) => "Redis reads no PROXY header",
                "check" or "inter" or "fastinter" or "downinter" or "fall" or "rise" or "port" or "addr" or "observe" or "error-limit"
                    or "check-ssl" or "check-sni" =>
                    "each node is asked every redis.probeInterval at its own port, and the routing rule decides",
                _ => "has no equivalent",
            });
        }
    }

    private void Admin()
    {
        var pages = _sections.Where(section => section.IsProxy && section.Own("stats").Any()).ToList();
        var others = _sections.Where(section => section.IsProxy && !pages.Contains(section)
            && (section.Own("monitor-uri").Any() || section.Own("http-request", "use-service").Any())).ToList();
        foreach (var section in pages.Concat(others).Where(section => Binds(section).Any()))
        {
            var (line, address) = Binds(section).First();
            _taken.Add(section.Head.Number);
            _taken.Add(line.Number);
            string listen = _addresses.Listen(line, address).First().ToString();
            if (_values.TryGetValue(Setting.AdminListen, out var already))
            {
                Note(line.Number, $"bind: what {section.Name} serves at {listen} is at admin.listen, {already}");
                continue;
            }

            _values[Setting.AdminListen] = listen;
            var options = Options(line, line == section.Head ? 3 : 2, BindArguments.Contains);
            if (options.ContainsKey("ssl"))
            {
                Certificate(line, options, Setting.AdminTlsCertificateFile, Setting.AdminTlsKeyFile);
            }

            Remains(line, "bind", options, name => name is "name" or "id" ? "" : "has no equivalent");
            if (section.All("stats", "auth").FirstOrDefault() is { } auth)
            {
                _taken.Add(auth.Number);
                string[] parts = auth.Word(2).Split(':', 2);
                if (parts is not [{ Length: > 0 } user, { Length: > 0 } password])
                {
                    throw new ImportException(auth.Number, "stats auth needs USER:PASSWORD");
                }

                _values[Setting.AdminUser] = user;
                _secrets[Setting.AdminPasswordFile] = password;
            }

            _taken.UnionWith(section.Own("stats", "enable").Select(each => each.Number));
            _taken.UnionWith(section.Own("stats", "uri").Where(each => each.Word(2) == "/stats").Select(each => each.Number));
        }

        _values[Setting.AdminSocket] = Setting.AdminSocket.Example.Trim('"');
    }

    // The options of a line, each with its argument, or with an empty one.
    private static Dictionary<string, string> Options(HaproxyLine line, int from, Func<string, bool> hasArgument)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int i = from; i < line.Words.Count; i++)
        {
            string name = line.Words[i];
            options[name] = hasArgument(name) && i + 1 < line.Words.Count ? line.Words[++i] : "";
        }

        return options;
    }

    // HAProxy reads certificate and key from one file; so does the proxy.
    private void Certificate(HaproxyLine line, Dictionary<string, string> options, Setting certificate, Setting key)
    {
        string file = options.Remove("crt", out string? named) ? named
            : throw new ImportException(line.Number, "ssl needs crt FILE, with the certificate and its key");
        _values[certificate] = file;
        _values[key] = file;
        options.Remove("ssl");
    }

    private void TakePath(Dictionary<string, string> options, string name, Setting setting)
    {
        if (options.Remove(name, out string? value))
        {
            _values[setting] = value;
        }
    }

    private void Append(Setting setting, IEnumerable<IPEndPoint> addresses)
    {
        if (!_values.TryGetValue(setting, out var list))
        {
            _values[setting] = list = new JsonArray();
        }

        foreach (string address in addresses.Select(each => each.ToString()).Where(each => !list.AsArray().Any(item => item!.GetValue<string>() == each)))
        {
            list.AsArray().Add((JsonNode)address);
        }
    }

    // One note for all options that the same takes the place of.
    private void Remains(HaproxyLine line, string title, Dictionary<string, string> options, Func<string, string> reason)
    {
        foreach (var same in options.Keys.GroupBy(reason).Where(same => same.Key.Length > 0))
        {
            Note(line.Number, $"{title} {string.Join(", ", same)}: {same.Key}");
        }
    }

    /// <summary>Servers by names that a configuration accepts.</summary>
    private sealed class NodeNames
    {
        public List<RedisNode> All { get; } = [];

        /// <summary>Adds a server, unless its address is known.</summary>
        public void Add(string name, string backend, IPEndPoint address)
        {
            if (All.Any(node => node.EndPoint.Equals(address)))
            {
                return;
            }

            string accepted = Accepted(name);
            if (All.Any(node => node.Name == accepted))
            {
                accepted = Accepted($"{backend}-{name}");
            }

            for (int number = 2; All.Any(node => node.Name == accepted); number++)
            {
                accepted = Accepted($"{name}-{number}");
            }

            All.Add(new RedisNode(accepted, address));
        }

        private static string Accepted(string name)
        {
            string text = string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-')).TrimStart('.', '_', '-');
            return text.Length == 0 ? "redis" : text[..Math.Min(text.Length, 50)];
        }
    }
}
