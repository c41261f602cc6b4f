// The keys that open the machines: those of the people who may log in, and the program's own.

using System.Text;

namespace RedisHaInfra.Settings;

/// <summary>The SSH keys.</summary>
public sealed record SshSettings
{
    /// <summary>Public keys in authorized_keys form, one a line, the program's own among them: exactly these open the machines.</summary>
    public required string PublicKey { get; init; }

    /// <summary>The private key of one of them, without passphrase.</summary>
    public required SecretText PrivateKey { get; init; }

    private static readonly string[] KeyTypes = ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"];

    internal static SshSettings Read(SettingsReader reader)
    {
        string[] lines = (reader.Text(Setting.SshPublicKey) ?? string.Empty)
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var publicBlobs = lines.Select(PublicBlob).ToList();
        reader.Require(publicBlobs.Count > 0 && !publicBlobs.Contains(null), Setting.SshPublicKey,
            $"OpenSSH public keys, one a line: TYPE BASE64 COMMENT, the type being one of {string.Join(", ", KeyTypes)}");
        return new SshSettings { PublicKey = string.Join('\n', lines.Distinct()), PrivateKey = new SecretText(ReadPrivateKey(reader, publicBlobs)) };
    }

    private static string ReadPrivateKey(SettingsReader reader, List<byte[]?> publicBlobs)
    {
        string? key = reader.Secret(Setting.SshPrivateKey);
        string? path = reader.Text(Setting.SshPrivateKeyPath);
        Setting setting = path is null ? Setting.SshPrivateKey : Setting.SshPrivateKeyPath;
        if (key is null == path is null)
        {
            const string rule = "exactly one of sshPrivateKey (encrypted) and sshPrivateKeyPath: the key by which the program reaches the machines";
            reader.Reject(Setting.SshPrivateKey, rule, key is null ? null : string.Empty);
            return string.Empty;
        }
        if (path is not null)
        {
            string file = path.StartsWith("~/", StringComparison.Ordinal)
                ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), path[2..])
                : path;
            try
            {
                key = File.ReadAllText(file);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                reader.Reject(setting, $"a file that can be read: {error.Message}");
                return string.Empty;
            }
        }
        if (!key!.Contains("-----BEGIN ", StringComparison.Ordinal) || !key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            reader.Reject(setting, "a private key in PEM or OpenSSH form");
        }
        else if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            reader.Reject(setting, "a key without passphrase, because nobody can be asked for it");
        }
        else if (OpenSshBody(key) is { } body)
        {
            // openssh/PROTOCOL.key: magic, cipher, KDF, its options, the number of keys, the public key, the encrypted part.
            var reading = new OpenSsh.Reader(body);
            bool plain = Encoding.ASCII.GetString(reading.Next()) == "none";
            reading.Next();
            reading.Next();
            reading.Skip(4);
            byte[] publicBlob = reading.Next();
            reader.Require(plain, setting, "a key without passphrase, because nobody can be asked for it");
            RequireListed(reader, setting, publicBlobs, publicBlob);
        }
        else if (OpenSsh.PublicBlobOfPem(key) is { } publicBlob)
        {
            RequireListed(reader, setting, publicBlobs, publicBlob);
        }
        else
        {
            reader.Reject(setting, "a private key that can be read: OpenSSH's form, or RSA or ECDSA in PEM; ssh-keygen -p -N '' -f FILE converts a file to "
                + "OpenSSH's form");
        }
        // The last line of a key must end, or some readers refuse it; configuration loses it easily.
        return key.Trim().ReplaceLineEndings("\n") + "\n";
    }

    // A key that is not in the list would lock the program out of its own machines at the end of the run.
    private static void RequireListed(SettingsReader reader, Setting setting, List<byte[]?> publicBlobs, byte[] publicBlob) =>
        reader.Require(publicBlobs.Any(blob => blob is not null && blob.AsSpan().SequenceEqual(publicBlob)), setting,
            "the private half of one of the keys in sshPublicKey; it belongs to another. To change the program's key: add the new public key beside the "
            + "old one and run pulumi up; then set the new private key and run it; then take the old public key out", Setting.SshPublicKey);

    private static byte[]? PublicBlob(string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2 || !KeyTypes.Contains(words[0]) || line.Any(char.IsControl))
        {
            return null;
        }
        byte[] buffer = new byte[words[1].Length];
        if (!Convert.TryFromBase64String(words[1], buffer, out int length))
        {
            return null;
        }
        byte[] blob = buffer[..length];
        return Encoding.ASCII.GetString(new OpenSsh.Reader(blob).Next()) == words[0] ? blob : null;
    }

    private static byte[]? OpenSshBody(string pem)
    {
        const string begin = "-----BEGIN OPENSSH PRIVATE KEY-----";
        const string end = "-----END OPENSSH PRIVATE KEY-----";
        int from = pem.IndexOf(begin, StringComparison.Ordinal);
        int to = pem.IndexOf(end, StringComparison.Ordinal);
        if (from < 0 || to < from)
        {
            return null;
        }
        string base64 = string.Concat(pem[(from + begin.Length)..to].Where(c => !char.IsWhiteSpace(c)));
        byte[] buffer = new byte[base64.Length];
        return Convert.TryFromBase64String(base64, buffer, out int length) && buffer.AsSpan(0, length).StartsWith(OpenSsh.Magic)
            ? buffer[OpenSsh.Magic.Length..length]
            : null;
    }
}
