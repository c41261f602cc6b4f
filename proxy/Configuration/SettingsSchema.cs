// JSON Schema of proxy.json (draft 2020-12), for editors and for programs that write the file. It follows from the table of settings; rules
// about several keys together, and about files, are the reader's alone.

using System.Text.Json.Nodes;

namespace RedisHaProxy.Configuration;

/// <summary>Makes the schema.</summary>
internal static class SettingsSchema
{
    /// <summary>The key of a file that names its schema: everything may stand there, the proxy does not read it.</summary>
    public const string Keyword = "$schema";

    private const string Draft = "https://json-schema.org/draft/2020-12/schema";

    // What an address looks like; the reader knows which ones can be used.
    private const string AddressPattern = @"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$";

    /// <summary>The whole schema.</summary>
    public static JsonObject Create()
    {
        var root = Section("");
        root.Insert(0, Keyword, Draft);
        root.Insert(1, "title", "Configuration of redis-ha-proxy");
        root["properties"]!.AsObject().Insert(0, Keyword, new JsonObject { ["type"] = "string", ["description"] = "This schema, for editors." });
        root["anyOf"] = new JsonArray(
            new JsonObject
            {
                ["required"] = new JsonArray(Setting.Listen.Name),
                ["properties"] = new JsonObject { [Setting.Listen.Name] = new JsonObject { ["minItems"] = 1 } },
            },
            new JsonObject { ["required"] = new JsonArray(Setting.Tls.Name) });
        return root;
    }

    private static JsonObject Section(string path)
    {
        var properties = new JsonObject();
        foreach (var setting in Setting.All.Where(setting => setting.Parent == path))
        {
            properties[setting.Name] = Property(setting);
        }

        var required = Setting.All.Where(setting => setting.Parent == path && IsRequired(setting)).Select(setting => (JsonNode?)setting.Name).ToArray();
        var section = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Length > 0)
        {
            section["required"] = new JsonArray(required);
        }

        if (path == Setting.ReadOnly.Path)
        {
            section["anyOf"] = new JsonArray(
                new JsonObject { ["required"] = new JsonArray(Setting.ReadOnlyListen.Name) },
                new JsonObject { ["required"] = new JsonArray(Setting.ReadOnlyTlsListen.Name) });
        }

        return section;
    }

    // A list of addresses without TLS is required only where the one with TLS does not stand for it.
    private static bool IsRequired(Setting setting) =>
        setting.Range.StartsWith("required", StringComparison.Ordinal)
        || (setting != Setting.Listen && setting != Setting.ReadOnlyListen && setting.Range.StartsWith("at least one", StringComparison.Ordinal));

    private static JsonObject Property(Setting setting)
    {
        var property = setting.Kind switch
        {
            SettingKind.Section => Section(setting.Path),
            SettingKind.NamedAddresses => new JsonObject
            {
                ["type"] = "object",
                ["minProperties"] = 1,
                ["propertyNames"] = new JsonObject { ["pattern"] = "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$" },
                ["additionalProperties"] = Text(AddressPattern),
            },
            SettingKind.Addresses => List(AddressPattern, setting),
            SettingKind.Networks => List("^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$", setting),
            SettingKind.Address => Text(AddressPattern),
            SettingKind.Text when setting == Setting.LimitsRefusal => Text("^[A-Z]+( [ -~]*)?$"),
            SettingKind.Text => Text(setting == Setting.AdminUser || setting == Setting.AdminMetricsUser ? @"^[^\s:]+$" : @"^\S+$"),
            SettingKind.Path => new JsonObject { ["type"] = "string", ["minLength"] = 1 },
            SettingKind.Duration => Text("^[0-9]{1,9}(ms|s|m|h)$"),
            SettingKind.Integer when setting is IntegerSetting number =>
                new JsonObject { ["type"] = "integer", ["minimum"] = number.Least, ["maximum"] = number.Greatest },
            SettingKind.Boolean => new JsonObject { ["type"] = "boolean" },
            SettingKind.Word => new JsonObject { ["enum"] = new JsonArray([.. setting.Range.Split(", ").Select(word => (JsonNode?)word)]) },
            _ => throw new InvalidOperationException($"{setting.Path} has a kind without a schema"),
        };
        if (setting.Kind != SettingKind.Section)
        {
            property["description"] = $"{setting.Range}; {(setting.Live ? "a reload applies a change" : "a change needs a restart")}.";
            property["examples"] = new JsonArray(JsonNode.Parse(setting.Example));
            if (setting.Default.Length > 0)
            {
                property["default"] = setting is IntegerSetting or BooleanSetting ? JsonNode.Parse(setting.Default) : setting.Default;
            }
        }

        return property;
    }

    private static JsonObject Text(string pattern) => new() { ["type"] = "string", ["pattern"] = pattern };

    private static JsonObject List(string pattern, Setting setting)
    {
        var list = new JsonObject { ["type"] = "array", ["items"] = Text(pattern), ["uniqueItems"] = true };
        if (setting != Setting.Listen)
        {
            list["minItems"] = 1;
        }

        return list;
    }
}
