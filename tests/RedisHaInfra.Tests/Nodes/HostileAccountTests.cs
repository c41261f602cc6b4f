// What an account without rights can plant, root does not touch: the apply scripts, the boot rule and the member mark with real owners,
// and links at every path that the account can write.

using System.Globalization;
using RedisHaInfra.Nodes;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Nodes;

public sealed class HostileAccountTests
{
    // Stand for the accounts, which need not exist here.
    private const int Redis = 61001, RedisHa = 61002, Proxy = 61003, Backup = 61004;

    // What root's scripts call their files, now and in former layouts, and what they call them while they write.
    private static readonly string[] Names =
        [.. ((string[])["settings.conf", "users.acl", "redis.conf", "sentinel.conf", "sentinel-settings.conf", "sentinel-users.acl",
        "redis-ha.member", "running.conf", "boot-rule", "answers", "node.env"]).SelectMany(name => (string[])[name, $"{name}.new", $"{name}.redis-ha-new"])];

    [SkippableTheory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("Needs", "root")]
    public async Task Links_of_the_account_redis_move_nothing_outside_its_folders(bool foldersToo)
    {
        Skip.IfNot(Environment.UserName == "root", "needs root: files get owners");
        using var machine = new Machine("debian");
        await UseRealAccountsAsync(machine);
        await SucceedsAsync(machine, PayloadInputs.Redis());
        OnlyRootCanReplaceWhatIsRoots(machine);
        var victims = Victims.Create(machine);

        // Before: redis plants links at everything it can write. After: a new payload, two starts of redis-server, the member mark.
        int planted = await PlantAsync(machine, victims, foldersToo);
        Assert.True(planted >= Names.Length, $"{planted} links");
        RedisNodeInputs changed = PayloadInputs.Redis() with
        {
            Redis = new RedisSettings { MaxMemory = "1gb" },
            Sentinel = new SentinelSettings { DownAfterMilliseconds = 7_000 },
            Passwords = PayloadInputs.Passwords with { Client = "another-password", Operator = "another-operator" },
        };
        machine.Write("replication", "role:slave\nmaster_host:172.31.235.132\nmaster_link_status:down\nslave_priority:0\n");
        ShellResult applied = await machine.ApplyAsync(NodePayload.Of(changed).ApplyScript);
        Assert.True(foldersToo || applied.ExitCode == 0, $"{applied}\n{machine.InRoot("/var/lib/redis-ha/apply.log")}");
        await PlantAsync(machine, victims, foldersToo);
        string scripts = Path.Combine(machine.Root, "usr/local/libexec/redis-ha");
        machine.Write("named", "172.31.235.131");
        await machine.RunAsync("bash", [Path.Combine(scripts, "boot.sh")]);
        machine.Write("named", "172.31.235.132");
        ShellResult started = await machine.RunAsync("bash", [Path.Combine(scripts, "boot.sh")]);
        foreach (string mark in new[] { "member", "promotable" })
        {
            await machine.RunAsync("bash", [Path.Combine(scripts, "mark.sh"), mark]);
        }

        victims.AreUntouched();
        OnlyRootCanReplaceWhatIsRoots(machine);
        Assert.True(started.ExitCode == 0, started.ToString());
        Assert.EndsWith("replicaof 172.31.235.132 6379\nreplica-priority 0\n", machine.InRoot("/etc/redis-ha/redis.conf"), StringComparison.Ordinal);
        Assert.StartsWith("S1 replica of 172.31.235.132", machine.InRoot("/run/redis-ha/boot-rule"), StringComparison.Ordinal);
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task The_member_mark_is_made_by_the_account_that_owns_the_data()
    {
        Skip.IfNot(Environment.UserName == "root", "needs root: files get owners");
        using var machine = new Machine("debian");
        await UseRealAccountsAsync(machine);
        await SucceedsAsync(machine, PayloadInputs.Redis());
        machine.Write("named", "172.31.235.131");
        machine.Write("replication", "role:slave\nmaster_host:172.31.235.131\nmaster_link_status:down\nslave_priority:0\n");

        ShellResult started = await machine.RunAsync("bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/boot.sh")]);

