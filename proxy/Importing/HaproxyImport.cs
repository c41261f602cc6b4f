// From haproxy.cfg to proxy.json: finds the frontends whose backends look for a master, and takes over what has an equivalent. Everything
// else is named with its line.

using System.Globalization;
using System.Text.Json.Nodes;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Importing;

/// <summary>What the operator adds to the file.</summary>
/// <param name="Frontends">Names of the frontends to take; all that lead to a master when empty.</param>
/// <param name="Sentinels">The Sentinels, ADDRESS:PORT; those of the file when empty.</param>
/// <param name="Master">The name of the master at the Sentinels; that of the file when null.</param>
internal sealed record ImportOptions(IReadOnlyList<string> Frontends, IReadOnlyList<string> Sentinels, string? Master);

/// <summary>Imports one file.</summary>
internal sealed partial class HaproxyImport
{
    private const string DefaultMaster = "mymaster";

    private readonly Dictionary<Setting, JsonNode> _values = [];
    private readonly Dictionary<Setting, string> _secrets = [];
    private readonly List<(int Line, string Text)> _notes = [];
    private readonly HashSet<int> _taken = [];
    private readonly IReadOnlyList<HaproxySection> _sections;
    private readonly ImportOptions _options;
    private readonly HaproxyAddresses _addresses;

    private HaproxyImport(IReadOnlyList<HaproxySection> sections, ImportOptions options, HaproxyAddresses addresses) =>
        (_sections, _options, _addresses) = (sections, options, addresses);

    /// <summary>Imports the sections of a file.</summary>
    /// <exception cref="ImportException">No proxy can be made of it.</exception>
    public static ImportResult Run(IReadOnlyList<HaproxySection> sections, ImportOptions options, HaproxyAddresses addresses)
    {
        var import = new HaproxyImport(sections, options, addresses);
        import.Redis();
        import.Sentinels();
        import.Admin();
        import.Limits();
        import.Rest();
        return new ImportResult(import._values, import._secrets, [.. import.Notes()]);
    }

    private void Note(int line, string text) => _notes.Add((line, text));

    // The same of several lines is said once.
    private IEnumerable<ImportNote> Notes() =>
        _notes.OrderBy(note => note.Line == 0 ? int.MaxValue : note.Line).GroupBy(note => note.Text)
            .Select(same => new ImportNote([.. same.Select(note => note.Line).Where(line => line > 0).Distinct()], same.Key));

    private void Redis()
    {
        var listeners = Listeners();
        var masters = Masters(listeners);
        var used = masters.SelectMany(listener => listener.Backends).Distinct().ToList();
        var nodes = new NodeNames();
        foreach (var backend in used)
        {
            Servers(backend, nodes, Setting.RedisTlsCaFile, Setting.RedisTlsServerName, Setting.RedisTlsCertificateFile, Setting.RedisTlsKeyFile);
            Check(backend, Setting.RedisUser, Setting.RedisPasswordFile);
        }

        if (nodes.All.Count == 0)
        {
            throw new ImportException(masters[0].Front.Head.Number, $"{masters[0].Front.Name} leads to no server; a line such as "
                + "\"server redis1 172.31.235.131:6379 check\" is needed");
        }

        Listen(masters.Select(listener => listener.Front), Setting.Listen, Setting.TlsListen);
        if (!_values.ContainsKey(Setting.Listen) && !_values.ContainsKey(Setting.TlsListen))
        {
            throw new ImportException(masters[0].Front.Head.Number, $"{masters[0].Front.Name} has no bind; a line such as \"bind *:6379\" is needed");
        }

        var replicas = listeners.Where(listener => listener.Role == CheckedRole.Replica && _options.Frontends.Count == 0).ToList();
        if (replicas.Count > 0)
        {
            foreach (var backend in replicas.SelectMany(listener => listener.Backends).Distinct())
            {
                Servers(backend, nodes, Setting.RedisTlsCaFile, Setting.RedisTlsServerName, Setting.RedisTlsCertificateFile, Setting.RedisTlsKeyFile);
                Check(backend, Setting.RedisUser, Setting.RedisPasswordFile);
            }

            Listen(replicas.Select(listener => listener.Front), Setting.ReadOnlyListen, null);
        }

        _values[Setting.RedisNodes] = new JsonObject(nodes.All.Select(node => KeyValuePair.Create(node.Name, (JsonNode?)node.EndPoint.ToString())));
    }

