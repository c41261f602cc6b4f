// What clients may do, asked of real servers, against the table of docs/security.md.

using System.Globalization;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed partial class ClientRightsTests
{
    private const string Hello = ClientUser.HelloChannel;

    // Not on every server that is tested.
    private static readonly string[] Newer = [.. RedisCommands.AddedBy72, .. RedisCommands.AddedBy80, .. RedisCommands.AddedByValkey];

    public static TheoryData<string> Servers => [.. RedisServer.Programs];

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task Every_command_is_answered_as_the_table_says(string program)
    {
        SkipWithout(program);
        await using RedisServer server = await RedisServer.StartAsync(program, PayloadInputs.Redis());
        Skip.If(server.Version < 700, "Redis 6.2 has no ACL DRYRUN");
        (string Name, int Arity)[] commands = await CommandsOf(server);
        Assert.True(commands.Length > 300);

        // Known to the settings, by version.
        HashSet<string> known = [.. server.Known];
        string[] containers = [.. commands.Select(command => command.Name.Split('|')).Where(parts => parts.Length == 2).Select(parts => parts[0]).Distinct()];
        Assert.Equal(known.Except(containers).Order(StringComparer.Ordinal), commands.Select(command => command.Name).Order(StringComparer.Ordinal));

        // Allowed or refused, as documented.
        string[] answers = await server.OperatorLinesAsync(commands.Select(DryRun));
        Assert.Equal(commands.Length, answers.Length);
        var asked = commands.Zip(answers).ToDictionary(pair => pair.First.Name, pair => pair.Second == "OK");
        Assert.All(answers, answer => Assert.True(answer == "OK" || answer.StartsWith("This user has no permissions to run", StringComparison.Ordinal)
            || answer.StartsWith("User default has no permissions to run", StringComparison.Ordinal), answer));
        Dictionary<string, string> documented = Documented();
        Assert.Empty(asked.Keys.Except(documented.Keys));
        Assert.Empty(documented.Keys.Except(asked.Keys).Except(Newer));
        Assert.Equal([], asked.Where(pair => pair.Value != documented[pair.Key].StartsWith("yes", StringComparison.Ordinal)).Select(pair => pair.Key));
        Assert.Equal(documented.Where(pair => pair.Value == "never").Select(pair => pair.Key).Order(StringComparer.Ordinal),
            ClientCommands.Never.Order(StringComparer.Ordinal));
    }

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task Nothing_that_clientCommands_accepts_gives_back_what_is_never_given(string program)
    {
        SkipWithout(program);
        // All that widens, at once: every category and every command that the settings accept.
        string[] widest = [.. RedisCommands.Of70.Select(name => $"+{name}").Concat(CategoriesOf70().Select(name => $"+@{name}")).Where(Accepted)];
        Assert.Contains("+client|kill", widest);
        Assert.Contains("+@scripting", widest);
        await using RedisServer server = await RedisServer.StartAsync(program, Inputs(widest));
        Skip.If(server.Version < 700, "Redis 6.2 cannot have clientCommands");
        (string Name, int Arity)[] commands = await CommandsOf(server);
        string[] answers = await server.OperatorLinesAsync(commands.Select(DryRun));

        // clientCommands knows none of the newer ones.
        Assert.Equal(ClientCommands.Never.Order(StringComparer.Ordinal),
            commands.Zip(answers).Where(pair => pair.Second != "OK").Select(pair => pair.First.Name).Except(Newer).Order(StringComparer.Ordinal));
        await HelloIsClosed(server);
    }

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task Nobody_publishes_where_Sentinels_listen_and_everywhere_else_everybody_may(string program)
    {
        SkipWithout(program);
        await using RedisServer server = await RedisServer.StartAsync(program, PayloadInputs.Redis());
        await HelloIsClosed(server);

        if (server.Version < 700)
        {
            Assert.Contains("NOPERM", await server.ClientAsync("PUBLISH", "news", "x"), StringComparison.Ordinal);
            return;
        }
        string[] listening = [.. new[] { $"subscribe news {Hello}", "psubscribe *", $"psubscribe {Hello[..5]}*", $"ssubscribe {Hello}" }.Select(
            command => $"ACL DRYRUN default {command}")];
        Assert.Equal(listening.Select(_ => "OK"), await server.OperatorLinesAsync(listening));
        IEnumerable<string> near = Enumerable.Range(1, Hello.Length - 1).Select(length => Hello[..length])
            .Concat(Enumerable.Range(0, Hello.Length).Select(place => Hello[..place] + "#" + Hello[(place + 1)..]))
            .Concat([Hello + "x", Hello + ":", "x" + Hello, " " + Hello, Hello.ToUpperInvariant(), "news", "*", "[^_]", "_", "__keyevent@0__:expired"]);
        string[] lines = [.. near.SelectMany(channel => new[] { $"PUBLISH \"{channel}\" x", $"SPUBLISH \"{channel}\" x" })];
        Assert.Equal(lines.Select(_ => "0"), (await server.ClientLinesAsync(lines)).Split('\n'));

        // Keys and channels together, within one script and one function.
        Assert.Equal("v", await server.ClientAsync("EVAL", "redis.call('set', KEYS[1], ARGV[1]); redis.call('publish', 'news', 'x'); return redis.call('get', "
            + "KEYS[1])", "1", "k", "v"));
        await server.ClientAsync("FUNCTION", "LOAD", "#!lua name=both\nredis.register_function('both', function(keys, args) redis.call('publish', 'news', 'x') "
            + "return redis.call('get', keys[1]) end)");
        Assert.Equal("v", await server.ClientAsync("FCALL", "both", "1", "k"));
        Assert.Equal("OK\nQUEUED\nQUEUED\n0\nOK", await server.ClientLinesAsync("MULTI", "PUBLISH news x", "SET k w", "EXEC"));
    }

    [SkippableFact]
    public async Task Rules_that_take_away_take_PUBLISH_as_well()
    {
        SkipWithout("redis-server");
        foreach ((string[] rules, bool publishes) in new (string[], bool)[]
        {
            (["-publish"], false), (["-@pubsub"], false), (["-@all", "+@read"], false), (["-@fast"], false),
            (["-@all", "+publish"], true), (["-@all", "+@pubsub"], true), (["-spublish"], true), (["-@scripting", "+client|kill"], true),
        })
        {
            await using RedisServer server = await RedisServer.StartAsync("redis-server", Inputs(rules));
            string[] answer = await server.OperatorLinesAsync(["ACL DRYRUN default publish news x"]);
            Assert.True((answer[0] == "OK") == publishes, $"{string.Join(' ', rules)}: {answer[0]}");
            Assert.NotEqual("OK", (await server.OperatorLinesAsync([$"ACL DRYRUN default publish {Hello} x"]))[0]);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Servers))]
    public async Task What_libraries_send_at_connect_is_allowed(string program)
    {
        SkipWithout(program);
        await using RedisServer server = await RedisServer.StartAsync(program, PayloadInputs.Redis());
        string[] lines =
        [
            // Jedis, Lettuce, redis-py, go-redis, StackExchange.Redis, ioredis, node-redis, Sidekiq, Celery, BullMQ.
            "HELLO 3", "HELLO 2", "PING", "ECHO x", "SELECT 1", "SELECT 0", "INFO", "INFO replication", "ROLE", "TIME", "COMMAND COUNT",
                "CLIENT SETNAME worker-1",
            "CLIENT GETNAME", "CLIENT ID", "CLIENT INFO", "CLIENT LIST", "CLIENT LIST TYPE normal", "CLIENT TRACKING ON", "CLIENT TRACKINGINFO",
                "CLIENT CACHING YES",
            "CLIENT TRACKING OFF", "CLIENT UNBLOCK 99999", "SCRIPT LOAD \"return 1\"", "SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db",
            "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "PUBSUB NUMSUB x", "MEMORY USAGE x", "SLOWLOG GET 1", "LATENCY LATEST", "WAIT 0 1",
                "DBSIZE", "RESET",
        ];
        string answers = await server.ClientLinesAsync(
            server.Version >= 702 ? [.. lines[..^1], "CLIENT SETINFO LIB-NAME x", "CLIENT NO-TOUCH ON"] : lines[..^1]);
        Assert.DoesNotContain("NOPERM", answers, StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.ClientAsync("CLIENT", "PAUSE", "10"), StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.ClientAsync("CLIENT", "KILL", "TYPE", "replica"), StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.ClientAsync("SCRIPT", "KILL"), StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.ClientAsync("CONFIG", "GET", "*"), StringComparison.Ordinal);
        Assert.Contains("NOPERM", await server.ClientAsync("REPLICAOF", "NO", "ONE"), StringComparison.Ordinal);
    }

    private static async Task HelloIsClosed(RedisServer server)
    {
        const string publish = "redis.call('publish', ARGV[1], 'x')";
        var attacks = new List<string[]>
        {
            new[] { "PUBLISH", Hello, "x" },
            new[] { "EVAL", publish, "0", Hello },
            new[] { "EVAL", "return redis.pcall('publish', ARGV[1], 'x')", "0", Hello },
        };
        string sha = await server.ClientAsync("SCRIPT", "LOAD", publish);
        attacks.Add(["EVALSHA", sha, "0", Hello]);
        if (server.Version >= 700)
        {
            attacks.Add(["SPUBLISH", Hello, "x"]);
            attacks.Add(["EVAL_RO", publish, "0", Hello]);
            attacks.Add(["EVALSHA_RO", sha, "0", Hello]);
            // Loaded by another, with all rights: it runs with the caller's.
            const string library = "#!lua name=attack\nlocal function f(keys, args) return redis.call('publish', args[1], 'x') end\n"
                + "redis.register_function('hello', f)\nredis.register_function{function_name='hello_ro', callback=f, flags={'no-writes', 'allow-stale', "
                    + "'allow-oom'}}";
            Assert.Equal("attack", await server.OperatorAsync("FUNCTION", "LOAD", "REPLACE", library));
            attacks.Add(["FCALL", "hello", "0", Hello]);
            attacks.Add(["FCALL_RO", "hello_ro", "0", Hello]);
        }
        string loop = string.Empty;
        foreach (string[] attack in attacks)
        {
            string reply = await server.ClientAsync(attack);
            Assert.True(Refused().IsMatch(reply), $"{string.Join(' ', attack)}: {reply}");
            loop = await server.ClientLinesAsync("MULTI", string.Join(' ', attack.Select(word => $"\"{word}\"")), "EXEC");
            Assert.True(Refused().IsMatch(loop), $"MULTI {string.Join(' ', attack)}: {loop}");
        }
        Assert.Equal("1", (await server.OperatorAsync("EVAL", $"{publish}; return 1", "0", Hello)).Split('\n')[^1]);
    }

    /// <summary>The table of docs/security.md: command|subcommand, and its first column.</summary>
    private static Dictionary<string, string> Documented()
    {
        var documented = new Dictionary<string, string>(StringComparer.Ordinal);
        string text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "docs", "security.md"));
        foreach (Match row in Row().Matches(text))
        {
            foreach (Match cell in Cell().Matches(row.Groups["commands"].Value))
            {
                string name = cell.Groups["name"].Value.Replace(' ', '|');
                Assert.True(documented.TryAdd(name, row.Groups["answer"].Value), $"{name} is there twice");
                Assert.Equal(
                    RedisCommands.AddedBy72.Contains(name) ? "(7.2)" : RedisCommands.AddedBy80.Contains(name) ? "(8.0)"
                        : RedisCommands.AddedByValkey.Contains(name) ? "(Valkey 8.1)" : string.Empty,
                    cell.Groups["since"].Value);
            }
        }
        return documented;
    }

    /// <summary>Name and arity of every command and subcommand; of a container its subcommands only.</summary>
    internal static async Task<(string Name, int Arity)[]> CommandsOf(RedisServer server)
    {
        // As Lua sees it, one line each: redis-cli's own form of the answer is not meant for programs.
        string text = await server.OperatorAsync("EVAL", """
            local lines = {}
            for _, command in ipairs(redis.call('command')) do
              local subcommands = command[10] or {}
              if #subcommands == 0 then table.insert(lines, command[1] .. ' ' .. command[2]) end
              for _, subcommand in ipairs(subcommands) do table.insert(lines, subcommand[1] .. ' ' .. subcommand[2]) end
            end
            return table.concat(lines, ';')
            """, "0");
        return [.. text.Split(';').Select(line => line.Split(' '))
            .Select(parts => (parts[0].ToLowerInvariant(), int.Parse(parts[1], CultureInfo.InvariantCulture)))];
    }

    private static string DryRun((string Name, int Arity) command) => DryRun("default", command);

    internal static string DryRun(string user, (string Name, int Arity) command)
    {
        string[] words = command.Name.Split('|');
        return $"ACL DRYRUN {user} {string.Join(' ', words)} {string.Join(' ', Enumerable.Repeat("x", Math.Abs(command.Arity) - words.Length))}";
    }

    private static RedisNodeInputs Inputs(params string[] clientCommands) =>
        PayloadInputs.Redis() with { Redis = new RedisSettings { ClientCommands = clientCommands } };

    private static bool Accepted(string rule)
    {
        try
        {
            Configuration.GoodSettings.Read(("clientCommands", System.Text.Json.JsonSerializer.Serialize(new[] { rule })));
            return true;
        }
        catch (SettingsException)
        {
            return false;
        }
    }

    private static string[] CategoriesOf70() =>
        ("keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection transaction "
            + "scripting all").Split(' ');

    internal static void SkipWithout(string program) =>
        Skip.IfNot(Installed.Has(program, "redis-cli"), $"{program} and redis-cli are not installed");

    [GeneratedRegex(@"(?m)^\| (?<answer>never|no|yes)[^|]* \| (?<commands>`[a-zV`0-9().,_ -]+) \|", RegexOptions.ExplicitCapture)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(?<name>[a-z_ -]+)`( (?<since>\((7\.2|8\.0|Valkey 8\.1)\)))?", RegexOptions.ExplicitCapture)]
    private static partial Regex Cell();

    [GeneratedRegex("NOPERM|can't publish|can't run this command|[Nn]o permissions")]
    private static partial Regex Refused();
}
