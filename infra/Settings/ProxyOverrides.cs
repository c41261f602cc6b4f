// proxyOverrides: keys of proxy.json that the stack leaves open. They are laid over what the stack writes, and the proxy's own reader judges the
// whole, so that a preview says what "redis-ha-proxy check" would say on the machine.

using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaProxy.Configuration;

// The proxy is for Linux. Its reader's rules hold everywhere: what is Linux' own in it concerns files that exist, and here are none.
#pragma warning disable CA1416

namespace RedisHaInfra.Settings;

/// <summary>Reads, judges and merges the setting.</summary>
internal static class ProxyOverrides
{
    /// <summary>Keys and whole sections that the stack decides, and by which setting; null where nothing else can be meant.</summary>
    public static FrozenDictionary<string, string?> Owned { get; } = new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["listen"] = Setting.ProxyAddresses.Key,
        ["tls.listen"] = Setting.TlsPort.Key,
        ["tls.certificateFile"] = Setting.TlsCertificate.Key,
        ["tls.keyFile"] = Setting.TlsPrivateKey.Key,
        ["tls.clientCaFile"] = Setting.TlsClientCa.Key,
        ["proxyProtocol.from"] = Setting.ProxyProtocol.Key,
        ["readOnly.listen"] = Setting.ReadOnlyPort.Key,
        ["readOnly.tlsListen"] = Setting.ReadOnlyTlsPort.Key,
        ["redis.nodes"] = Setting.RedisAddresses.Key,
        ["redis.user"] = null,
        ["redis.passwordFile"] = Setting.PasswordVersions.Key,
        ["redis.minReplicasToWrite"] = Setting.RedisMinReplicasToWrite.Key,
        ["redis.tls"] = Setting.RedisTls.Key,
        ["sentinel.master"] = Setting.SentinelMasterName.Key,
        ["sentinel.nodes"] = Setting.RedisAddresses.Key,
        ["sentinel.user"] = null,
        ["sentinel.passwordFile"] = Setting.PasswordVersions.Key,
        ["sentinel.downAfter"] = Setting.SentinelDownAfterMilliseconds.Key,
        ["sentinel.tls"] = Setting.RedisTls.Key,
        ["admin.listen"] = null,
        ["admin.user"] = null,
        ["admin.passwordFile"] = Setting.PasswordVersions.Key,
        ["admin.metricsUser"] = Setting.MonitoringNetworks.Key,
        ["admin.metricsPasswordFile"] = Setting.MetricsPassword.Key,
        ["admin.socket"] = null,
        ["admin.peers"] = Setting.ProxyAddresses.Key,
        ["admin.tls"] = Setting.AdminTls.Key,
        ["timeouts.drainDelay"] = null,
        ["timeouts.drain"] = null,
        ["limits.connections"] = Setting.ProxyMaxConnections.Key,
        ["recording.file"] = null,
        ["handOver.socket"] = Setting.ProxyHandOver.Key,
    }.Concat(ProxyKeys.All.Select(key => KeyValuePair.Create(key.Path, (string?)key.Setting.Key))).ToFrozenDictionary(StringComparer.Ordinal);

    // Sections that exist only with a setting.
    private static readonly FrozenDictionary<string, string> Needs = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["proxyProtocol"] = $"{Setting.ProxyProtocol.Key} = yes",
        ["readOnly"] = $"{Setting.ReadOnlyPort.Key} or {Setting.ReadOnlyTlsPort.Key}",
        ["tls"] = Setting.ClientTls.Key,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>Reads the setting: JSON, or empty text when there is none or it is bad.</summary>
    public static string Read(SettingsReader reader)
    {
        if (reader.Text(Setting.ProxyOverrides) is not { } text)
        {
            return string.Empty;
        }
        try
        {
            JsonNodeAt tree = JsonDocumentTree.Parse(Encoding.UTF8.GetBytes(text));
            string? twice = Twice(tree, string.Empty);
            reader.Require(tree is JsonObjectAt, Setting.ProxyOverrides, $"a JSON object as in proxy.json, not {tree.KindInWords}");
            reader.Require(twice is null, Setting.ProxyOverrides, $"each key once; {twice} is there twice");
        }
        catch (JsonSyntaxException error)
        {
            reader.Reject(Setting.ProxyOverrides, $"a JSON object as in proxy.json; {error.Message}");
        }
        return reader.Failed(Setting.ProxyOverrides) ? string.Empty : JsonNode.Parse(text)!.ToJsonString();
    }

    /// <summary>Notes what the proxy would refuse, and what the stack decides itself.</summary>
    /// <param name="reader">Takes the problems.</param>
    /// <param name="document">A proxy of the stack.</param>
    public static void Judge(SettingsReader reader, ProxyDocument document)
    {
        reader.RequireOr("0", document.Options.HeaderFrom is not null || reader.Integer(Setting.ProxyMaxConnectionsPerSource) == 0,
            Setting.ProxyMaxConnectionsPerSource, $"0, unless {Setting.ProxyProtocol.Key} = yes: without it all clients have the load balancer's address, and "
            + "the limit would be one for all of them");
        JsonObject own = document.Own();
        RefuseOwned(reader, document, own);
        bool isRefused = reader.Failed(Setting.ProxyOverrides);
        if (document.Options is { Keys.Length: 0, Overrides.Length: 0 } || (isRefused && document.Options.Keys.Length == 0))
        {
            return;
        }
        ProxyDocument judged = isRefused ? document with { Options = document.Options with { Overrides = string.Empty } } : document;
        // The files that the stack names exist on the machines only.
        var files = Leaves(own, string.Empty).Select(leaf => leaf.Path)
            .Where(path => path.EndsWith("File", StringComparison.Ordinal)).ToHashSet(StringComparer.Ordinal);
        ConfigurationReading reading = ConfigurationReader.ReadContent(
            Path.Combine("no-such-folder", "proxy.json"), JsonSerializer.SerializeToUtf8Bytes(judged.Json()), DateTimeOffset.UnixEpoch);
        foreach (ConfigurationProblem problem in reading.Errors.Where(problem => !files.Contains(problem.Key)))
        {
            Setting? setting = ProxyKeys.All.FirstOrDefault(key => key.Path == problem.Key).Setting;
            reader.Reject(setting ?? Setting.ProxyOverrides, $"what the proxy takes; of {problem.Key} it says: {problem.Cause}");
        }
    }

    private static void RefuseOwned(SettingsReader reader, ProxyDocument document, JsonObject own)
    {
        if (document.Options.Overrides.Length == 0)
        {
            return;
        }
        foreach ((string path, JsonNode? _) in Leaves((JsonObject)JsonNode.Parse(document.Options.Overrides)!, string.Empty))
        {
            string? owned = Prefixes(path).FirstOrDefault(Owned.ContainsKey);
            string section = path.Split('.')[0];
            if (owned is not null)
            {
                string way = Owned[owned] is { } setting ? $"use {setting}" : "the stack decides it";
                reader.Reject(Setting.ProxyOverrides, $"{path} cannot be set here: {way}");
            }
            else if (Needs.TryGetValue(section, out string? need) && !own.ContainsKey(section))
            {
                reader.Reject(Setting.ProxyOverrides, $"{path} only with {need}");
            }
        }
    }

    /// <summary>Lays one object over another, key by key.</summary>
    public static void Merge(JsonObject below, JsonObject above)
    {
        foreach ((string key, JsonNode? value) in above)
        {
            if (value is JsonObject section && below[key] is JsonObject known)
            {
                Merge(known, section);
            }
            else
            {
                below[key] = value?.DeepClone();
            }
        }
    }

    // Every value that is no object; and an empty object, which says nothing but may stand in the wrong place.
    private static IEnumerable<(string Path, JsonNode? Value)> Leaves(JsonObject section, string prefix) => section.SelectMany(member =>
        member.Value is JsonObject { Count: > 0 } inner
            ? Leaves(inner, $"{prefix}{member.Key}.")
            : [($"{prefix}{member.Key}", member.Value)]);

    private static IEnumerable<string> Prefixes(string path)
    {
        for (int dot = path.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = path.IndexOf('.', dot + 1))
        {
            yield return path[..dot];
        }
        yield return path;
    }

    private static string? Twice(JsonNodeAt node, string prefix) => node switch
    {
        JsonObjectAt section => section.Members.GroupBy(member => member.Name).FirstOrDefault(same => same.Count() > 1) is { } same
            ? prefix + same.Key
            : section.Members.Select(member => Twice(member.Value, $"{prefix}{member.Name}.")).FirstOrDefault(found => found is not null),
        JsonArrayAt list => list.Items.Select(item => Twice(item, prefix)).FirstOrDefault(found => found is not null),
        _ => null,
    };
}