    // Frontends, and listens, which are frontend and backend in one; those for HTTP are none.
    private List<Listener> Listeners()
    {
        var found = new List<Listener>();
        foreach (var front in _sections.Where(section => section.Kind is "frontend" or "listen" && section.Mode != "http"))
        {
            var backends = front.Kind == "listen" && front.Own("server").Any() ? new List<HaproxySection> { front } : [];
            foreach (var line in front.Own("default_backend").Concat(front.Own("use_backend")))
            {
                backends.Add(_sections.FirstOrDefault(section => section.Kind is "backend" or "listen" && section.Name == line.Word(1))
                    ?? throw new ImportException(line.Number, $"the backend \"{line.Word(1)}\" is not in the file"));
            }

            if (backends.Count > 0)
            {
                var roles = backends.Select(backend => RoleCheck.Of(backend).Role).ToList();
                found.Add(new Listener(front, [.. backends.Distinct()], roles.Contains(CheckedRole.Master) ? CheckedRole.Master : roles[0]));
            }
        }

        return found;
    }

    private List<Listener> Masters(List<Listener> listeners)
    {
        foreach (string name in _options.Frontends.Where(name => listeners.All(listener => listener.Front.Name != name)))
        {
            throw new ImportException(0, $"--frontend {name}: not in the file; it has {Names(listeners)}");
        }

        var masters = _options.Frontends.Count > 0
            ? listeners.Where(listener => _options.Frontends.Contains(listener.Front.Name)).ToList()
            : listeners.Where(listener => listener.Role == CheckedRole.Master).ToList();
        if (masters.Count == 0)
        {
            masters = [.. listeners.Where(listener => listener.Role == CheckedRole.Any)];
            if (masters.Count != 1)
            {
                throw new ImportException(0, masters.Count == 0
                    ? "has no frontend for TCP with servers behind it; a backend with \"tcp-check expect string role:master\" is looked for"
                    : $"no backend looks for role:master, and there are {Names(masters)}; say which is the master's: --frontend {masters[0].Front.Name}");
            }

            Note(masters[0].Front.Head.Number,
                $"{masters[0].Front.Name}: its check looks for no role, so HAProxy sends clients to replicas as well; the proxy sends them to the master only");
        }

        var first = Addresses(masters[0]);
        var other = masters.FirstOrDefault(listener => !Addresses(listener).SetEquals(first));
        return other is null ? masters : throw new ImportException(other.Front.Head.Number,
            $"{masters[0].Front.Name} and {other.Front.Name} lead to different servers, and a proxy serves one master: import each by itself, "
                + $"such as --frontend {masters[0].Front.Name}");
    }

    private HashSet<string> Addresses(Listener listener) =>
        listener.Backends.SelectMany(backend => backend.Own("server"))
            .Select(line => _addresses.Server(line, out _).ToString()).ToHashSet(StringComparer.Ordinal);

    private static string Names(List<Listener> listeners) => string.Join(", ", listeners.Select(listener => listener.Front.Name));

    private void Check(HaproxySection backend, Setting user, Setting password)
    {
        var check = RoleCheck.Of(backend);
        _taken.UnionWith(check.Lines);
        _taken.UnionWith(backend.Own("option", "tcp-check").Select(line => line.Number));
        if (check.Password is null)
        {
            return;
        }

        if (_secrets.TryGetValue(password, out string? other) && other != check.Password)
        {
            Note(backend.Head.Number, $"{backend.Name} has another password than the backend before; the first one is taken for all");
            return;
        }

        _secrets[password] = check.Password;
        if (check.User is { } name)
        {
            _values[user] = name;
        }
    }

