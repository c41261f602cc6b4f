// Certificates and keys that somebody gives, as text in PEM.

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RedisHaInfra.Settings;

/// <summary>Reads and checks them.</summary>
internal static class CertificateSettings
{
    // Larger files are mistakes, and every machine gets them in a command.
    private const int MostCharacters = 65_536;

    /// <summary>A certificate with its key; both null where none is given or something is wrong, which is noted.</summary>
    /// <param name="reader">Reads the settings.</param>
    /// <param name="certificateSetting">The certificate.</param>
    /// <param name="keySetting">Its key.</param>
    /// <param name="rule">What the certificate must be.</param>
    public static (string Certificate, SecretText Key)? Pair(SettingsReader reader, Setting certificateSetting, Setting keySetting, string rule)
    {
        string? certificate = Pem(reader, certificateSetting, rule);
        string? key = reader.Secret(keySetting);
        reader.Require((reader.Text(certificateSetting) is null) == (key is null), key is null ? keySetting : certificateSetting,
            $"{certificateSetting.Key} and {keySetting.Key}, both or none", certificateSetting, keySetting);
        if (certificate is null || key is null || reader.Failed(keySetting))
        {
            return null;
        }
        CheckKey(reader, keySetting, certificateSetting, certificate, key);
        return (certificate, new SecretText(Lines(key)));
    }

    /// <summary>Notes settings that are given although what they are for is off.</summary>
    /// <param name="reader">Reads the settings.</param>
    /// <param name="isOn">Whether it is on.</param>
    /// <param name="rule">When they can be used.</param>
    /// <param name="switchSetting">What turns it on.</param>
    /// <param name="settings">The settings.</param>
    public static void OnlyWhenOn(SettingsReader reader, bool isOn, string rule, Setting switchSetting, params ReadOnlySpan<Setting> settings)
    {
        foreach (Setting setting in settings)
        {
            reader.RequireOr(string.Empty, isOn || reader.Text(setting) is null, setting, rule, switchSetting);
        }
    }

    /// <summary>Notes a key that is not that of the certificate.</summary>
    public static void CheckKey(SettingsReader reader, Setting setting, Setting certificateSetting, string certificate, string key)
    {
        bool fits = false;
        try
        {
            using var own = X509Certificate2.CreateFromPem(certificate, key);
            fits = true;
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            // Said below, without a word of the key.
        }
        reader.Require(fits, setting,
            $"the private key of the first certificate in {certificateSetting.Key}, RSA or ECDSA, in PEM and without passphrase");
    }

    /// <summary>One certificate or more, and nothing that a file in a shell script could not hold; null when there is none or it is bad.</summary>
    public static string? Pem(SettingsReader reader, Setting setting, string rule)
    {
        if (reader.Text(setting) is not { } text)
        {
            return null;
        }
        var certificates = new X509Certificate2Collection();
        try
        {
            if (text.Length <= MostCharacters && text.All(c => c is '\n' or '\r' or >= ' ' and <= '~'))
            {
                certificates.ImportFromPem(text);
            }
        }
        catch (CryptographicException)
        {
            certificates.Clear();
        }
        reader.Require(certificates.Count > 0 && !text.Contains("PRIVATE KEY", StringComparison.Ordinal), setting, rule);
        return reader.Failed(setting) ? null : string.Concat(certificates.Select(one => one.ExportCertificatePem() + "\n"));
    }

    /// <summary>Text of a file: its lines end as on the machines.</summary>
    public static string Lines(string text) => text.Trim().ReplaceLineEndings("\n") + "\n";
}
