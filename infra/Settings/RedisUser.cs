// Users of the clients besides the default one: who may do less, or has a password of its own.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>A user in Redis' ACL.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rules">Rules for keys, channels and commands, in order. Each is as in Redis' ACL; none gives what endangers the cluster.</param>
/// <param name="Passwords">One or two: a second one is valid as well, until all clients have the first.</param>
public sealed partial record RedisUser(string Name, ImmutableArray<string> Rules, ImmutableArray<SecretText> Passwords)
{
    // Each is a line in a file that every node reads at each start.
    private const int MostUsers = 50;
    private const int MostRules = 500;

    private const string Shape = """a list as [{"name":"reports","rules":["~report:*","+@read"],"passwords":["..."]}]""";

    private static readonly JsonSerializerOptions Strict = new() { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    /// <summary>Names of the system's own users, on nodes, Sentinels and proxies.</summary>
    public static ImmutableArray<string> Own { get; } =
        ["admin", "default", "metrics", "operator", "replication", "rp-health", "rp-sentinel", "sentinel", "watch"];

    internal static IReadOnlyList<RedisUser> Read(SettingsReader reader)
    {
        if (reader.Secret(Setting.RedisUsers) is not { } text)
        {
            return [];
        }
        Written[]? written = null;
        try
        {
            written = JsonSerializer.Deserialize<Written[]>(text, Strict);
        }
        catch (JsonException)
        {
            // Said below, without the text, which holds passwords.
        }
        if (written is null || written.Any(user => user is not { Name: not null, Rules: not null, Passwords: not null }
            || user.Rules.Any(rule => rule is null) || user.Passwords.Any(password => password is null)))
        {
            reader.Reject(Setting.RedisUsers, Shape);
            return [];
        }
        string? problem = written.Length > MostUsers ? $"at most {MostUsers} users" : written.Select(ProblemOf).FirstOrDefault(found => found is not null);
        string? twice = written.GroupBy(user => user.Name).FirstOrDefault(same => same.Count() > 1)?.Key;
        problem ??= twice is null ? null : $"each user once; '{twice}' is there twice";
        reader.Require(problem is null, Setting.RedisUsers, problem ?? string.Empty);
        return problem is not null || reader.Failed(Setting.RedisUsers) ? [] : [.. written.Select(Of)];
    }

    private static RedisUser Of(Written user) =>
        new(user.Name!, [.. user.Rules!.Select(rule => rule!)], [.. user.Passwords!.Select(password => new SecretText(password!))]);

    private static string? ProblemOf(Written user) =>
        !NameForm().IsMatch(user.Name!) ? $"names of 1 to 64 letters, digits and . _ - characters; '{user.Name}' is not one"
        : Own.Contains(user.Name!) ? $"none of the system's own users ({string.Join(", ", Own)}); '{user.Name}' is one"
        : user.Passwords!.Length is < 1 or > 2 || user.Passwords.Any(password => !PasswordForm().IsMatch(password!))
            ? $"one or two passwords of 12 to 128 letters, digits and . _ ~ + = - characters for each user; those of '{user.Name}' are not"
        : user.Rules!.Length > MostRules ? $"at most {MostRules} rules for each user"
        : user.Rules.Select(rule => ProblemOfRule(rule!)).FirstOrDefault(found => found is not null) is { } problem ? $"of user '{user.Name}': {problem}"
        : null;

    // A channel pattern that begins with a letter or digit never matches __sentinel__:hello, which Sentinels believe; "&*" is written out
    // without it (Nodes/ClientUser.cs).
    private static string? ProblemOfRule(string rule) =>
        KeyForm().IsMatch(rule) || rule is "&*" || ChannelForm().IsMatch(rule) || rule is "+@all" ? null
        : rule.StartsWith('~') || rule.StartsWith('%') ? $"keys as ~PATTERN, %R~PATTERN or %W~PATTERN without blanks; '{rule}' is not"
        : rule.StartsWith('&') ? $"channels as &*, or &PATTERN that begins with a letter or digit; '{rule}' is not"
        : ClientCommands.ProblemOf(rule);

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex NameForm();

    [GeneratedRegex(@"\A[A-Za-z0-9._~+=-]{12,128}\z")]
    private static partial Regex PasswordForm();

    [GeneratedRegex(@"\A(~|%(R|W|RW)~)[!-~]{1,256}\z")]
    private static partial Regex KeyForm();

    [GeneratedRegex(@"\A&[A-Za-z0-9][!-~]{0,255}\z")]
    private static partial Regex ChannelForm();

    // As the setting has it.
    private sealed record Written(
        [property: JsonPropertyName("name")] string? Name,
        [property: JsonPropertyName("rules")] string?[]? Rules,
        [property: JsonPropertyName("passwords")] string?[]? Passwords);
}
