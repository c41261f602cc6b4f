// A machine made of a directory: the payload applies into it, and stand-ins record what it asks of the system.
//
// Stand-ins are small shell scripts in a directory at the head of PATH. Each appends its command line to "calls"; those that the
// apply scripts ask questions of keep their state in files, so that a second apply sees what the first one did.

namespace RedisHaInfra.Tests.Nodes;

internal sealed class Machine : IDisposable
{
    // With a file "kill-at", the first call that contains its text is a power cut: everything that the apply script started ends at once.
    private const string Recorder = """
        #!/bin/bash
        echo "${0##*/} $*" >>"$MACHINE/calls"
        if [ -s "$MACHINE/kill-at" ] && [[ "${0##*/} $*" == *"$(<"$MACHINE/kill-at")"* ]]; then : >"$MACHINE/kill-at"; kill -9 0; fi

        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("redis-ha-machine").FullName;

    public Machine(string distribution)
    {
        foreach (string directory in new[] { "root/etc/ssh/sshd_config.d", "root/proc/sys/vm", "root/proc/sys/net/core", "root/proc/sys/net/ipv4", "bin",
            "active", "packages", "rules" })
        {
            Directory.CreateDirectory(Path.Combine(_directory, directory));
        }
        Write("root/etc/os-release", $"NAME=\"test\"\nID=\"{distribution}\"\n");
        Write("root/proc/sys/vm/overcommit_memory", "0\n");
        Write("root/proc/sys/vm/swappiness", "60\n");
        Write("root/proc/sys/net/core/somaxconn", "4096\n");
        Write("root/proc/sys/net/ipv4/tcp_max_syn_backlog", "1024\n");
        Write("calls", string.Empty);

        foreach (string recorded in new[] { "chown", "restorecon", "netfilter-persistent", "useradd", "journalctl", "sleep", "systemd-tmpfiles", "findmnt",
            "growpart", "resize2fs", "xfs_growfs", "apt-mark" })
        {
            StandIn(recorded, string.Empty);
        }
        StandIn("sshd", "[ \"$1\" != -T ] || cat \"$REDIS_HA_ROOT/etc/ssh/sshd_config.d/\"*");
        StandIn("ssh-keygen", "for file; do :; done; grep -q '^ssh-' \"$file\"");
        StandIn("systemd-detect-virt", "exit 1");
        StandIn("getent", "exit 2");
        StandIn("systemctl", """
            for unit; do :; done
            case $1 in
              is-active) [ -e "$MACHINE/active/$unit" ] ;;
              start | restart) touch "$MACHINE/active/$unit" ;;
              stop) rm -f "$MACHINE/active/$unit" ;;
            esac
            """);
        StandIn("dpkg-query", "for package; do :; done; [ -e \"$MACHINE/packages/$package\" ] && echo installed");
        StandIn("rpm", "for package; do :; done; [ -e \"$MACHINE/packages/$package\" ]");
        foreach (string manager in new[] { "apt-get", "dnf" })
        {
            StandIn(manager, """
                if [ -s "$MACHINE/fail" ]; then sed -i 1d "$MACHINE/fail"; echo "cannot reach the mirror" >&2; exit 100; fi
                case " $* " in *" install "*) for package; do touch "$MACHINE/packages/$package"; done ;; esac
                """);
        }
        StandIn("redis-server", "echo 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0'");
        StandIn("redis-cli", """
            case " $* " in *" --tls "*) shift 3 ;; esac
            if [ $# -lt 8 ]; then cat >>"$MACHINE/stdin"; echo OK; exit; fi
            case " $* " in
              *" INFO replication "*) cat "$MACHINE/replication" 2>/dev/null ;;
              *" ACL LOAD "*) echo OK ;;
              *) exit 1 ;;
            esac
            """);
        // Rules are lines of a file; INPUT ends with REJECT, as in the images of OCI.
        Write("rules/INPUT", "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT\n");
        StandIn("iptables", """
            shift 2
            case $1 in
              -C) shift; grep -q -x -F -e "-A $*" "$MACHINE/rules/INPUT" ;;
              -L) echo 'Chain INPUT (policy ACCEPT)'; echo 'num  target  prot'; awk '{ print NR, $NF == "REJECT" ? "REJECT" : "ACCEPT" }' "$MACHINE/rules/INPUT" ;;
              -I) line=$3; shift 3; sed -i "${line}i -A INPUT $*" "$MACHINE/rules/INPUT" ;;
              -S) echo '-P INPUT ACCEPT'; cat "$MACHINE/rules/INPUT" ;;
            esac
            """);
        StandIn("firewall-cmd", """
            case " $* " in
              *" --permanent --query-port="*) grep -q -x -e "${3#--query-port=}" "$MACHINE/rules/permanent" ;;
              *" --query-port="*) grep -q -x -e "${2#--query-port=}" "$MACHINE/rules/runtime" ;;
              *" --permanent --add-port="*) echo "${2#--add-port=}" >>"$MACHINE/rules/permanent" ;;
              *" --add-port="*) echo "${1#--add-port=}" >>"$MACHINE/rules/runtime" ;;
            esac
            """);
        Write("rules/permanent", string.Empty);
        Write("rules/runtime", string.Empty);
        // The bundle "downloads" from a file; what it is and what its check says is up to the test.
        StandIn("curl", """
            while [ $# -gt 1 ]; do case $1 in --output) target=$2 ;; --config) config=$2 ;; esac; shift; done
            cp "$config" "$MACHINE/curl-config"
            cp "$MACHINE/bundle" "$target"
            """);
        StandIn("setpriv", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"");
    }

    public string Root => Path.Combine(_directory, "root");

    public string Calls => Read("calls");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    public void Write(string path, string text) => File.WriteAllText(Path.Combine(_directory, path), text);

    public string Read(string path) => File.Exists(Path.Combine(_directory, path)) ? File.ReadAllText(Path.Combine(_directory, path)) : string.Empty;

    public string InRoot(string path) => Read("root" + path);

    public bool Exists(string path) => File.Exists(Path.Combine(_directory, path));

    public void StandIn(string name, string body)
    {
        string path = Path.Combine(_directory, "bin", name);
        File.WriteAllText(path, $"{Recorder}{body}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(
                path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
                | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        }
    }

    /// <summary>The power fails at the first command whose line contains this.</summary>
    public async Task<ShellResult> ApplyUntilAsync(string call, string script)
    {
        Write("calls", string.Empty);
        Write("kill-at", call);
        return await RunAsync("setsid", ["--wait", "bash", "-s"], script);
    }

    /// <summary>From now on the machine's own program is used.</summary>
    public void WithoutStandIn(params string[] names)
    {
        foreach (string name in names)
        {
            File.Delete(Path.Combine(_directory, "bin", name));
        }
    }

    /// <summary>The environment in which the machine's scripts run.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["MACHINE"] = _directory,
        ["REDIS_HA_ROOT"] = Root,
        ["PATH"] = $"{_directory}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    };

    /// <summary>What systemd gives redis-ha-watch: directories of its own, and its password as a credential.</summary>
    public IReadOnlyDictionary<string, string> WatchEnvironment(string password)
    {
        var environment = new Dictionary<string, string>(Environment);
        foreach (string directory in new[] { "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY" })
        {
            environment[directory] = Directory.CreateDirectory(Path.Combine(_directory, directory)).FullName;
        }
        Write("CREDENTIALS_DIRECTORY/watch.password", password + "\n");
        return environment;
    }

    /// <summary>Makes a process the one of a unit, as the unit's control group has it.</summary>
    public void RunsAs(string unit, int process)
    {
        Directory.CreateDirectory(Path.Combine(Root, $"sys/fs/cgroup/system.slice/{unit}.service"));
        Write($"root/sys/fs/cgroup/system.slice/{unit}.service/cgroup.procs", $"{process}\n");
    }

    /// <summary>Applies a payload as a node does: the script on the standard input of bash.</summary>
    public async Task<ShellResult> ApplyAsync(string script)
    {
        Write("calls", string.Empty);
        return await RunAsync("bash", ["-s"], script);
    }

    /// <summary>Fails the test unless an apply has succeeded; shows its log.</summary>
    public void Succeeds(ShellResult result) =>
        Assert.True(result.ExitCode == 0, $"{result}\n{InRoot("/var/lib/redis-ha/apply.log")}\n{InRoot("/var/lib/redis-ha/failed")}");

    /// <summary>The markers that an apply has left.</summary>
    public IEnumerable<string> Markers =>
        new[] { "awaits-secrets", "configured", "failed", "ready" }.Where(marker => Exists($"root/var/lib/redis-ha/{marker}"));

    /// <summary>The command that runs the words after it where this machine's processes run; empty for here.</summary>
    public IReadOnlyList<string> EnterCommand { get; set; } = [];

    public Task<ShellResult> RunAsync(string program, IEnumerable<string> arguments, string input = "")
    {
        string[] words = [.. EnterCommand, program, .. arguments];
        return Shell.RunAsync(words[0], words[1..], input, Environment);
    }

    /// <summary>Every file below the root with its content, to compare two states; markers and logs excepted.</summary>
    public IReadOnlyDictionary<string, string> Files() =>
        Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
            .Where(path => !path.EndsWith(".log", StringComparison.Ordinal))
            .ToDictionary(path => path[Root.Length..], path => new FileInfo(path).LinkTarget is { } target ? $"-> {target}"
                : $"{(OperatingSystem.IsLinux() ? File.GetUnixFileMode(path) : 0)} {File.ReadAllText(path)}");
}
