// What the health check of a backend says: whom it asks, with which password, and what it looks for.

using System.Text;

namespace RedisHaProxy.Importing;

/// <summary>What a backend's servers must be to pass their check.</summary>
internal enum CheckedRole
{
    /// <summary>It does not look for a role.</summary>
    Any,

    /// <summary>role:master.</summary>
    Master,

    /// <summary>role:slave.</summary>
    Replica,

    /// <summary>Sentinels that name a certain master.</summary>
    Sentinel,
}

/// <summary>The check of a backend.</summary>
/// <param name="Role">What it looks for.</param>
/// <param name="User">Of AUTH; null for the default user.</param>
/// <param name="Password">Of AUTH; null without one.</param>
/// <param name="Master">The name that Sentinels are asked for; null without such a question.</param>
/// <param name="Lines">Numbers of the lines that it is written in.</param>
internal sealed record RoleCheck(CheckedRole Role, string? User, string? Password, string? Master, IReadOnlyList<int> Lines)
{
    /// <summary>Reads it from the tcp-check lines of <paramref name="backend"/>.</summary>
    /// <exception cref="ImportException">Bytes that are not hexadecimal.</exception>
    public static RoleCheck Of(HaproxySection backend)
    {
        var lines = backend.All("tcp-check").ToList();
        var check = new RoleCheck(CheckedRole.Any, null, null, null, [.. lines.Select(line => line.Number)]);
        foreach (var line in lines)
        {
            check = line.Word(1) switch
            {
                "send" or "send-lf" => Commands(string.Join(' ', line.Words.Skip(2))).Aggregate(check, Sent),
                "send-binary" => Sent(check, Bulk(line)),
                "expect" => Expected(check, line),
                _ => check,
            };
        }

        return check;
    }

    private static IEnumerable<string[]> Commands(string text) =>
        text.Split('\n').Select(command => command.Trim('\r', ' ').Split(' ', StringSplitOptions.RemoveEmptyEntries)).Where(words => words.Length > 0);

    private static RoleCheck Sent(RoleCheck check, string[] command) => command switch
    {
        [var auth, var password] when Is(auth, "AUTH") => check with { Password = Unquoted(password) },
        [var auth, var user, var password] when Is(auth, "AUTH") => check with { User = Unquoted(user), Password = Unquoted(password) },
        [var sentinel, var question, var master, ..] when Is(sentinel, "SENTINEL") && (Is(question, "get-master-addr-by-name") || Is(question, "master")) =>
            check with { Role = CheckedRole.Sentinel, Master = Unquoted(master) },
        _ => check,
    };

    private static RoleCheck Expected(RoleCheck check, HaproxyLine line)
    {
        string looked = string.Join(' ', line.Words.Skip(2));
        return line.Words.Contains("!") || check.Role == CheckedRole.Sentinel ? check
            : looked.Contains("role:master", StringComparison.Ordinal) ? check with { Role = CheckedRole.Master }
            : looked.Contains("role:slave", StringComparison.Ordinal) || looked.Contains("role:replica", StringComparison.Ordinal)
                ? check with { Role = CheckedRole.Replica }
            : check;
    }

    // A command in Redis' protocol: "*2", then the length of each word ("$4") and the word.
    private static string[] Bulk(HaproxyLine line)
    {
        try
        {
            string[] parts = Encoding.UTF8.GetString(Convert.FromHexString(line.Word(2))).Split("\r\n");
            return parts[0].StartsWith('*') ? [.. parts.Skip(2).Where((_, index) => index % 2 == 0)] : parts[0].Split(' ');
        }
        catch (FormatException)
        {
            throw new ImportException(line.Number, "tcp-check send-binary needs hexadecimal digits, such as 50494e470d0a");
        }
    }

    private static bool Is(string word, string name) => string.Equals(word, name, StringComparison.OrdinalIgnoreCase);

    private static string Unquoted(string word) => word is ['"', .., '"'] ? word[1..^1] : word;
}
