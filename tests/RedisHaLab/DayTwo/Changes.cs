// All changes that are measured, in the order of the table.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Verification;

namespace RedisHaLab.DayTwo;

/// <summary>The changes.</summary>
internal static class Changes
{
    // Where a node goes that gets another address.
    private const int SpareAddress = 139;

    // More than proxies: each has some.
    private const int TlsSessions = 6;

    private const string Mark = "redis-ha:lab:rewind";

    private static readonly string[] RedisPackages = ["redis-server", "redis-sentinel", "redis-tools"];

    /// <summary>All of them.</summary>
    public static ImmutableArray<Change> All { get; } =
    [
        new("live-setting", "A setting that Redis takes live (`slowlog-max-len`)")
        {
            GoesWithoutOne = true,
            Order = stack => Overrides(stack, stack.Number("redisOverrides", "slowlog-max-len ") + 128, stack.Number("redisOverrides", "io-threads ")),
        },
        new("restart-setting", "A setting that restarts Redis (`io-threads`)")
        {
            GoesWithoutOne = true,
            Order = stack => Overrides(stack, stack.Number("redisOverrides", "slowlog-max-len "), stack.Number("redisOverrides", "io-threads ") == 2 ? 3 : 2),
        },
        new("sentinel-setting", "A setting of the Sentinels (`sentinelParallelSyncs`, from 1 to all at once)")
        {
            GoesWithoutOne = true,
            Prepare = async stack =>
            {
                await MadeAsync(stack, Up(stack, stack.Settings.SetItem("sentinelParallelSyncs", "1")));
                stack.Seen = await SentinelRunsAsync(stack);
            },
            Order = stack => Up(stack, stack.Settings.SetItem("sentinelParallelSyncs", "0")),
            Prove = async stack =>
            {
                var all = (stack.Redis.Count - 1).ToString(CultureInfo.InvariantCulture);
                var known = await OfSentinelsAsync(stack, "SENTINEL MASTER \"$REDIS_HA_MASTER_NAME\"",
                    lines => lines.SkipWhile(line => line != "parallel-syncs").ElementAt(1));
                CheckList.Require(known.All(value => value == all), $"parallel-syncs is {string.Join(", ", known)}; {all} expected");
                await OnEachNodeAsync(stack, "sed -n 's/^sentinel parallel-syncs [^ ]* //p' /etc/redis/ha/sentinel.conf", value => value == all);
                // A node that was dead has started again.
                var runs = await SentinelRunsAsync(stack);
                CheckList.Require(runs.Except(stack.Seen).Count() <= 1, "Sentinels have restarted; none expected, since they take it live");
            },
        },
        new("redis-upgrade", "A newer package of Redis (`redisUpgrade`)")
        {
            GoesWithoutOne = true,
            Prepare = OfferNewerRedisAsync,
            Order = stack => Up(stack, stack.Settings.SetItem("redisUpgrade", Upgrade(stack))),
            Prove = stack => OnEachNodeAsync(stack, "dpkg-query -W -f '${Version}' redis-server",
                version => version.EndsWith("+" + stack.Settings["redisUpgrade"], StringComparison.Ordinal)),
        },
        new("proxy-build", "Another build of the proxy") { GoesWithoutOne = true, Order = AnotherProxy },
        new("passwords-both", "New passwords, first run: old and new are valid")
        {
            Order = stack => Passwords(stack, both: true),
        },
        new("passwords-new", "New passwords, second run: only the new ones are")
        {
            Prepare = async stack =>
            {
                if (!stack.Settings.GetValueOrDefault("passwordVersions", "").Contains(',', StringComparison.Ordinal))
                {
                    await MadeAsync(stack, Passwords(stack, both: true));
                }
            },
            Order = stack => Passwords(stack, both: false),
        },
        new("switchover", "A planned switchover (`scripts/switchover`)")
        {
            LongestGap = 300,
            Order = stack => new Order(Operation.Script(stack.Paths, "switchover"), stack.Settings),
        },
        new("resize", "Another size for all Redis nodes (`redisMemoryGb`)")
        {
            Order = stack => Up(stack, stack.Settings.SetItem("redisMemoryGb", stack.Number("redisMemoryGb") == 9 ? "10" : "9")),
        },
        new("proxy-resize", "Another size for all proxies (`proxyMemoryGb`)")
        {
            Order = stack => Up(stack, stack.Settings.SetItem("proxyMemoryGb", stack.Number("proxyMemoryGb") == 5 ? "6" : "5")),
        },
        new("replace", "Another address for a node: another machine takes its place")
        {
            Involves = _ => ["redis2"],
            Order = stack => Up(stack, stack.With("redisAddresses",
                stack.Addresses("redisAddresses").SetItem(1, stack.Addresses("redisAddresses")[1] == SpareAddress ? 132 : SpareAddress))),
        },
        new("rebuild", "A node that lost its machine and its data")
        {
            LosesNode = true,
            Involves = stack => [stack.Redis[^1]],
            Prepare = stack => MasterIsNotAsync(stack, stack.Redis[^1]),
            Begin = stack => stack.InLabAsync(async lab =>
            {
                await lab.CutPowerAsync(stack.Redis[^1]);
                await lab.RemoveMachineAsync(stack.Redis[^1]);
            }),
            Order = stack => Up(stack, stack.Settings),
        },
        new("nodes-added", "Two nodes more")
        {
            CountsNodes = true,
            Prepare = stack => CountAsync(stack, "redisAddresses", 131, more: false),
            Order = stack => Up(stack, stack.With("redisAddresses", More(stack, "redisAddresses", 131, 2))),
        },
        new("nodes-removed", "Two nodes less, one of them the master")
        {
            CountsNodes = true,
            Involves = stack => [stack.Redis[^2], stack.Redis[^1]],
            Prepare = async stack =>
            {
                await CountAsync(stack, "redisAddresses", 131, more: true);
                await MadeAsync(stack, new Order(Operation.Script(stack.Paths, "switchover", stack.Redis[^1]), stack.Settings));
            },
            Order = stack => Up(stack, stack.With("redisAddresses", stack.Addresses("redisAddresses")[..^2])),
        },
        new("dead-removed", "Two nodes less, one of them dead")
        {
            CountsNodes = true,
            LosesNode = true,
            Involves = stack => [stack.Redis[^2], stack.Redis[^1]],
            Prepare = async stack =>
            {
                await CountAsync(stack, "redisAddresses", 131, more: true);
                await MasterIsNotAsync(stack, stack.Redis[^1]);
            },
            Begin = stack => stack.InLabAsync(lab => lab.CutPowerAsync(stack.Redis[^1])),
            Order = stack => Up(stack, stack.With("redisAddresses", stack.Addresses("redisAddresses")[..^2])),
        },
        new("proxy-added", "One proxy more")
        {
            GoesWithoutOne = true,
            Prepare = stack => CountAsync(stack, "proxyAddresses", 141, more: false),
            Order = stack => Up(stack, stack.With("proxyAddresses", More(stack, "proxyAddresses", 141, 1))),
        },
        new("proxy-removed", "One proxy less, with sessions")
        {
            Prepare = stack => CountAsync(stack, "proxyAddresses", 141, more: true),
            Order = stack => Up(stack, stack.With("proxyAddresses", stack.Addresses("proxyAddresses")[..^1])),
        },
        new("backup", "A backup (`scripts/backup now`)")
        {
            Prepare = BackupsOnAsync,
            Order = stack => new Order(Operation.Script(stack.Paths, "backup", "now"), stack.Settings),
        },
        new("restore", "The data as it was at the last backup (`scripts/restore latest`)")
        {
            IsRewind = true,
            LongestGap = 60_000,
            // The others copy the data from the first that has it.
            LeastInStep = 1,
            Prepare = async stack =>
            {
                await BackupsOnAsync(stack);
                await MarkAsync(stack, "before");
                await MadeAsync(stack, new Order(Operation.Script(stack.Paths, "backup", "now"), stack.Settings));
                await MarkAsync(stack, "after");
            },
            Order = stack => new Order(Operation.Script(stack.Paths, "restore", "latest", "--yes"), stack.Settings),
            Prove = async stack =>
            {
                using var lab = stack.Open();
                using var client = await new ClusterView(lab).ClientAsync();
                var mark = (await client.AskAsync("GET", Mark)).Text;
                CheckList.Require(mark == "before", $"{Mark} is \"{mark}\"; \"before\" expected, as it was at the backup");
            },
        },
        new("reboots", "All machines reboot, one by one (`scripts/reboot-roll`)")
        {
            GoesWithoutOne = true,
            Order = stack => new Order(Operation.Script(stack.Paths, "reboot-roll"), stack.Settings),
        },
        // The last one: TLS goes again with the next `up` that is not told of it.
        new("certificate", "Another certificate for clients, with TLS sessions (`tlsCertificate`)")
        {
            GoesWithoutOne = true,
            Prepare = stack => MadeAsync(stack, AnotherCertificate(stack)),
            Begin = async stack =>
            {
                using var lab = stack.Open();
                for (var i = 0; i < TlsSessions; i++)
                {
                    stack.Sessions.Add(await Client(lab).OpenAsync(hasCertificate: true));
                }
            },
            Order = AnotherCertificate,
            Prove = async stack =>
            {
                using var lab = stack.Open();
                await Client(lab).ServedAsync();
                foreach (var session in stack.Sessions)
                {
                    var answer = await TlsClient.AskAsync(session, "PING");
                    CheckList.Require(answer == "+PONG", $"a session from before was answered: {answer}");
                    await session.DisposeAsync();
                }

                stack.Sessions.Clear();
            },
        },
    ];

