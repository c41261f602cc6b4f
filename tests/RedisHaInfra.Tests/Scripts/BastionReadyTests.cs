// The bastion's script, in a directory and against stand-ins of its SSH server: what it installs, when it restarts, and that "ready"
// means hardened and answering.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaInfra.Components;

namespace RedisHaInfra.Tests.Scripts;

public sealed class BastionReadyTests : IDisposable
{
    private const string Key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl it's $(me)";
    private const string Leaver = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH7Y9qW4bCkMQ2j6P4XW0dxA6wdr1Qb9p1T3tQqYv7cA leaver";

    private readonly string _root = Directory.CreateTempSubdirectory("redis-ha-bastion-").FullName;
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();

    public BastionReadyTests()
    {
        foreach (string directory in new[] { "var/lib/redis-ha", "var/log", "etc/ssh/sshd_config.d", "bin" })
        {
            Directory.CreateDirectory(Path.Combine(_root, directory));
        }
        File.WriteAllText(Path.Combine(_root, "var/lib/redis-ha/ready"), "");
        File.WriteAllText(Path.Combine(_root, "var/log/cloud-init-output.log"), "the last words of cloud-init\n");
        // What sshd -T prints: lower-case keywords, one line each, the file's values in effect.
        Command("sshd", """
            case $1 in
              -T) sed -e '/^#/d' -e 's/^[^ ]*/\L&/' "$ROOT/etc/ssh/sshd_config.d/00-redis-ha.conf" | sed -e "${OTHER:-}" ;;
              *) echo "sshd $*" >>"$ROOT/calls" ;;
            esac
            """);
        Command("systemctl", "echo \"systemctl $*\" >>\"$ROOT/calls\"");
        _server.Start();
        _ = Task.Run(async () =>
        {
            while (true)
            {
                using Socket client = await _server.AcceptSocketAsync(_end.Token);
                await client.SendAsync(Encoding.ASCII.GetBytes("SSH-2.0-Test\r\n"));
            }
        });
    }

    public void Dispose()
    {
        _end.Cancel();
        _server.Stop();
        _end.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    [SkippableFact]
    public async Task It_installs_keys_and_settings_restarts_the_server_and_finds_it_hardened()
    {
        ScriptRun run = await Ready($"{Key}\n{Leaver}");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Errors));
        Assert.Equal("the bastion's SSH server runs with its settings and 2 key(s)\n", run.Output);
        Assert.Equal($"{Key}\n{Leaver}\n", InRoot("etc/ssh/authorized_keys.d/opc"));
        Assert.Contains("\nAllowUsers opc\n", InRoot("etc/ssh/sshd_config.d/00-redis-ha.conf"), StringComparison.Ordinal);
        // What connections stand in before their login stays over the restart.
        Assert.Contains("systemctl daemon-reload\nsystemctl restart ssh.service\n", Calls, StringComparison.Ordinal);
        Assert.Equal("[Service]\nRuntimeDirectoryPreserve=yes\n", InRoot("etc/systemd/system/ssh.service.d/redis-ha.conf"));

        // Again: nothing. A leaver: one file. Interrupted before the restart was done: the restart.
        run = await Ready($"{Key}\n{Leaver}");
        Assert.Equal((0, string.Empty), (run.ExitCode, Calls));
        run = await Ready(Key);
        Assert.Equal((0, string.Empty), (run.ExitCode, Calls));
        Assert.Equal($"{Key}\n", InRoot("etc/ssh/authorized_keys.d/opc"));
        File.Delete(Path.Combine(_root, "var/lib/redis-ha/sshd"));
        run = await Ready(Key);
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("systemctl restart ssh.service\n", Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_setting_that_another_file_overrules_is_named()
    {
        ScriptRun run = await Ready(Key, other: "s/^passwordauthentication no/passwordauthentication yes/");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the SSH setting \"PasswordAuthentication no\" is not in effect: another file in /etc/ssh says \"passwordauthentication yes\"",
            run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_server_that_does_not_answer_is_not_ready()
    {
        _server.Stop();

        ScriptRun run = await Ready(Key);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("does not answer after it took its settings", run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Keys_that_are_none_leave_the_old_ones()
    {
        Assert.Equal(0, (await Ready(Key)).ExitCode);

        ScriptRun run = await Ready("ssh-ed25519 nonsense");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the keys stay as they are", run.Errors, StringComparison.Ordinal);
        Assert.Equal($"{Key}\n", InRoot("etc/ssh/authorized_keys.d/opc"));
    }

    [SkippableFact]
    public async Task A_first_boot_that_never_ends_is_shown()
    {
        File.Delete(Path.Combine(_root, "var/lib/redis-ha/ready"));

        ScriptRun run = await Ready(Key);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the last words of cloud-init", run.Errors, StringComparison.Ordinal);
    }

    private string Calls => InRoot("calls");

    private string InRoot(string path) => File.Exists(Path.Combine(_root, path)) ? File.ReadAllText(Path.Combine(_root, path)) : string.Empty;

    private void Command(string name, string body)
    {
        string path = Path.Combine(_root, "bin", name);
        File.WriteAllText(path, $"#!/bin/bash\n{body}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        }
    }

    private Task<ScriptRun> Ready(string keys, string other = "")
    {
        Skip.IfNot(ScriptRun.HasBash && Installed.Has("ssh-keygen"), "needs bash and ssh-keygen");
        File.Delete(Path.Combine(_root, "calls"));
        return ScriptRun.Of(Bastion.ReadyScript("opc", keys), ["opc", "1"], new()
        {
            ["REDIS_HA_ROOT"] = _root,
            ["ROOT"] = _root,
            ["OTHER"] = other,
            ["REDIS_HA_SSH_PORT"] = $"{((IPEndPoint)_server.LocalEndpoint).Port}",
            ["PATH"] = $"{_root}/bin:{Environment.GetEnvironmentVariable("PATH")}",
        });
    }
}
