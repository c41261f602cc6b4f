// scripts/backup and scripts/restore with stand-ins for pulumi, ssh and curl.

using System.Globalization;
using System.Security.Cryptography;

namespace RedisHaInfra.Tests.Scripts;

public sealed class BackupScriptTests : IDisposable
{
    private const string Facts = "printf 'fact\\tclock\\t%s\\n' \"$(date +%s)\"; ";
    private const string Old = "20200101T023000Z-redis2";
    private const string Look =
        "case $* in *look*) printf 'target redis2\\nmaster redis1\\nkeys 17\\nbackups on\\n' ;; *go*) echo restored ;; *) cat >\"$WORK/given\" ;; esac";

    private readonly StandInStack _stack = new();

    public void Dispose() => _stack.Dispose();

    private static string Recent { get; } = DateTime.UtcNow.AddMinutes(-90).ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture) + "-redis3";

    // Behind the address, as Object Storage lists it: two backups, and one that was never finished.
    private void Stored()
    {
        File.WriteAllText(Path.Combine(_stack.Folder, "outputs/backupAddress"), "https://objects.example/p/the-read-token/n/ns/b/backups/o/\n");
        Directory.CreateDirectory(Path.Combine(_stack.Folder, "store"));
        string digest = Convert.ToHexStringLower(SHA256.HashData("part 0part 1"u8));
        foreach ((string name, string keys) in new[] { (Old, "1000"), (Recent, "2000") })
        {
            File.WriteAllText(Path.Combine(_stack.Folder, $"store/{name}.manifest"),
                "redis-ha-backup 1\nnode redis2\nredis 7.0.15\nbytes 12\nparts 2\n"
                + $"sha256 {(name == Old ? "d7b4d54a2c5a5a7d" : digest)}\nkeys {keys}\nchecked loaded\n");
            File.WriteAllText(Path.Combine(_stack.Folder, $"store/{name}.part.0000"), "part 0");
            File.WriteAllText(Path.Combine(_stack.Folder, $"store/{name}.part.0001"), "part 1");
        }
        string Listed(string name, int size) => $$"""{"name":"{{name}}","size":{{size}},"timeCreated":"2026-11-29T02:30:00.000Z"}""";
        // In two pages.
        File.WriteAllText(Path.Combine(_stack.Folder, "store/page1"), $$"""
            {"objects":[{{Listed($"{Old}/manifest", 100)}},{{Listed($"{Old}/part.0000", 1048576)}},{{Listed($"{Old}/part.0001", 1048576)}}],"prefixes":[],
            "nextStartWith":"{{Recent}}/manifest"}
            """);
        File.WriteAllText(Path.Combine(_stack.Folder, "store/page2"), $$"""
            {"objects":[{{Listed($"{Recent}/manifest", 100)}},{{Listed($"{Recent}/part.0000", 6)}},{{Listed("20991231T235959Z-redis1/part.0000", 6)}},
            {"size":1,"name":"$(reboot)/manifest"}],"prefixes":[]}
            """);
        _stack.Program("curl", """
            echo "curl $*" >>"$WORK/calls"
            url=$(sed -n 's/^url = "\(.*\)"$/\1/p')
            case $url in
              *'start='*) cat "$WORK/store/page2" ;;
              *'?'*) cat "$WORK/store/page1" ;;
              *) name=${url##*/o/}; cat "$WORK/store/${name%/*}.${name##*/}" || exit 22 ;;
            esac
            """);
    }

    [SkippableTheory]
    [InlineData("backup")]
    [InlineData("backup", "tomorrow")]
    [InlineData("backup", "get")]
    [InlineData("backup", "get", "../../etc/passwd")]
    [InlineData("backup", "now", "list")]
    [InlineData("restore")]
    [InlineData("restore", "--file", "/nowhere")]
    [InlineData("restore", "$(reboot)")]
    [InlineData("restore", "latest", "--undo")]
    public async Task What_backups_and_restores_do_not_know_is_refused(string script, params string[] arguments)
    {
        ShellResult run = await _stack.RunAsync(script, arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.Contains($"scripts/{script} --help", run.Error, StringComparison.Ordinal);
        Assert.Equal(string.Empty, _stack.Calls);
        Assert.StartsWith($"usage: scripts/{script} ", (await _stack.RunAsync(script, "--help")).Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Backups_are_listed_with_age_size_and_how_they_were_checked()
    {
        ShellResult off = await _stack.RunAsync("backup", "list");
        Assert.Equal(1, off.ExitCode);
        Assert.Contains("backups are off: set backupSchedule", off.Error, StringComparison.Ordinal);

        Stored();
        ShellResult run = await _stack.RunAsync("backup", "list");

        Assert.True(run.ExitCode == 0, run.ToString());
        string[] lines = run.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.Matches($"^{Recent} +90 min +1 MB +2000 +loaded +7.0.15$", lines[1]);
        Assert.Matches($"^{Old} +[0-9]+ days +3 MB +1000 +loaded +7.0.15$", lines[2]);
        Assert.DoesNotContain("the-read-token", _stack.Calls + run.Error + run.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_next_node_makes_the_backup_when_one_cannot()
    {
        Stored();
        _stack.Machine("redis1", "exit 255");
        _stack.Machine("redis2", "case $* in *plan) printf 'redis3\\n$(reboot)\\nredis2\\n' ;; *now) echo 'ok 20261129T023000Z-redis2 5 keys 7 bytes' ;; esac");
        _stack.Machine("redis3", "echo 'failed too little disk is left'; exit 1");

        ShellResult run = await _stack.RunAsync("backup", "now");

        Assert.Equal((0, "redis3: failed too little disk is left\nredis2: ok 20261129T023000Z-redis2 5 keys 7 bytes\n"), (run.ExitCode, run.Output));
    }

    [SkippableFact]
    public async Task A_backup_is_fetched_whole_or_not_at_all()
    {
        Stored();
        ShellResult good = await _stack.RunAsync("backup", "get", Recent);
        Assert.Equal((0, "part 0part 1"), (good.ExitCode, good.Output));

        ShellResult bad = await _stack.RunAsync("backup", "get", Old);
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains($"the bytes of {Old} are not those of its manifest", bad.Error, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_restore_says_what_is_lost_and_asks()
    {
        Stored();
        _stack.Machine("*", Look);
        ShellResult asked = await _stack.RunAsync("restore", "latest");
        Assert.Equal(2, asked.ExitCode);
        Assert.Contains("redis1 is master with 17 keys.", asked.Output, StringComparison.Ordinal);
        Assert.Contains($"by     backup {Recent}, 90 min old, 2000 keys", asked.Output, StringComparison.Ordinal);
        Assert.Contains("nobody can be asked here: say --yes", asked.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("redis-ha-restore go", _stack.Calls, StringComparison.Ordinal);

        ShellResult run = await _stack.RunAsync("restore", "latest", "--yes");
        Assert.True(run.ExitCode == 0, run.ToString());
        Assert.EndsWith("restored\n", run.Output, StringComparison.Ordinal);
        Assert.Contains($" redis2 sudo -n /usr/local/sbin/redis-ha-restore fetch {Recent}\n", _stack.Calls, StringComparison.Ordinal);
        Assert.EndsWith(" redis2 sudo -n /usr/local/sbin/redis-ha-restore go\n", _stack.Calls, StringComparison.Ordinal);
        // The address is on no command line: the node has it from standard input.
        Assert.Equal("https://objects.example/p/the-read-token/n/ns/b/backups/o/\n", await File.ReadAllTextAsync(Path.Combine(_stack.Folder, "given")));
        Assert.DoesNotContain("the-read-token", _stack.Calls, StringComparison.Ordinal);

        _stack.Machine("*", Look.Replace("backups on", "backups off", StringComparison.Ordinal));
        string file = Path.Combine(_stack.Folder, "dump.rdb");
        await File.WriteAllTextAsync(file, "REDIS0010");
        ShellResult lost = await _stack.RunAsync("restore", "--file", file, "--yes");
        Assert.Equal(1, lost.ExitCode);
        Assert.Contains("the present data (17 keys) would be lost for good", lost.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await _stack.RunAsync("restore", "--file", file, "--yes", "--no-backup")).ExitCode);
        Assert.Equal("REDIS0010", await File.ReadAllTextAsync(Path.Combine(_stack.Folder, "given")));
        Assert.EndsWith(" redis2 sudo -n /usr/local/sbin/redis-ha-restore go --no-backup\n", _stack.Calls, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_status_shows_a_backup_that_failed_or_is_overdue()
    {
        _stack.Machine("bastion", "case $* in *tcp*) echo '-NOAUTH Authentication required.' ;; *) echo 'ready: the way in' ;; esac");
        _stack.Machine("redis2", $"echo 'ready: replica'; echo 'every 86400'; echo 'backup ok {Old} 5 keys 7 bytes'");
        _stack.Machine("redis3", $"echo 'ready: replica'; echo 'every 86400'; echo 'backup ok {Recent} 5 keys 7 bytes'");
        ShellResult good = await _stack.RunAsync("status");
        Assert.True(good.ExitCode == 0, good.ToString());
        Assert.DoesNotContain("backups", good.Output, StringComparison.Ordinal);

        _stack.Machine("redis3", "echo 'ready: replica'; echo 'every 86400'; printf 'backup failed too little disk \\033[2J is left\\n'");
        ShellResult bad = await _stack.RunAsync("status");
        Assert.Equal(1, bad.ExitCode);
        Assert.Contains("  backups   redis3's last backup failed: too little disk [2J is left: scripts/doctor\n", bad.Output, StringComparison.Ordinal);
        Assert.Matches("\n  backups   no backup for [0-9]+ days: scripts/doctor\n", bad.Output);
        using var document = System.Text.Json.JsonDocument.Parse((await _stack.RunAsync("status", "--json")).Output);
        Assert.StartsWith("redis3's last backup failed: too little disk [2J is left; no backup for ",
            document.RootElement.GetProperty("backups").GetString(), StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task No_backup_at_all_is_bad_once_one_was_due()
    {
        Stored();
        await File.WriteAllTextAsync(Path.Combine(_stack.Folder, "store/page1"), "{}");
        string Backups(int since) => Facts
            + $"cat >/dev/null; printf 'fact\\tbackup\\t86400\\nfact\\tbackups-on\\t%s\\n' $(($(date +%s) - {since}))";
        _stack.Machine("*", Backups(since: 60));
        ShellResult soon = await _stack.RunAsync("doctor");
        Assert.Equal(0, soon.ExitCode);
        Assert.Contains("look  backups: there is no backup yet\n", soon.Output, StringComparison.Ordinal);

        _stack.Machine("*", Backups(since: 86_400 + 7_260));
        ShellResult late = await _stack.RunAsync("doctor");
        Assert.Equal(1, late.ExitCode);
        Assert.Contains("BAD   backups: backups have been on for 26 h, and there is none\n        remedy: scripts/backup now", late.Output,
            StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task The_doctor_knows_the_age_of_the_last_good_backup()
    {
        Stored();
        _stack.Machine("*", Facts + "cat >/dev/null; printf 'fact\\tbackup\\t86400\\n'");
        Assert.Equal((0, "nothing found\n"), ((await _stack.RunAsync("doctor")).ExitCode, (await _stack.RunAsync("doctor")).Output));

        await File.WriteAllTextAsync(Path.Combine(_stack.Folder, "store/page2"), "{}");
        ShellResult old = await _stack.RunAsync("doctor");
        Assert.Equal(1, old.ExitCode);
        Assert.Contains($"BAD   backups: the last good backup, {Old}, is ", old.Output, StringComparison.Ordinal);
        _stack.Program("curl", "exit 22");
        Assert.Contains("BAD   backups: the list of backups cannot be read", (await _stack.RunAsync("doctor")).Output, StringComparison.Ordinal);
    }
}