    /// <summary>What `up` has to be told.</summary>
    public static Order Up(Stack stack, ImmutableSortedDictionary<string, string> settings) =>
        new(Operation.Lab(stack.Paths, ["up", .. settings.SelectMany(pair => new[] { "--set", $"{pair.Key}={pair.Value}" })]), settings);

    /// <summary>Runs a command that has to succeed, and keeps its settings.</summary>
    /// <exception cref="LabException">It failed.</exception>
    public static async Task MadeAsync(Stack stack, Order order)
    {
        var ended = await Operation.RunAsync(order.Command, Console.Error.WriteLine);
        if (ended.ExitCode != 0)
        {
            throw new LabException($"what the change begins with could not be made: {ended.Reason}");
        }

        stack.Keep(order.Settings);
    }

    /// <summary>Makes the stack one of so many Redis nodes.</summary>
    public static async Task NodesAsync(Stack stack, int count)
    {
        var now = stack.Addresses("redisAddresses");
        if (now.Length != count)
        {
            var wanted = now.Length > count ? now.Take(count) : More(stack, "redisAddresses", 131, count - now.Length);
            await MadeAsync(stack, Up(stack, stack.With("redisAddresses", wanted)));
        }
    }

    private static Task<IReadOnlyList<string>> SentinelRunsAsync(Stack stack) => OfSentinelsAsync(stack, "INFO server",
        lines => lines.First(line => line.StartsWith("run_id:", StringComparison.Ordinal)));

