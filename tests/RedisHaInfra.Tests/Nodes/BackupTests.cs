// Backups and restores with real redis-server and redis-sentinel processes on loopback: who makes a backup, what is in it, what a restore makes
// of the cluster, and what it takes back.

using System.Text;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class BackupTests
{
    private static readonly string[] Needed = ["redis-server", "redis-sentinel", "redis-cli", "redis-check-rdb", "curl", "systemd-socket-activate"];

    [SkippableFact]
    public async Task A_replica_copies_the_data_and_a_restore_makes_it_the_data_of_all()
    {
        Skip.IfNot(Installed.Has(Needed), $"{string.Join(", ", Needed)} are not all installed");
        using var store = new ObjectStore();
        await using LoopbackCluster cluster = await LoopbackCluster.CreateAsync(minReplicasToWrite: 1,
            new NodeBackup(store.WriteAddress, ["*-*-* 02:30:00 UTC"], 86_400));
        await HurryAsync(cluster);
        await Task.WhenAll(Enumerable.Range(1, 3).Select(cluster.StartRedisAsync));
        await SettledAsync(cluster, 1);
        foreach (int number in cluster.Machines.Keys)
        {
            Prepare(cluster, number);
        }
        // In several parts; some keys with an end.
        Assert.Equal("3000", await cluster.OperatorAsync(1, 6379, "EVAL",
            "for i = 1, 3000 do redis.call('SET', 'key:' .. i, string.rep(redis.sha1hex(i), 5)) end "
            + "redis.call('EXPIRE', 'key:1', 3600) return redis.call('DBSIZE')", "0"));

        string name = await BackUpAsync(cluster, store);
        await TurnsAsync(cluster, store);
        await TroublesAsync(cluster, store);
        await RestoreAsync(cluster, store, name);
        await TakenBackAsync(cluster, store, name);
        await KilledAsync(cluster, store, name);
    }

    // systemd runs it after every end, so also after a run that found another one's lock.
    [SkippableFact]
    public async Task The_end_of_one_run_leaves_the_files_of_another_alone()
    {
        Skip.IfNot(Installed.Has("flock"), "flock is not installed");
        using var work = new WorkDirectory();
        string unit = PayloadInputs.FileOf(NodePayload.Of(PayloadInputs.Redis()).ApplyScript, "redis-ha-backup@.service");
        string command = unit.Split('\n').Single(line => line.StartsWith("ExecStopPost=-", StringComparison.Ordinal))["ExecStopPost=-".Length..]
            .Replace("/var/lib/redis-ha-backup", work.Path, StringComparison.Ordinal);
        string copy = Path.Combine(work.Path, "work", "dump.rdb");
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        await File.WriteAllTextAsync(copy, "REDIS");
        using (Lock(work.Path))
        {
            await Shell.RunAsync("bash", ["-c", command]);
            Assert.True(File.Exists(copy));
        }
        Assert.Equal(0, (await Shell.RunAsync("bash", ["-c", command])).ExitCode);
        Assert.False(File.Exists(copy));
    }

    // .NET takes flock(2) for a file that it does not share.
    private static FileStream Lock(string folder) => new(Path.Combine(folder, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);

    private static async Task<string> BackUpAsync(LoopbackCluster cluster, ObjectStore store)
    {
        // Object Storage says no twice first.
        store.RefuseNext(2);
        ShellResult done = await CommandAsync(cluster, 2, "redis-ha-backup", "now");
        Assert.True(done.ExitCode == 0, $"{done}\n{Journal(cluster, 2)}");
        string name = done.Output.Split(' ')[1];
        Assert.Matches("^[0-9]{8}T[0-9]{6}Z-redis2$", name);
        string manifest = Encoding.UTF8.GetString(store.Objects[$"{name}/manifest"]);
        Assert.StartsWith("redis-ha-backup 1\nnode redis2\nrole replica\n", manifest, StringComparison.Ordinal);
        Assert.Contains("\nkeys 3000\n", manifest, StringComparison.Ordinal);
        Assert.Contains("\nchecked loaded\n", manifest, StringComparison.Ordinal);
        KeyValuePair<string, byte[]>[] all = [.. store.Objects.Where(pair => pair.Key.Contains("/part.", StringComparison.Ordinal))];
        int parts = all.Length;
        Assert.InRange(parts, 2, 100);
        Assert.Contains($"\nparts {parts}\n", manifest, StringComparison.Ordinal);
        Assert.Contains($"\nbytes {all.Sum(pair => pair.Value.Length)}\n", manifest, StringComparison.Ordinal);
        Assert.Equal("REDIS0", Encoding.ASCII.GetString(store.Objects[$"{name}/part.0000"][..6]));
        Assert.Empty(Directory.GetFiles(State(cluster, 2), "*.rdb", SearchOption.AllDirectories));
        Assert.Equal($"{done.Output}", (await CommandAsync(cluster, 2, "redis-ha-backup", "last")).Output);
        return name;
    }

    // All nodes' timers fire at the same moment: one of them makes the backup, and it is not the master.
    private static async Task TurnsAsync(LoopbackCluster cluster, ObjectStore store)
    {
        int before = store.Objects.Keys.Count(IsManifest);
        // One of somebody else, such as a restore's, is being made: the schedule comes but once a day, and waits.
        FileStream[] busy = [.. cluster.Machines.Keys.Select(number => Lock(State(cluster, number)))];
        Task<ShellResult>[] scheduled = [.. cluster.Machines.Keys.Select(number => ScriptAsync(cluster, number, "scheduled"))];
        await Task.WhenAny(Task.WhenAll(scheduled), Task.Delay(500));
        Assert.All(busy, file => file.Dispose());
        ShellResult[] all = await Task.WhenAll(scheduled);
        Assert.All(all, run => Assert.True(run.ExitCode == 0, run.ToString()));
        Assert.Equal(before + 1, store.Objects.Keys.Count(IsManifest));
        Assert.Equal(2, all.Count(run => run.Output.Contains("it is the turn of redis", StringComparison.Ordinal)));
        Assert.Contains("it is the turn of redis", all[0].Output, StringComparison.Ordinal);

        Assert.Equal("redis2\nredis3\n", (await CommandAsync(cluster, 1, "redis-ha-backup", "plan")).Output);
        ShellResult master = await CommandAsync(cluster, 1, "redis-ha-backup", "now");
        Assert.Equal((1, "failed this node is the master: a replica makes the backup (redis2 redis3)\n"), (master.ExitCode, master.Output));
        Assert.Equal(2, (await CommandAsync(cluster, 1, "redis-ha-backup", "tomorrow")).ExitCode);
    }

    private static async Task TroublesAsync(LoopbackCluster cluster, ObjectStore store)
    {
        Machine machine = cluster.Machines[3];
        int before = store.Objects.Keys.Count(IsManifest);
        machine.StandIn("df", "printf 'Avail\\n1000000\\n'");
        ShellResult full = await CommandAsync(cluster, 3, "redis-ha-backup", "now");
        Assert.Equal(1, full.ExitCode);
        Assert.StartsWith("failed too little disk for the copy: 0 MB are free, and it can take ", full.Output, StringComparison.Ordinal);
        machine.WithoutStandIn("df");

        // What has arrived is not what was sent: found before anything is uploaded.
        machine.StandIn("redis-check-rdb", "echo '--- RDB ERROR DETECTED ---'; exit 1");
        ShellResult damaged = await CommandAsync(cluster, 3, "redis-ha-backup", "now");
        Assert.Equal((1, "failed the copy is damaged: --- RDB ERROR DETECTED ---\n"), (damaged.ExitCode, damaged.Output));
        machine.WithoutStandIn("redis-check-rdb");

        store.RefuseNext(1000);
        ShellResult refused = await CommandAsync(cluster, 3, "redis-ha-backup", "now");
        store.RefuseNext(0);
        Assert.Equal(1, refused.ExitCode);
        Assert.StartsWith("failed Object Storage does not take it: curl: (22)", refused.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("write-token", Journal(cluster, 3) + refused, StringComparison.Ordinal);
        Assert.DoesNotContain("write-token", machine.Calls, StringComparison.Ordinal);
        Assert.Equal(before, store.Objects.Keys.Count(IsManifest));
        Assert.Empty(Directory.GetFiles(State(cluster, 3), "*.rdb", SearchOption.AllDirectories));
        // Nothing that goes on: the next one is made.
        Assert.Equal(0, (await CommandAsync(cluster, 3, "redis-ha-backup", "now")).ExitCode);
    }

    private static async Task RestoreAsync(LoopbackCluster cluster, ObjectStore store, string name)
    {
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "key:1", "spoilt"));
        Assert.Equal("OK", await cluster.OperatorAsync(1, 6379, "SET", "later", "1"));
        ShellResult look = await CommandAsync(cluster, 3, "redis-ha-restore", "look");
        Assert.True(look.ExitCode == 0, look.ToString());
        Assert.Equal("target redis2\nmaster redis1\nkeys 3001\nbackups on\n", look.Output);
        Assert.Equal(1, (await CommandAsync(cluster, 2, "redis-ha-restore", "go")).ExitCode);

        ShellResult nothing = await RestoreCommandAsync(cluster, 2, store.ReadAddress + "\n", "fetch", "20200101T000000Z-redis1");
        Assert.Equal(1, nothing.ExitCode);
        Assert.Contains("there is no backup 20200101T000000Z-redis1 that can be read", nothing.Output, StringComparison.Ordinal);
        await FetchAsync(cluster, store, 2, name);
        int before = store.Objects.Keys.Count(IsManifest);
        // Copying to the others takes longer than Sentinels need to agree when there is nothing to copy.
        Assert.Equal("OK", await cluster.OperatorAsync(2, 6379, "CONFIG", "SET", "repl-diskless-sync-delay", "3"));
        string command = Command(cluster.Machines[2], "redis-ha-restore"), text = await File.ReadAllTextAsync(command);
        Assert.Contains("agree_limit=30", text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(command, text.Replace("agree_limit=30", "agree_limit=1", StringComparison.Ordinal));
        ShellResult done = await CommandAsync(cluster, 2, "redis-ha-restore", "go");
        Assert.True(done.ExitCode == 0, $"{done}\n{Journal(cluster, 2)}");
        await File.WriteAllTextAsync(command, text);
        Assert.Equal("OK", await cluster.OperatorAsync(2, 6379, "CONFIG", "SET", "repl-diskless-sync-delay", "0"));
        Assert.EndsWith("restored: redis2 is master with 3000 keys from the backup\n", done.Output, StringComparison.Ordinal);
        Assert.Contains("redis1 takes no writes from now on", done.Output, StringComparison.Ordinal);
        Assert.Contains("the present data is kept: 2", done.Output, StringComparison.Ordinal);
        Assert.Equal(before + 1, store.Objects.Keys.Count(IsManifest));
        await RestoredAsync(cluster, master: 2);
        Assert.Equal("3000", await OnDiskAsync(cluster, 2));
    }

    // What a redis-server that starts with the node's files has: with an append-only file, Redis does not look at any other.
    private static async Task<string> OnDiskAsync(LoopbackCluster cluster, int number)
    {
        using var work = new WorkDirectory();
        Assert.Equal(0, (await Shell.RunAsync("cp", ["-a", Path.Combine(cluster.Machines[number].Root, "var/lib/redis/."), work.Path])).ExitCode);
        string socket = Path.Combine(work.Path, "socket"), loaded = string.Empty;
        using var server = ChildProcess.Start("redis-server", "redis-server",
            ["--port", "0", "--unixsocket", socket, "--dir", work.Path, "--appendonly", "yes"], Path.Combine(work.Path, "log"));
        await Eventually.HoldsAsync(
            async () => int.TryParse(loaded = (await Shell.RunAsync("redis-cli", ["-s", socket, "DBSIZE"])).Output.Trim(), out _), () => loaded);
        server.KillTree();
        return loaded;
    }

    // The safety copy fails at the last moment before the turn: the master takes writes again, and the replica its data.
    private static async Task TakenBackAsync(LoopbackCluster cluster, ObjectStore store, string name)
    {
        Assert.Equal("OK", await cluster.OperatorAsync(2, 6379, "SET", "present", "1"));
        await FetchAsync(cluster, store, 3, name);
        store.RefuseNext(1000);
        ShellResult refused = await CommandAsync(cluster, 3, "redis-ha-restore", "go");
        store.RefuseNext(0);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("no backup of the present data: failed Object Storage does not take it", refused.Error, StringComparison.Ordinal);
        Assert.Contains("redis2 takes writes again", refused.Output, StringComparison.Ordinal);
        await AsBeforeAsync(cluster, 2);
        Assert.Equal("1", await cluster.OperatorAsync(3, 6379, "GET", "present"));
        Assert.Equal("OK", await cluster.OperatorAsync(2, 6379, "SET", "present", "2"));
    }

    // Killed (SIGKILL, so that nothing is put back) when the master refuses writes: the next run goes on.
    private static async Task KilledAsync(LoopbackCluster cluster, ObjectStore store, string name)
    {
        await FetchAsync(cluster, store, 3, name);
        Machine machine = cluster.Machines[3];
        machine.StandIn("redis-cli", """
            case " $* " in *" SENTINEL FAILOVER "*) kill -KILL "$RESTORE"; exit 1 ;; *) PATH=${PATH#*:} exec redis-cli "$@" ;; esac
            """);
        ShellResult killed = await Shell.RunAsync("bash",
            ["-c", "RESTORE=$$ exec bash \"$0\" go --no-backup", Command(machine, "redis-ha-restore")], environment: machine.Environment);
        machine.WithoutStandIn("redis-cli");
        Assert.True(killed.ExitCode == 137, killed.ToString());
        Assert.Contains("NOREPLICAS", await cluster.OperatorAsync(2, 6379, "SET", "present", "3"), StringComparison.Ordinal);

        ShellResult undone = await CommandAsync(cluster, 3, "redis-ha-restore", "undo");
        Assert.True(undone.ExitCode == 0, undone.ToString());
        await AsBeforeAsync(cluster, 2);
        Assert.Equal("OK", await cluster.OperatorAsync(2, 6379, "SET", "present", "3"));

        // From a file, and without a copy of the present data.
        byte[] file =
        [
            .. store.Objects.Where(pair => pair.Key.StartsWith($"{name}/part.", StringComparison.Ordinal)).OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .SelectMany(pair => pair.Value),
        ];
        using var work = new WorkDirectory();
        await File.WriteAllBytesAsync(Path.Combine(work.Path, "dump.rdb"), file);
        ShellResult received = await Shell.RunAsync("bash",
            ["-c", $"bash '{Command(machine, "redis-ha-restore")}' receive <'{work.Path}/dump.rdb'"], environment: machine.Environment);
        Assert.True(received.ExitCode == 0, received.ToString());
        ShellResult done = await CommandAsync(cluster, 3, "redis-ha-restore", "go", "--no-backup");
        Assert.True(done.ExitCode == 0, $"{done}\n{Journal(cluster, 3)}");
        await RestoredAsync(cluster, master: 3);
    }

    private static async Task RestoredAsync(LoopbackCluster cluster, int master)
    {
        await AsBeforeAsync(cluster, master);
        foreach (int number in cluster.Machines.Keys)
        {
            Assert.Equal("3000", await cluster.OperatorAsync(number, 6379, "DBSIZE"));
            Assert.Equal(200, (await cluster.OperatorAsync(number, 6379, "GET", "key:1")).Length);
        }
        Assert.InRange(int.Parse(await cluster.OperatorAsync(master, 6379, "TTL", "key:1"), System.Globalization.CultureInfo.InvariantCulture), 3000, 3600);
    }

    private static async Task AsBeforeAsync(LoopbackCluster cluster, int master)
    {
        await SettledAsync(cluster, master);
        foreach (int number in cluster.Machines.Keys)
        {
            Assert.Equal("100", (await cluster.OperatorAsync(number, 6379, "CONFIG", "GET", "replica-priority")).Split('\n')[1]);
            Assert.Equal("1", (await cluster.OperatorAsync(number, 6379, "CONFIG", "GET", "min-replicas-to-write")).Split('\n')[1]);
            Assert.Contains("+slaveof", await cluster.OperatorAsync(number, 6379, "ACL", "GETUSER", "sentinel"), StringComparison.Ordinal);
            Assert.False(Directory.Exists(Path.Combine(State(cluster, number), "restore")));
        }
    }

    // Sentinels look every 10 s, and a restore ends with that; nothing here depends on how often. Redis 6.2 has no such order, and just takes longer.
    private static async Task HurryAsync(LoopbackCluster cluster)
    {
        foreach (int number in cluster.Machines.Keys)
        {
            await cluster.OperatorAsync(number, 26379, "SENTINEL", "DEBUG", "INFO-PERIOD", "300");
        }
    }

    private static async Task SettledAsync(LoopbackCluster cluster, int master)
    {
        await HurryAsync(cluster);
        await cluster.SettledAsync(master);
    }

    private static async Task FetchAsync(LoopbackCluster cluster, ObjectStore store, int number, string name)
    {
        ShellResult fetched = await RestoreCommandAsync(cluster, number, store.ReadAddress + "\n", "fetch", name);
        Assert.True(fetched.ExitCode == 0, fetched.ToString());
        Assert.StartsWith("this node has it: 3000 keys, ", fetched.Output, StringComparison.Ordinal);
    }

    // systemd runs the backup, and nothing else of it is used.
    private static void Prepare(LoopbackCluster cluster, int number)
    {
        Machine machine = cluster.Machines[number];
        machine.WithoutStandIn("curl");
        machine.StandIn("systemctl", """
            case "$*" in
              'start redis-ha-backup@'*)
                order=${2#redis-ha-backup@}
                STATE_DIRECTORY=$REDIS_HA_ROOT/var/lib/redis-ha-backup REDIS_HA_BACKUP_PART_BYTES=100000 REDIS_HA_BACKUP_PAUSE=0 \
                  bash "$REDIS_HA_ROOT/usr/local/libexec/redis-ha/backup.sh" "${order%.service}" >>"$MACHINE/journal" 2>&1
                ;;
            esac
            """);
    }

    private static Task<ShellResult> ScriptAsync(LoopbackCluster cluster, int number, string order) =>
        Shell.RunAsync("bash", [Path.Combine(cluster.Machines[number].Root, "usr/local/libexec/redis-ha/backup.sh"), order],
            environment: new Dictionary<string, string>(cluster.Machines[number].Environment)
            {
                ["STATE_DIRECTORY"] = State(cluster, number),
                ["REDIS_HA_BACKUP_PAUSE"] = "0",
            });

    private static string State(LoopbackCluster cluster, int number) => Path.Combine(cluster.Machines[number].Root, "var/lib/redis-ha-backup");

    private static string Journal(LoopbackCluster cluster, int number) => cluster.Machines[number].Read("journal");

    private static bool IsManifest(string key) => key.EndsWith("/manifest", StringComparison.Ordinal);

    private static string Command(Machine machine, string name) => Path.Combine(machine.Root, "usr/local/sbin", name);

    private static Task<ShellResult> CommandAsync(LoopbackCluster cluster, int number, string name, params string[] arguments) =>
        Shell.RunAsync("bash", [Command(cluster.Machines[number], name), .. arguments],
            environment: cluster.Machines[number].Environment, timeout: TimeSpan.FromSeconds(90));

    private static Task<ShellResult> RestoreCommandAsync(LoopbackCluster cluster, int number, string input, params string[] arguments) =>
        Shell.RunAsync("bash", [Command(cluster.Machines[number], "redis-ha-restore"), .. arguments],
            input, cluster.Machines[number].Environment, TimeSpan.FromSeconds(90));
}
