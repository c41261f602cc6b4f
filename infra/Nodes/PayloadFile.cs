// One file of a payload, and how a list of them becomes one self-contained shell script.

using System.Security.Cryptography;
using System.Text;

namespace RedisHaInfra.Nodes;

/// <summary>A file that the apply script finds beside itself on the node.</summary>
/// <param name="Name">File name, without a directory.</param>
/// <param name="Content">Text; ends with a line feed.</param>
internal sealed record PayloadFile(string Name, string Content)
{
    /// <summary>
    /// Whether the file is part of the user data, which whoever may `read instances` reads over the API, and every process that the
    /// metadata service answers. A file with a password, its hash or a pre-authenticated address is not: the rollout brings it by SSH.
    /// Nor is one that is of no use before: user data is small.
    /// </summary>
    public bool IsInUserData { get; init; } = true;

    // A line that no file contains; the shell ends the text there.
    private const string EndOfFile = "REDIS_HA_END_OF_FILE";

    /// <summary>An embedded file without placeholders. Of a script's comments only the first line stays: user data is limited.</summary>
    public static PayloadFile Embedded(string path)
    {
        string text = Template.Read(path);
        return new(path[(path.LastIndexOf('/') + 1)..], path.EndsWith(".sh", StringComparison.Ordinal) ? WithoutComments(text) : text);
    }

    /// <summary>An embedded file with placeholders.</summary>
    public static PayloadFile Rendered(string path, params (string Name, string Value)[] values) =>
        new(path[(path.LastIndexOf('/') + 1)..], Template.Render(path, values));

    /// <summary>An embedded file that the first boot does without.</summary>
    public static PayloadFile Later(string path) => Embedded(path) with { IsInUserData = false };

    /// <summary>A file that must not be in the user data.</summary>
    public static PayloadFile Secret(string name, string content) => new(name, content) { IsInUserData = false };

    // Lines that are comments and nothing else. What the linter is told stays, since the rendered payload is checked as well.
    private static string WithoutComments(string script)
    {
        bool first = true;
        var kept = new StringBuilder();
        foreach (string line in script.TrimEnd('\n').Split('\n'))
        {
            string text = line.TrimStart();
            bool comment = text.StartsWith('#') && !text.StartsWith("#!", StringComparison.Ordinal)
                && !text.StartsWith("# shellcheck ", StringComparison.Ordinal);
            if (!comment || first)
            {
                kept.Append(line).Append('\n');
            }
            first &= !comment;
        }
        return kept.ToString();
    }

    /// <summary>Identifies the payload's content: 16 hexadecimal digits.</summary>
    public static string Identify(IEnumerable<PayloadFile> files)
    {
        var all = new StringBuilder();
        foreach (PayloadFile file in files)
        {
            all.Append(file.Name).Append('\n').Append(file.Content.Length).Append('\n').Append(file.Content);
        }
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all.ToString())))[..16];
    }

    /// <summary>Shell text that writes the files into the directory <c>$payload</c>.</summary>
    /// <exception cref="ArgumentException">A file's content would end its own text early, or lacks its last line feed.</exception>
    public static string Unpack(IEnumerable<PayloadFile> files)
    {
        var text = new StringBuilder();
        foreach (PayloadFile file in files)
        {
            if (file.Content.Contains(EndOfFile, StringComparison.Ordinal) || !file.Content.EndsWith('\n')
                || file.Content.Contains('\0', StringComparison.Ordinal))
            {
                throw new ArgumentException($"The payload file \"{file.Name}\" cannot be carried in a shell script: it must end with a line feed and hold "
                    + $"neither a NUL nor the text {EndOfFile}.", nameof(files));
            }
            text.Append("  cat >\"$payload/").Append(file.Name).Append("\" <<'").Append(EndOfFile).Append("'\n")
                .Append(file.Content).Append(EndOfFile).Append('\n');
            if (file.Name.EndsWith(".sh", StringComparison.Ordinal))
            {
                text.Append("  chmod 700 \"$payload/").Append(file.Name).Append("\"\n");
            }
        }
        return text.ToString().TrimEnd('\n');
    }
}