    // What each Sentinel answers.
    private static async Task<IReadOnlyList<string>> OfSentinelsAsync(Stack stack, string command, Func<IReadOnlyList<string>, string> part)
    {
        using var lab = stack.Open();
        var cluster = new ClusterView(lab);
        var answers = new List<string>();
        foreach (var node in cluster.Redis)
        {
            answers.Add(part(await cluster.OperatorAsync(node.Name, "sentinel", command)));
        }

        return answers;
    }

    private static async Task BackupsOnAsync(Stack stack)
    {
        if (!stack.Settings.ContainsKey("backupSchedule"))
        {
            await MadeAsync(stack, Up(stack, stack.Settings.SetItem("backupSchedule", "02:30")));
        }
    }

    private static async Task MarkAsync(Stack stack, string value)
    {
        using var lab = stack.Open();
        using var client = await new ClusterView(lab).ClientAsync();
        var reply = await client.AskAsync("SET", Mark, value);
        CheckList.Require(!reply.IsError, $"SET {Mark} was answered: {reply}");
    }

    private static Order Overrides(Stack stack, int slow, int threads)
    {
        string[] lines = [.. slow > 0 ? new[] { $"slowlog-max-len {slow}" } : [], .. threads > 0 ? new[] { $"io-threads {threads}" } : []];
        return Up(stack, stack.Settings.SetItem("redisOverrides", JsonSerializer.Serialize(lines)));
    }

