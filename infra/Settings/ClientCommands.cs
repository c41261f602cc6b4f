// What the clients' user may do: one table of rules, and how the setting clientCommands widens or narrows it.
//
// docs/security.md lists every command with its answer; a test asks real servers (ACL DRYRUN) and compares.

using System.Collections.Frozen;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>The clients' rights as ACL rules (Redis documentation, "ACL").</summary>
internal static partial class ClientCommands
{
    /// <summary>
    /// Where it starts: everything but what Redis itself calls administration or dangerous, so that a command of a newer version that
    /// belongs there is refused before anybody has judged it.
    /// </summary>
    private static readonly string[] Base = ["+@all", "-@admin", "-@dangerous"];

    /// <summary>What applications, libraries and monitoring need of those two categories.</summary>
    private static readonly string[] GivenBack =
    [
        "client|list", "client|unblock", "flushall", "flushdb", "info", "keys", "lastsave", "latency|doctor", "latency|graph", "latency|histogram",
        "latency|history", "latency|latest", "restore", "role", "slowlog|get", "slowlog|len", "sort", "sort_ro", "swapdb",
    ];

    /// <summary>What no application needs of the rest: it stops or slows the commands of others. clientCommands may give it back.</summary>
    private static readonly string[] TakenAway = ["function|kill", "memory|purge", "script|kill"];

    /// <summary>
    /// What clientCommands cannot give back: it changes who is master, opens the data directory or other accounts, or stops the
    /// master and the probes that watch it. PUBLISH has a rule of its own (Nodes/ClientUser.cs).
    /// </summary>
    public static FrozenSet<string> Never { get; } = FrozenSet.ToFrozenSet(
    [
        "acl|deluser", "acl|dryrun", "acl|getuser", "acl|list", "acl|load", "acl|log", "acl|save", "acl|setuser", "acl|users", "bgrewriteaof",
        "bgsave", "client|no-evict", "client|pause", "client|unpause", "cluster|addslots", "cluster|addslotsrange", "cluster|bumpepoch",
        "cluster|delslots", "cluster|delslotsrange", "cluster|failover", "cluster|flushslots", "cluster|forget", "cluster|meet",
        "cluster|replicate", "cluster|reset", "cluster|saveconfig", "cluster|set-config-epoch", "cluster|setslot", "config|get",
        "config|resetstat", "config|rewrite", "config|set", "debug", "failover", "migrate", "module|list", "module|load", "module|loadex",
        "module|unload", "pfdebug", "pfselftest", "psync", "replconf", "replicaof", "restore-asking", "save", "script|debug", "shutdown",
        "slaveof", "sync",
    ], StringComparer.Ordinal);

    /// <summary>Categories of which every part may be given back, apart from <see cref="Never"/> (Redis documentation, "ACL", command categories).</summary>
    private static readonly FrozenSet<string> Categories = FrozenSet.ToFrozenSet(
    [
        "bitmap", "blocking", "connection", "geo", "hash", "hyperloglog", "keyspace", "list", "pubsub", "read", "scripting", "set", "sortedset",
        "stream", "string", "transaction", "write",
    ], StringComparer.Ordinal);

    private static readonly FrozenSet<string> WideCategories = FrozenSet.ToFrozenSet(["admin", "all", "dangerous", "fast", "slow"], StringComparer.Ordinal);

    // The program's own checks and every library's first words. AUTH, HELLO, QUIT and RESET need no right (server.c, CMD_NO_AUTH).
    private static readonly FrozenSet<string> Needed = FrozenSet.ToFrozenSet(["auth", "del", "hello", "ping", "role"], StringComparer.Ordinal);

    /// <summary>The rules in order, for Redis 7.0 and newer. PUBLISH is not among them.</summary>
    /// <param name="changes">clientCommands.</param>
    public static IEnumerable<string> Rules(IEnumerable<string> changes) =>
    [
        .. Base, .. GivenBack.Select(name => $"+{name}"), .. TakenAway.Select(name => $"-{name}"), .. changes,
        .. Never.Order(StringComparer.Ordinal).Select(name => $"-{name}"),
    ];

