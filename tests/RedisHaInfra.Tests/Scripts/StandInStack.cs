// A stack for the scripts: stand-ins for pulumi and ssh, with what each machine answers.

using RedisHaInfra.Components;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Scripts;

internal sealed class StandInStack : IDisposable
{
    public StandInStack(bool hasBastion = true)
    {
        Directory.CreateDirectory(Path.Combine(Folder, "outputs"));
        Output("endpoint", "172.31.235.188:6379");
        Output("knownHosts", hasBastion ? "203.0.113.1,172.31.235.2 ecdsa-sha2-nistp256 AAAA" : "172.31.235.131 ecdsa-sha2-nistp256 AAAA");
        Output("password", "the-Clients-0wn");
        Output("statsPage", "http://127.0.0.1:1936/stats");
        Output("nodes", """[{"name": "redis1", "availabilityDomain": "AD-1"}, {"name": "redis2", "availabilityDomain": "AD-2"}]""");
        Output("sshConfig", new Instructions("ubuntu", hasBastion ? "203.0.113.1" : null, Node("redis1", 131), null)
            .SshConfig([Node("redis1", 131), Node("redis2", 132), Node("redis3", 133), Node("proxy1", 141), Node("proxy2", 142)]));
        Program("pulumi", """
            echo "pulumi $*" >>"$WORK/calls"
            [ -f Pulumi.yaml ] || { echo 'error: no Pulumi.yaml project file found' >&2; exit 255; }
            [ -f "$WORK/outputs/$3" ] || { echo "error: current stack does not have output property '$3'" >&2; exit 255; }
            cat "$WORK/outputs/$3"
            """);
        Machine("*", "cat >/dev/null; echo 'ready: fine'");
    }

    /// <summary>Where everything of it lies.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("redis-ha-scripts-").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>What was asked of pulumi and ssh.</summary>
    public string Calls => File.Exists(Path.Combine(Folder, "calls")) ? File.ReadAllText(Path.Combine(Folder, "calls")) : string.Empty;

    private static NodeAddress Node(string name, int last) => new(name, $"172.31.235.{last}");

    /// <summary>Sets an output.</summary>
    public void Output(string name, string value) => File.WriteAllText(Path.Combine(Folder, "outputs", name), value + "\n");

    /// <summary>What ssh gives from a machine; "*" for those without an answer of their own.</summary>
    public void Machine(string name, string answer)
    {
        File.WriteAllText(Path.Combine(Folder, $"machine-{name}"), answer + "\n");
        // Its options all have a word of their own but these.
        Program("ssh", """
            echo "ssh $*" >>"$WORK/calls"
            look=no
            while [ $# -gt 0 ]; do case $1 in -N | -M | -f | -t | -T) shift ;; -G) look=yes; shift ;; -*) shift 2 ;; *) break ;; esac; done
            machine=$1
            shift
            if [ $look = yes ]; then sed -n "/^Host $machine\$/,/HostName/s/^  HostName /hostname /p" "$WORK"/cache/redis-ha/*.config; exit; fi
            if [ -f "$WORK/machine-$machine" ]; then . "$WORK/machine-$machine"; else . "$WORK/machine-*"; fi
            """);
    }

    /// <summary>Another program in the place of one, which knows the folder as WORK.</summary>
    public void Program(string name, string body)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllText(path, $"#!/bin/bash\nWORK='{Folder}'\n{body}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Runs a script.</summary>
    public Task<ShellResult> RunAsync(string script, params string[] arguments)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        return Shell.RunAsync("bash", [Path.Combine(Repository.Root, "scripts", script), .. arguments], environment: new Dictionary<string, string>
        {
            ["PATH"] = $"{Folder}:/usr/local/bin:/usr/bin:/bin",
            ["XDG_CACHE_HOME"] = Path.Combine(Folder, "cache"),
            ["REDIS_HA_LAB_STATE"] = Path.Combine(Folder, "labs"),
        });
    }
}