    private void Sentinels()
    {
        var backends = _sections.Where(section => section.IsProxy && RoleCheck.Of(section).Role == CheckedRole.Sentinel).ToList();
        var nodes = new NodeNames();
        string? master = _options.Master;
        foreach (var backend in backends)
        {
            Servers(backend, nodes, Setting.SentinelTlsCaFile, Setting.SentinelTlsServerName, Setting.SentinelTlsCertificateFile, Setting.SentinelTlsKeyFile);
            Check(backend, Setting.SentinelUser, Setting.SentinelPasswordFile);
            string named = RoleCheck.Of(backend).Master!;
            master ??= named;
            if (_options.Master is null && master != named)
            {
                throw new ImportException(backend.Head.Number,
                    $"{backend.Name} asks for \"{named}\" and another backend for \"{master}\"; say which one it is: --master {master}");
            }
        }

        string[] all = _options.Sentinels.Count > 0 ? [.. _options.Sentinels] : [.. nodes.All.Select(node => node.EndPoint.ToString())];
        if (all.Length == 0)
        {
            _secrets.Remove(Setting.SentinelPasswordFile);
            Note(0, "the file names no Sentinels. Without them the proxy knows less: give each one, "
                + "--sentinel 172.31.235.131:26379, and their name for the master, --master mymaster");
            return;
        }

        _values[Setting.SentinelMaster] = master ?? DefaultMaster;
        _values[Setting.SentinelNodes] = new JsonArray([.. all.Select(address => (JsonNode)address)]);
        Note(0, $"{Setting.SentinelDownAfter.Path} is {Setting.SentinelDownAfter.Default}; set it to the Sentinels' own down-after-milliseconds");
    }

    private void Limits()
    {
        var used = _sections.Where(section => section.IsProxy && _taken.Contains(section.Head.Number)).ToList();
        var counts = _sections.Where(section => section.Kind == "global").SelectMany(section => section.Own("maxconn"))
            .Concat(used.Where(section => section.Kind != "backend" && section.Mode != "http").SelectMany(section => section.All("maxconn").Take(1)))
            .Select(line => (Line: line, Count: Number(line))).ToList();
        if (counts.Count > 0)
        {
            var (line, count) = counts.MinBy(each => each.Count);
            _taken.Add(line.Number);
            _values[Setting.LimitsConnections] = count;
        }

        if (used.SelectMany(section => section.All("timeout", "connect")).FirstOrDefault() is { } connect)
        {
            var setting = Setting.TimeoutsConnect;
            var time = HaproxyAddresses.Time(connect, connect.Word(2));
            var within = time < setting.Least ? setting.Least : time > setting.Greatest ? setting.Greatest : time;
            _values[setting] = Durations.Format(within);
            _taken.Add(connect.Number);
            if (within != time)
            {
                Note(connect.Number, $"timeout connect: {connect.Word(2)} is outside of {setting.Range}; {Durations.Format(within)} is taken");
            }
        }
    }

    private static long Number(HaproxyLine line)
    {
        var setting = Setting.LimitsConnections;
        return long.TryParse(line.Word(1), NumberStyles.None, CultureInfo.InvariantCulture, out long count)
                && count >= setting.Least && count <= setting.Greatest
            ? count
            : throw new ImportException(line.Number, $"maxconn \"{line.Word(1)}\" is not accepted; {setting.Range} is, such as {setting.Example}");
    }

    // What is left is named. Arguments are never shown: some are secret.
    private void Rest()
    {
        foreach (var section in _sections)
        {
            if (section.Kind is not ("global" or "defaults") && !_taken.Contains(section.Head.Number))
            {
                int last = section.Lines.Count > 0 ? section.Lines[^1].Number : section.Head.Number;
                string reason = section.IsProxy ? "leads to no Redis of the imported frontend" : Replacements.OfSection(section.Kind);
                Note(section.Head.Number, $"{section.Kind} {section.Name}".TrimEnd()
                    + $", {(last == section.Head.Number ? "this line" : string.Create(CultureInfo.InvariantCulture, $"to line {last}"))}: left out; {reason}");
                continue;
            }

            foreach (var line in section.Lines.Where(line =>
                !_taken.Contains(line.Number) && line.Keyword != "mode" && !line.Keyword.EndsWith("_backend", StringComparison.Ordinal)))
            {
                Note(line.Number, $"{Title(line)}: {Replacements.Of(line)}");
            }
        }
    }

    private static string Title(HaproxyLine line) =>
        line.Keyword is "option" or "timeout" or "stats" or "no" or "tcp-check" or "tcp-request" or "http-request"
            ? $"{line.Keyword} {line.Word(1)}" : line.Keyword;

    private sealed record Listener(HaproxySection Front, IReadOnlyList<HaproxySection> Backends, CheckedRole Role);
}
