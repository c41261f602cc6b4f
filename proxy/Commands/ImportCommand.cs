// The verb "import": another proxy's configuration as proxy.json.

using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Configuration;
using RedisHaProxy.Importing;

namespace RedisHaProxy.Commands;

/// <summary>Turns haproxy.cfg into proxy.json, and passwords into files.</summary>
internal static class ImportCommand
{
    // Far above any real file.
    private const int MaxBytes = 1 << 20;

    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "haproxy.cfg." };
        var output = new Option<string?>("--output", "-o") { Description = "Write proxy.json here instead of to standard output.", HelpName = "FILE" };
        var passwords = new Option<string?>("--passwords")
        {
            Description = "Folder for the password files; that of --output by default. Passwords are never printed.",
            HelpName = "FOLDER",
        };
        var frontend = new Option<string[]>("--frontend") { Description = "Take this frontend, where there are several masters.", HelpName = "NAME" };
        var sentinel = new Option<string[]>("--sentinel") { Description = "A Sentinel, once for each: few files name them.", HelpName = "ADDRESS:PORT" };
        var master = new Option<string?>("--master") { Description = "The Sentinels' name for the master.", HelpName = "NAME" };
        var address = new Option<string[]>("--address") { Description = "The address of a host name of the file.", HelpName = "NAME=ADDRESS" };
        var command = new Command("import", "Turn haproxy.cfg into proxy.json. Each line that has no equivalent is named on standard error.")
        {
            file, output, passwords, frontend, sentinel, master, address,
        };
        command.SetAction(async parsed =>
        {
            var invocation = parsed.InvocationConfiguration;
            string path = parsed.GetRequiredValue(file);
            var sentinels = (parsed.GetValue(sentinel) ?? []).Select(text => Checked("--sentinel", text)).ToList();
            var result = Import(path, new ImportOptions(parsed.GetValue(frontend) ?? [], sentinels, parsed.GetValue(master)), parsed.GetValue(address) ?? []);
            foreach (var note in result.Notes)
            {
                await ProxyCommandLine.TellAsync(invocation.Error, Place(path, note.Lines) + note.Text);
            }

            string? target = parsed.GetValue(output);
            string? folder = parsed.GetValue(passwords) ?? (target is null ? null : Path.GetDirectoryName(Path.GetFullPath(target)));
            if (result.Secrets.Count > 0 && folder is null)
            {
                throw new CommandFailedException(ExitCode.Usage, $"{path}: has passwords, and passwords are never printed; name a folder for their files, "
                    + "--passwords FOLDER, or write the configuration to a file, -o proxy.json");
            }

            var secrets = result.Secrets
                .Select(secret => (secret.Key, File: Path.Combine(Path.GetFullPath(folder!), $"{secret.Key.Parent}.password"), secret.Value)).ToList();
            bool beside = target is not null && Path.GetDirectoryName(Path.GetFullPath(target)) == Path.GetFullPath(folder!);
            string json = result.Write(setting => secrets.First(secret => secret.Key == setting).File is var full && beside ? Path.GetFileName(full) : full);
            Save([.. secrets.Select(secret => (secret.File, secret.Value + "\n")), .. target is null ? [] : new[] { (Path.GetFullPath(target), json) }]);
            foreach (var (key, secretFile, _) in secrets)
            {
                await ProxyCommandLine.TellAsync(invocation.Error, $"{path}: the password of {key.Parent} is in {secretFile}, for its owner only");
            }

            if (target is null)
            {
                await invocation.Output.WriteAsync(json);
                return ExitCode.Ok;
            }

            return await ConfigurationFile.ReadAsync(target, invocation.Error) is null ? ExitCode.Failed : ExitCode.Ok;
        });
        return command;
    }

    private static ImportResult Import(string path, ImportOptions options, string[] known)
    {
        var names = new Dictionary<string, IPAddress>(StringComparer.OrdinalIgnoreCase);
        foreach (string text in known)
        {
            string[] parts = text.Split('=', 2);
            names[parts[0]] = parts.Length == 2 && IPAddress.TryParse(parts[1], out var address) ? address
                : throw new CommandFailedException(ExitCode.Usage, $"--address {text}: NAME=ADDRESS is expected, such as redis-announce-0=172.31.235.131");
        }

        try
        {
            var addresses = new HaproxyAddresses(name => names.GetValueOrDefault(name) ?? LookUp(name));
            return HaproxyImport.Run(HaproxyFile.Read(ReadText(path), Environment.GetEnvironmentVariable), options, addresses);
        }
        catch (ImportException e)
        {
            throw new CommandFailedException(ExitCode.Usage, Place(path, e.Line == 0 ? [] : [e.Line]) + e.Message);
        }
    }

    private static string ReadText(string path)
    {
        byte[] bytes = SecretFile.ReadBytes(path, MaxBytes, out _, out string? unreadable) ?? throw new CommandFailedException(ExitCode.Usage, unreadable!);
        if (bytes.Length > MaxBytes)
        {
            throw new CommandFailedException(ExitCode.Usage, $"{path}: is longer than {MaxBytes} bytes; this is not a haproxy.cfg");
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
        }
        catch (ArgumentException)
        {
            throw new CommandFailedException(ExitCode.Usage, $"{path}: is not UTF-8 text; this is not a haproxy.cfg");
        }
    }

    private static IPAddress? LookUp(string name)
    {
        try
        {
            return Dns.GetHostAddresses(name).OrderBy(address => address.AddressFamily != AddressFamily.InterNetwork).FirstOrDefault();
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null;
        }
    }

    private static string Checked(string option, string address) =>
        SocketAddressText.Parse(address, local: false, out string cause)?.ToString()
            ?? throw new CommandFailedException(ExitCode.Usage, $"{option}: \"{address}\" {cause}");

    private static string Place(string path, IReadOnlyList<int> lines) => lines switch
    {
        [] => $"{path}: ",
        [var line] => $"{path}:{line}: ",
        _ => $"{path}:{lines[0]} (and {string.Join(", ", lines.Skip(1))}): ",
    };

    // Nothing that exists is overwritten; a file that cannot be written takes those before it away.
    private static void Save(IReadOnlyList<(string File, string Content)> files)
    {
        var written = new List<string>();
        string name = "";
        try
        {
            foreach (var (file, content) in files)
            {
                name = file;
                using var stream = new FileStream(file, new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                written.Add(file);
                stream.Write(Encoding.UTF8.GetBytes(content));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            written.ForEach(File.Delete);
            throw new CommandFailedException(ExitCode.Failed, File.Exists(name)
                ? $"{name} exists already and is not overwritten; move it away, or name another file or folder. Nothing was written"
                : $"{name} cannot be written: {e.Message}. Nothing was written");
        }
    }
}
