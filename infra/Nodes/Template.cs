// The files that run on the nodes, embedded in the assembly, and the one way to fill in their placeholders.

using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>A file of Nodes/Files with placeholders written <c>{{name}}</c>. Those of the ports are known in every file.</summary>
internal static partial class Template
{
    private static readonly (string Placeholder, int Port)[] KnownPorts =
        [("{{redis-port}}", Ports.Redis), ("{{sentinel-port}}", Ports.Sentinel), ("{{admin-port}}", Ports.Admin)];

    /// <summary>The embedded file, with the ports filled in and nothing else.</summary>
    /// <param name="path">Path below Nodes/Files, such as redis/apply.sh.</param>
    /// <exception cref="InvalidOperationException">There is no such file, or it has carriage returns.</exception>
    public static string Read(string path)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(path)
            ?? throw new InvalidOperationException($"Nodes/Files has no file \"{path}\".");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        string text = reader.ReadToEnd();
        if (text.Contains('\r', StringComparison.Ordinal))
        {
            throw new InvalidOperationException(
                $"Nodes/Files/{path} has carriage returns, which shells and systemd do not take; check it out with LF line ends.");
        }

        foreach ((string placeholder, int port) in KnownPorts)
        {
            text = text.Replace(placeholder, port.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        }
        return text;
    }

    /// <summary>The embedded file with every placeholder filled in.</summary>
    /// <exception cref="InvalidOperationException">A placeholder is malformed or has no value, or a value is not used.</exception>
    public static string Render(string path, params (string Name, string Value)[] values)
    {
        Dictionary<string, string> remaining = values.ToDictionary(value => value.Name, value => value.Value, StringComparer.Ordinal);
        Dictionary<string, string> known = new(remaining, StringComparer.Ordinal);
        string template = Read(path);

        // Judged on the template, not on the result: a value may hold braces of its own.
        string withoutPlaceholders = Placeholder().Replace(template, string.Empty);
        if (withoutPlaceholders.Contains("{{", StringComparison.Ordinal) || withoutPlaceholders.Contains("}}", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"Nodes/Files/{path} has a malformed placeholder; they are written {{{{lower-case-name}}}}.");
        }

        string text = Placeholder().Replace(template, match =>
        {
            string name = match.Groups[1].Value;
            remaining.Remove(name);
            return known.TryGetValue(name, out string? value)
                ? value
                : throw new InvalidOperationException($"Nodes/Files/{path} has the placeholder \"{name}\", for which there is no value.");
        });
        return remaining.Count == 0
            ? text
            : throw new InvalidOperationException($"Nodes/Files/{path} has no placeholder for \"{string.Join("\", \"", remaining.Keys)}\".");
    }

    [GeneratedRegex(@"\{\{([a-z][a-z0-9-]*)\}\}")]
    private static partial Regex Placeholder();
}
