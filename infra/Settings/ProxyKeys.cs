// Keys of proxy.json that have a setting of the stack each: name for name, with the proxy's own defaults and rules.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;

namespace RedisHaInfra.Settings;

/// <summary>Reads these settings.</summary>
internal static class ProxyKeys
{
    /// <summary>The keys and their settings.</summary>
    public static ImmutableArray<(string Path, Setting Setting)> All { get; } =
    [
        ("timeouts.connect", Setting.ProxyConnectTimeout),
        ("timeouts.park", Setting.ProxyParkTimeout),
        ("timeouts.idle", Setting.ProxyIdleTimeout),
        ("limits.perSource", Setting.ProxyMaxConnectionsPerSource),
        ("limits.parked", Setting.ProxyMaxParked),
        ("log.level", Setting.ProxyLogLevel),
        ("log.format", Setting.ProxyLogFormat),
        ("log.sessions", Setting.ProxyLogSessions),
    ];

    /// <summary>
    /// What they say, as proxy.json has it: those only that are not the default, so that the file says nothing that the proxy does by itself.
    /// Durations are judged with the whole file.
    /// </summary>
    public static string Read(SettingsReader reader)
    {
        var json = new JsonObject();
        foreach ((string path, Setting setting) in All)
        {
            (string text, JsonNode? value) = Value(reader, setting);
            if (text != Convert.ToString(setting.Default, CultureInfo.InvariantCulture))
            {
                string[] names = path.Split('.');
                json[names[0]] ??= new JsonObject();
                json[names[0]]![names[1]] = value;
            }
        }
        return json.Count == 0 ? string.Empty : json.ToJsonString();
    }

    private static (string Text, JsonNode? Value) Value(SettingsReader reader, Setting setting)
    {
        switch (setting)
        {
            case NumberSetting number:
                int count = reader.Integer(number);
                return (count.ToString(CultureInfo.InvariantCulture), count);
            case ChoiceSetting choice:
                string word = reader.Choice(choice);
                return (word, choice.Choices is ["yes", "no"] ? JsonValue.Create(word == "yes") : JsonValue.Create(word));
            default:
                string text = reader.Text(setting)!;
                return (text, text);
        }
    }
}
