// Configuration files around one key of the table of settings, with the files that the examples name.

using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using RedisHaProxy.Configuration;
using RedisHaProxy.Tests.Tls;

namespace RedisHaProxy.Tests.Configuration;

/// <summary>A folder with certificates and passwords in it, for files that are made of the settings' examples.</summary>
internal sealed class SettingFiles : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SettingFiles()
    {
        var authority = new TestAuthority();
        using var certificate = authority.Issue("proxy", forClient: null);
        _folder.Write("proxy.crt", certificate.ExportCertificatePem());
        _folder.Write("proxy.key", certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        _folder.Write("clients-ca.crt", authority.Pem);
        _folder.Write("redis-ca.crt", authority.Pem);
        _folder.Write("redis.password", "a");
        _folder.Write("sentinel.password", "b");
        _folder.Write("admin.password", "c");
        _folder.Write("metrics.password", "d");
    }

    public string Folder => _folder.Path;

    public void Dispose() => _folder.Dispose();

    public static Setting Key(string path) => Setting.All.Single(key => key.Path == path);

    public ConfigurationReading Read(JsonObject file) => ConfigurationReader.Read(_folder.Write("proxy.json", file.ToJsonString()));

    /// <summary>The examples of all keys.</summary>
    public static JsonObject Examples()
    {
        var file = new JsonObject();
        foreach (var key in Setting.All.Where(key => key.Kind != SettingKind.Section))
        {
            Section(file, key.Path)[key.Name] = JsonNode.Parse(key.Example);
        }

        return file;
    }

    /// <summary>What must be there, the section of the key, and those around it: certificates are read only where they are meant.</summary>
    public static JsonObject Around(string path)
    {
        var file = new JsonObject();
        foreach (var key in Setting.All.Where(key => key.Kind != SettingKind.Section))
        {
            if (key == Setting.Listen || key == Setting.RedisNodes || key.Parent == Key(path).Parent
                || (key.Parent.Length > 0 && path.StartsWith(key.Parent + ".", StringComparison.Ordinal))
                // Its clients over TLS get the certificate of the other section.
                || (key.Parent == Setting.Tls.Path && path.StartsWith(Setting.ReadOnly.Path + ".", StringComparison.Ordinal)))
            {
                Section(file, key.Path)[key.Name] = JsonNode.Parse(key.Example);
            }
        }

        return file;
    }

    /// <summary>The same with another value of the key, or without it ("absent").</summary>
    public static JsonObject With(string path, string value)
    {
        var file = Around(path);
        var section = Section(file, path);
        if (value == "absent")
        {
            section.Remove(Key(path).Name);
        }
        else
        {
            section[Key(path).Name] = JsonNode.Parse(value);
        }

        return file;
    }

    private static JsonObject Section(JsonObject file, string path)
    {
        var section = file;
        foreach (string name in path.Split('.')[..^1])
        {
            section[name] ??= new JsonObject();
            section = section[name]!.AsObject();
        }

        return section;
    }
}