        Assert.True(started.ExitCode == 0, started.ToString());
        Assert.Equal($"{Redis}", (await Shell.RunAsync("stat", ["-c", "%u", Path.Combine(machine.Root, "var/lib/redis/redis-ha.member")])).Output.Trim());
        Assert.DoesNotContain("replicaof", machine.InRoot("/etc/redis-ha/redis.conf"), StringComparison.Ordinal);
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task The_account_of_the_proxy_can_write_nothing_that_is_installed()
    {
        Skip.IfNot(Environment.UserName == "root", "needs root: files get owners");
        using var machine = new Machine("debian");
        await UseRealAccountsAsync(machine);
        machine.Write("bundle", "#!/bin/bash\ntest -r \"$2\"\n");
        string digest = Convert.ToHexStringLower(
            System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(machine.Root, "../bundle"))));
        ShellResult applied = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Proxy() with { BundleSha256 = digest }).ApplyScript);

        Assert.True(applied.ExitCode == 0, $"{applied}\n{machine.InRoot("/var/lib/redis-ha/apply.log")}");
        // Its recording, where nothing is that anybody else reads or runs.
        string recording = Path.Combine(machine.Root, "var/lib/redis-ha-proxy");
        Assert.Equal([recording], await WritableAsync(machine, Proxy, Proxy));
        Assert.Empty(Directory.EnumerateFileSystemEntries(recording));
        OnlyRootCanReplaceWhatIsRoots(machine);
    }

    [Fact]
    public async Task Nothing_is_written_below_a_folder_that_others_can_change()
    {
        using var machine = new Machine("ubuntu");
        string folder = Path.Combine(machine.Root, "etc/redis-ha");
        Directory.CreateDirectory(folder);
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        }
        string outside = Path.Combine(machine.Root, "../outside");
        await File.WriteAllTextAsync(outside, "mine\n");
        File.CreateSymbolicLink(Path.Combine(machine.Root, "etc/sysctl.d.link"), outside);

        // install_directory gives this folder back to root, so the one above it is what others may not change.
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(Path.Combine(machine.Root, "etc"), (UnixFileMode)0b111_111_111);
        }
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);

        Assert.Equal(1, result.ExitCode);
        Assert.Matches("reason: .*/etc can be changed by other accounts than root .*mode 777.* and apply again", machine.InRoot("/var/lib/redis-ha/failed"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public async Task A_link_in_the_place_of_a_file_is_replaced_and_not_followed()
    {
        using var machine = new Machine("ubuntu");
        string folder = Path.Combine(machine.Root, "etc/redis-ha"), outside = Path.Combine(machine.Root, "../outside");
        Directory.CreateDirectory(folder);
        foreach (string name in new[] { "users.acl", "users.acl.redis-ha-new", "node.env" })
        {
            await File.WriteAllTextAsync($"{outside}-{name}", "mine\n");
            File.CreateSymbolicLink(Path.Combine(folder, name), $"{outside}-{name}");
        }
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.All(["users.acl", "users.acl.redis-ha-new", "node.env"], name => Assert.Equal("mine\n", File.ReadAllText($"{outside}-{name}")));
        Assert.Null(new FileInfo(Path.Combine(folder, "users.acl")).LinkTarget);
        Assert.StartsWith("user default on #", machine.InRoot("/etc/redis-ha/users.acl"), StringComparison.Ordinal);
    }

    private static async Task SucceedsAsync(Machine machine, RedisNodeInputs inputs)
    {
        ShellResult result = await machine.ApplyAsync(NodePayload.Of(inputs).ApplyScript);
        Assert.True(result.ExitCode == 0, $"{result}\n{machine.InRoot("/var/lib/redis-ha/apply.log")}");
    }

    // Accounts by number: chown and setpriv do what they do on a node, with these in the place of the names.
    private static async Task UseRealAccountsAsync(Machine machine)
    {
        string numbers = $$"""
            number() { case $1 in root) echo 0 ;; redis) echo {{Redis}} ;; redis-ha) echo {{RedisHa}} ;; redis-ha-proxy) echo {{Proxy}} ;; redis-ha-backup) echo {{Backup}} ;; *) echo "no account $1" >&2; exit 1 ;; esac; }

            """;
        machine.StandIn("chown", numbers + "owner=$1; shift; exec /usr/bin/chown \"$(number \"${owner%%:*}\"):$(number \"${owner##*:}\")\" \"$@\"");
        machine.StandIn("setpriv", numbers + $$"""
            for argument; do
              shift
              case $argument in
                --reuid=*) account=${argument#*=}; argument=--reuid=$(number "$account") ;;
                --regid=*) argument=--regid=$(number "${argument#*=}") ;;
                --init-groups) if [ "$account" = redis-ha ]; then argument=--groups={{Redis}}; else argument=--clear-groups; fi ;;
              esac
              set -- "$@" "$argument"
            done
            exec /usr/bin/setpriv "$@"
            """);
        machine.StandIn("redis-cli", """
            case " $* " in
              *" SENTINEL MASTER "*) printf '%s\n' ip "$(cat "$MACHINE/named")" flags master config-epoch 3 ;;
              *" INFO replication "*) cat "$MACHINE/replication" 2>/dev/null ;;
              *" ACL LOAD "*) echo OK ;;
              *" -p 6379 ") cat >/dev/null; echo OK ;;
              *) exit 1 ;;
            esac
            """);
        // As on a machine: folders that everybody may enter.
        foreach (string folder in new[] { "etc/systemd/system", "var/lib", "var/log", "run", "usr/local/sbin", "usr/local/bin", "usr/local/libexec" })
        {
            Directory.CreateDirectory(Path.Combine(machine.Root, folder));
        }
        string top = Path.GetDirectoryName(machine.Root)!;
        ShellResult opened = await Shell.RunAsync("chmod", ["-R", "go+rX", top]);
        Assert.True(opened.ExitCode == 0, opened.ToString());
        opened = await Shell.RunAsync("chmod", ["666", Path.Combine(top, "calls")]);
        Assert.True(opened.ExitCode == 0, opened.ToString());
    }

    // Whoever can change a folder can replace what lies in it: above each file and folder of root there are only folders of root.
    private static void OnlyRootCanReplaceWhatIsRoots(Machine machine)
    {
        ShellResult found = Shell.RunAsync("find", [machine.Root, "-mindepth", "1", "!", "-type", "l", "-printf", "%U %m %y %P\n"]).GetAwaiter().GetResult();
        var all = found.Output.TrimEnd('\n').Split('\n').Select(line => line.Split(' ', 4)).ToDictionary(part => part[3], part => part);
        Assert.True(all.Count > 20);
        foreach (string[] entry in all.Values.Where(entry => entry[0] == "0"))
        {
            for (string? above = Path.GetDirectoryName(entry[3]); !string.IsNullOrEmpty(above); above = Path.GetDirectoryName(above))
            {
                string[] folder = all[above];
                int mode = Convert.ToInt32(folder[1], 8);
                Assert.True(folder[0] == "0" && (mode & 0b010_010) == 0, $"{entry[3]} is root's, but {above} belongs to {folder[0]} with mode {folder[1]}");
            }
        }
    }

    // Files and folders that an account can write; links excepted.
    private static async Task<string[]> WritableAsync(Machine machine, int user, int group)
    {
        string u = user.ToString(CultureInfo.InvariantCulture), g = group.ToString(CultureInfo.InvariantCulture);
        ShellResult found = await Shell.RunAsync("find", [machine.Root, "-mindepth", "1", "!", "-type", "l", "(",
            "-uid", u, "-perm", "-u=w", "-o", "-gid", g, "-perm", "-g=w", "-o", "-perm", "-o=w", ")"]);
        return found.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(path => !path.Contains("/proc/", StringComparison.Ordinal)).ToArray();
    }

    private static async Task<int> PlantAsync(Machine machine, Victims victims, bool foldersToo)
    {
        int planted = 0;
        foreach (string folder in (await WritableAsync(machine, Redis, Redis)).Where(Directory.Exists))
        {
            if (!Directory.Exists(folder) || new DirectoryInfo(folder).LinkTarget is not null)
            {
                continue;
            }
            string[] existing = [.. Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path))];
            foreach (string name in existing.Concat(Names).Distinct())
            {
                string path = Path.Combine(folder, name);
                bool isFolder = Directory.Exists(path) && new DirectoryInfo(path).LinkTarget is null;
                if (isFolder && !foldersToo)
                {
                    continue;
                }
                if (isFolder)
                {
                    Directory.Delete(path, recursive: true);
                }
                File.Delete(path);
                File.CreateSymbolicLink(path, isFolder ? victims.Folder : victims.Script);
                planted++;
            }
        }
        return planted;
    }

    /// <summary>A folder that is none of redis' business, with files of root.</summary>
    private sealed class Victims(string folder, string before)
    {
        public string Folder => folder;

        public string Script => Path.Combine(folder, "node.sh");

        public static Victims Create(Machine machine)
        {
            string folder = Path.Combine(Path.GetDirectoryName(machine.Root)!, "victims");
            Directory.CreateDirectory(folder);
            foreach (string name in Names.Append("node.sh"))
            {
                File.WriteAllText(Path.Combine(folder, name), "# root's\n");
            }
            return new Victims(folder, State(folder));
        }

        public void AreUntouched() => Assert.Equal(before, State(folder));

        private static string State(string folder) =>
            Shell.RunAsync("bash", ["-c", "cd \"$1\" && find . -printf '%P %U %G %m %s %T@\\n' | sort && sha256sum -- *", "state", folder]).GetAwaiter()
                .GetResult().Output;
    }
}
