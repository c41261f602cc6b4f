// The clients' user in users.acl.
//
// Sentinels believe what is published on __sentinel__:hello of a data node: whom they monitor, who else is there, which epoch it is.
// So clients may publish anywhere but there, in whatever way: ACL checks PUBLISH by its channel, also in MULTI, scripts and functions.
// An ACL has no "all channels but one"; its complement is spelled out, in a selector that holds for PUBLISH and SPUBLISH alone.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Nodes;

/// <summary>Renders the line "user default".</summary>
internal static class ClientUser
{
    /// <summary>The channel on which Sentinels announce themselves (SENTINEL_HELLO_CHANNEL in sentinel.c).</summary>
    public const string HelloChannel = "__sentinel__:hello";

    private static readonly string[] Publishing = ["publish", "spublish"];

    /// <summary>
    /// The lines, with the version of Redis that each is for. 6.2 has no selectors: clients may not publish at all there, and with
    /// clientCommands there is no line for it, which the apply script refuses.
    /// </summary>
    /// <param name="passwordHashes">The SHA-256 of each password that is valid, with "#" before it.</param>
    /// <param name="clientCommands">The setting.</param>
    /// <exception cref="ArgumentException">A rule is not in the form of an ACL rule.</exception>
    public static string Lines(string passwordHashes, IReadOnlyList<string> clientCommands)
    {
        string[] changes = [.. clientCommands.Select(PayloadRules.CommandRule)];
        string user = $"user default on {passwordHashes} ~* &*";
        string rules = string.Join(' ', ClientCommands.Rules(changes).Concat(Publishing.Select(name => $"-{name}")));
        string of70 = $"@7.0 {user} {rules} ({string.Join(' ', PublishRules(changes))} resetkeys resetchannels {string.Join(' ', AllButHello())})";
        return changes.Length > 0 ? of70 : $"{of70}\n@6.2 {user} {string.Join(' ', ClientCommands.RulesOf62)}";
    }

    /// <summary>The line of a further user, for Redis 7.0 and newer.</summary>
    /// <param name="user">The user.</param>
    /// <param name="passwordHashes">The SHA-256 of each password that is valid, with "#" before it.</param>
    /// <exception cref="ArgumentException">A rule is not in the form of an ACL rule.</exception>
    public static string Line(RedisUser user, string passwordHashes)
    {
        string[] keys = [.. user.Rules.Where(rule => rule[0] is '~' or '%').Select(PayloadRules.Pattern)];
        string[] channels = [.. user.Rules.Where(rule => rule[0] == '&').Select(PayloadRules.Pattern)];
        string[] commands = [.. user.Rules.Where(rule => rule[0] is '+' or '-').Select(PayloadRules.CommandRule)];
        string[] publishing = [.. commands.SelectMany(rule => rule[0] == '-' ? [rule]
            : rule is "+@pubsub" or "+@all" ? Publishing.Select(name => $"+{name}")
            : Publishing.Contains(rule[1..]) ? [rule] : Array.Empty<string>())];
        IEnumerable<string> rules = commands.SelectMany(rule => rule == "+@all" ? ClientCommands.All : [rule]).Prepend("-@all")
            .Concat(ClientCommands.Never.Order(StringComparer.Ordinal).Concat(Publishing).Select(name => $"-{name}"));
        string selector = channels.Length == 0 || !publishing.Any(rule => rule[0] == '+') ? string.Empty
            : $" (-@all {string.Join(' ', publishing)} resetkeys resetchannels "
                + $"{string.Join(' ', channels.SelectMany(channel => channel == "&*" ? AllButHello() : [channel]).Distinct())})";
        return $"@7.0 user {PayloadRules.UserName(user.Name)} on {passwordHashes} resetkeys resetchannels "
            + $"{string.Join(' ', keys.Concat(channels).Concat(rules))}{selector}";
    }

    /// <summary>
    /// The selector's commands: PUBLISH and SPUBLISH, as far as clientCommands leaves them. It takes every rule that takes away, and
    /// of those that give only what concerns these two, so it never allows anything else.
    /// </summary>
    private static IEnumerable<string> PublishRules(string[] changes)
    {
        IEnumerable<string> both = Publishing.Select(name => $"+{name}");
        return changes.SelectMany(rule => rule[0] == '-' ? [rule] : rule is "+@pubsub" ? both : Publishing.Contains(rule[1..]) ? [rule] : Array.Empty<string>())
            .Prepend("+spublish").Prepend("+publish").Prepend("-@all");
    }

    /// <summary>
    /// Patterns that together match every channel but <see cref="HelloChannel"/> and the empty one (which no pattern can name): those
    /// that differ from it at a character, those that end within it, and those that go on after it.
    /// </summary>
    internal static IEnumerable<string> AllButHello()
    {
        for (int length = 0; length < HelloChannel.Length; length++)
        {
            string prefix = HelloChannel[..length];
            yield return $"&{prefix}[^{HelloChannel[length]}]*";
            if (length > 0)
            {
                yield return $"&{prefix}";
            }
        }
        yield return $"&{HelloChannel}?*";
    }
}