    /// <summary>What "+@all" of a user of the clients stands for: what the clients' own user may, before clientCommands.</summary>
    public static IEnumerable<string> All { get; } = [.. Base, .. GivenBack.Select(name => $"+{name}"), .. TakenAway.Select(name => $"-{name}")];

    /// <summary>
    /// The rules for Redis 6.2, which cannot take a subcommand away from a command, only give some of a refused one. Without
    /// clientCommands, which would need that.
    /// </summary>
    public static IEnumerable<string> RulesOf62 { get; } =
    [
        .. Base, "-client", "-cluster", "-memory", "-publish", "-script",
        "+acl|cat", "+acl|genpass", "+acl|help", "+acl|whoami", "+client|caching", "+client|getname", "+client|getredir", "+client|help",
        "+client|id", "+client|info", "+client|list", "+client|reply", "+client|setname", "+client|tracking", "+client|trackinginfo", "+client|unblock",
        "+cluster|info", "+cluster|keyslot", "+cluster|myid", "+cluster|nodes", "+cluster|slots", "+flushall", "+flushdb", "+info", "+keys", "+lastsave",
        "+latency|doctor", "+latency|graph", "+latency|help", "+latency|history", "+latency|latest", "+memory|doctor", "+memory|help",
        "+memory|malloc-stats", "+memory|stats", "+memory|usage", "+restore", "+role", "+script|exists", "+script|flush", "+script|help", "+script|load",
        "+slowlog|get", "+slowlog|help", "+slowlog|len", "+sort", "+swapdb",
    ];

    /// <summary>Reads clientCommands.</summary>
    public static IReadOnlyList<string> Read(SettingsReader reader)
    {
        IReadOnlyList<string> rules = reader.List(Setting.ClientCommands);
        foreach (string rule in rules)
        {
            string? problem = ProblemOf(rule);
            reader.Require(problem is null, Setting.ClientCommands, problem ?? string.Empty);
        }
        return rules;
    }

    /// <summary>Why a rule cannot be taken; null when it can.</summary>
    internal static string? ProblemOf(string rule)
    {
        Match form = RuleForm().Match(rule);
        if (!form.Success)
        {
            return $"rules of an ACL for commands: + or -, then a command, command|subcommand or @category in lower case; '{rule}' is not one";
        }
        bool gives = form.Groups["sign"].Value == "+";
        string name = form.Groups["name"].Value;
        if (form.Groups["category"].Success)
        {
            return Categories.Contains(name) ? null
                : !WideCategories.Contains(name) ? $"a category of commands that Redis 7.0 knows; '{rule}' does not name one"
                : gives ? $"'{rule}' cannot be given to clients: it holds what endangers the cluster; name the commands (docs/security.md)"
                : null;
        }
        if (!RedisCommands.Of70.Contains(name))
        {
            return $"a command or subcommand that Redis 7.0 knows; '{rule}' does not name one";
        }
        if (!gives)
        {
            return Needed.Contains(name) ? $"'{rule}' cannot be taken from clients: libraries and the program's own check of the cluster need it" : null;
        }
        return Never.Contains(name) ? $"'{rule}' cannot be given to clients: it endangers the cluster (docs/security.md)"
            : Never.Any(never => never.StartsWith($"{name}|", StringComparison.Ordinal))
                ? $"'{rule}' cannot be given to clients as a whole: name its subcommands (+client|kill)"
            : null;
    }

    [GeneratedRegex(@"\A(?<sign>[+-])(?<category>@)?(?<name>[a-z][a-z_]*(-[a-z]+)*(\|[a-z-]+)?)\z", RegexOptions.ExplicitCapture)]
    private static partial Regex RuleForm();
}