    private static Order Passwords(Stack stack, bool both)
    {
        var newest = JsonSerializer.Deserialize<int[]>(stack.Settings.GetValueOrDefault("passwordVersions", "[1]"))![^1];
        var versions = both ? new[] { newest, newest + 1 } : [newest];
        return Up(stack, stack.Settings.SetItem("passwordVersions", JsonSerializer.Serialize(versions)));
    }

    private static string Upgrade(Stack stack) => $"day2x{stack.Number("redisUpgrade", "day2x") + 1}";

    private static Task OfferNewerRedisAsync(Stack stack) => stack.Progress.StepAsync("packaging a newer Redis", async () =>
    {
        var image = await RootImage.EnsureAsync(stack.Progress, release: null);
        await PackageRepository.RaiseAsync(image.PackagesDirectory, stack.Paths.PackagesDirectory, RedisPackages, "+" + Upgrade(stack));
    });

    // Other bytes that do the same: a program of one file does not mind what follows it.
    private static Order AnotherProxy(Stack stack)
    {
        using var lab = stack.Open();
        var published = Path.Combine(stack.Paths.ObjectsDirectory, lab.State.Objects.Single().FileName);
        var folder = Directory.CreateDirectory(Path.Combine(stack.Paths.StateDirectory, "proxy", Guid.NewGuid().ToString("n")[..8])).FullName;
        var file = Path.Combine(folder, "redis-ha-proxy");
        File.Copy(published, file);
        File.AppendAllText(file, "\n");
        return Up(stack, stack.Settings.SetItem("proxyBundlePath", file));
    }

    private static Order AnotherCertificate(Stack stack)
    {
        var order = Up(stack, stack.Settings);
        return order with { Command = [.. order.Command, "--certificates"] };
    }

    private static TlsClient Client(Lab lab)
    {
        var cluster = new ClusterView(lab);
        return new TlsClient(cluster, new StackOptions(cluster).Settings);
    }

    private static IEnumerable<int> More(Stack stack, string setting, int first, int count)
    {
        var now = stack.Addresses(setting);
        return now.Concat(Enumerable.Range(first, 8).Except(now).Take(count));
    }

    // The number of machines from which it can grow (or shrink).
    private static async Task CountAsync(Stack stack, string setting, int first, bool more)
    {
        var (step, now) = (setting == "proxyAddresses" ? 1 : 2, stack.Addresses(setting));
        var low = setting == "proxyAddresses" ? 2 : 3;
        if (more && now.Length < low + step)
        {
            await MadeAsync(stack, Up(stack, stack.With(setting, More(stack, setting, first, step))));
        }
        else if (!more && now.Length > low + step)
        {
            await MadeAsync(stack, Up(stack, stack.With(setting, now[..^step])));
        }
    }

    private static async Task MasterIsNotAsync(Stack stack, string node)
    {
        if (await stack.MasterAsync() == node)
        {
            await MadeAsync(stack, new Order(Operation.Script(stack.Paths, "switchover", stack.Redis[0]), stack.Settings));
        }
    }

    private static async Task OnEachNodeAsync(Stack stack, string line, Func<string, bool> isRight)
    {
        using var lab = stack.Open();
        var cluster = new ClusterView(lab);
        foreach (var node in cluster.Redis)
        {
            var said = (await cluster.ShellAsync(node.Name, line)).Output.Trim();
            CheckList.Require(isRight(said), $"{node.Name}: `{line}` says {said}");
        }
    }
}
