// The data volume of a Redis node, on a real block device: it is formatted only when it is empty, the data moves to it whole or not at all, it grows
// in use, it comes back with another machine, and redis-server never starts without it.

using System.Globalization;
using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class DataVolumeTests
{
    private const string Rdb = "root/var/lib/redis/dump.rdb";

    [Fact]
    [Trait("Needs", "root")]
    public async Task An_empty_volume_is_formatted_once_and_comes_back_with_another_machine()
    {
        using var volume = new Volume("1G");
        using (var machine = new Machine("ubuntu"))
        {
            Attachment attached = volume.AttachTo(machine);
            machine.Succeeds(await machine.ApplyAsync(Script(1)));
            Assert.Equal("redis-ha-data", volume.Label);
            Assert.True(attached.IsMounted);
            attached.Data = "data";

            machine.Write("replication", "role:slave\n");
            machine.Succeeds(await machine.ApplyAsync(Script(1)));
            Assert.Equal("data", attached.Data);
            attached.Unmount();
        }

        using var other = new Machine("ubuntu");
        Attachment again = volume.AttachTo(other);
        other.Succeeds(await other.ApplyAsync(Script(1)));
        Assert.Equal("data", again.Data);
        Assert.True((await StartAsync(other)).ExitCode == 0);
        // It comes as far as the boot rule, which says nothing here.
        other.StandIn("setpriv", "exit 1");
        ShellResult rule = await other.RunAsync("bash", [Path.Combine(other.Root, "usr/local/libexec/redis-ha/boot.sh")]);
        Assert.Contains("boot rule: no decision", rule.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("not mounted", rule.Error, StringComparison.Ordinal);

        // After a boot it is not mounted: the start does it. Without the volume there is no start, and nothing is written to the boot volume.
        again.Unmount();
        Assert.Null(again.Data);
        Assert.True((await StartAsync(other)).ExitCode == 0);
        Assert.Equal("data", again.Data);
        again.Unmount();
        again.Detach();
        ShellResult refused = await StartAsync(other);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("the data volume of this node is not there, so redis-server does not start", refused.Error, StringComparison.Ordinal);
        ShellResult boot = await other.RunAsync("bash", [Path.Combine(other.Root, "usr/local/libexec/redis-ha/boot.sh")]);
        Assert.Equal(1, boot.ExitCode);
        Assert.Contains("the data volume is not mounted, so redis-server does not start", boot.Error, StringComparison.Ordinal);
        Assert.Contains("is not mounted", other.InRoot("/run/redis-ha/boot-rule"), StringComparison.Ordinal);
        Assert.Equal("555", (await Shell.RunAsync("stat", ["-c", "%a", Path.Combine(other.Root, "var/lib/redis")])).Output.Trim());
    }

    [Fact]
    [Trait("Needs", "root")]
    public async Task The_data_of_the_boot_volume_moves_on_a_replica_only_and_the_volume_grows_in_use()
    {
        using var volume = new Volume("1G");
        using var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        machine.Write(Rdb, "data");
        Attachment attached = volume.AttachTo(machine);

        machine.Write("replication", "role:master\n");
        Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);
        Assert.Contains("switch the master over first", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal(string.Empty, volume.Label);
        Assert.DoesNotContain("systemctl stop redis-server", machine.Calls, StringComparison.Ordinal);
        // What was refused keeps nobody from starting again on the boot volume.
        Assert.False(machine.Exists("root/var/lib/redis-ha/data-volume"));

        machine.Write("replication", "role:slave\nmaster_link_status:down\n");
        machine.Succeeds(await machine.ApplyAsync(Script(1)));
        Assert.True(attached.IsMounted);
        Assert.Equal("data", attached.Data);
        string[] calls = machine.Calls.Split('\n');
        int stopped = Array.IndexOf(calls, "systemctl stop redis-server.service");
        Assert.True(stopped >= 0 && stopped < Array.IndexOf(calls, "systemctl start --no-block redis-server.service"), machine.Calls);
        Assert.Contains("After=redis-ha-data.service var-lib-redis.mount",
            machine.InRoot("/etc/systemd/system/redis-server.service.d/redis-ha-data.conf"), StringComparison.Ordinal);

        long before = attached.TotalBytes;
        volume.Grow("2G");
        machine.StandIn("resize2fs", MayGrow ? "exec /usr/sbin/resize2fs \"$@\"" : string.Empty);
        machine.Succeeds(await machine.ApplyAsync(Script(2)));
        Assert.Contains($"resize2fs {volume.Device}\n", machine.Calls, StringComparison.Ordinal);
        Assert.True(!MayGrow || attached.TotalBytes > before * 3 / 2, $"{before} bytes, then {attached.TotalBytes}");
        Assert.Equal("data", attached.Data);
        Assert.DoesNotContain("systemctl stop", machine.Calls, StringComparison.Ordinal);

        // Larger than what is attached: the payload came before the volume had grown, or the machine does not see it.
        Assert.Equal(1, (await machine.ApplyAsync(Script(3))).ExitCode);
        Assert.Contains("has 2 GB and not 3", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);

        Assert.Empty(attached.OnBootVolume);
    }

    [Fact]
    [Trait("Needs", "root")]
    public async Task A_power_cut_at_any_step_of_the_move_loses_nothing()
    {
        using var volume = new Volume("1G");
        using var machine = new Machine("ubuntu");
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(PayloadInputs.Redis()).ApplyScript));
        machine.Write(Rdb, "data");
        machine.Write("replication", "role:slave\nmaster_link_status:down\n");
        Attachment attached = volume.AttachTo(machine);
        foreach (string program in new[] { "mkfs.ext4", "cp", "umount", "e2label", "find" })
        {
            machine.StandIn(program, $"exec \"$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v {program})\" \"$@\"");
        }

        foreach (string step in new[] { "mkfs.ext4", "cp -a", "umount", "e2label", "-delete" })
        {
            ShellResult cut = await machine.ApplyUntilAsync(step, Script(1));
            Assert.True(cut.ExitCode != 0 && machine.Calls.Contains(step, StringComparison.Ordinal),
                $"{step}: {cut}\n{machine.InRoot("/var/lib/redis-ha/apply.log")}");
            // Either the data is where redis-server finds it, or redis-server does not start.
            ShellResult start = await StartAsync(machine);
            Assert.True(start.ExitCode != 0 || attached.Data == "data", $"{step}: {start}");
        }

        machine.Succeeds(await machine.ApplyAsync(Script(1)));
        Assert.True(attached.IsMounted);
        Assert.Equal("data", attached.Data);
        Assert.Empty(attached.OnBootVolume);
    }

    [Fact]
    [Trait("Needs", "root")]
    public async Task A_volume_with_anything_on_it_is_never_formatted()
    {
        using var machine = new Machine("ubuntu");
        foreach (string prepare in new[]
        {
            "mkfs.ext4 -q -L mine $device", "mkswap $device",
            @"printf '\200\0\1\0\203\376\377\377\1\0\0\0\377\17\0\0' | dd of=$device bs=1 seek=446 status=none && "
                + @"printf '\125\252' | dd of=$device bs=1 seek=510 status=none",
            "printf x | dd of=$device bs=1 seek=9000000 conv=notrunc status=none", "printf x | dd of=$device bs=1 seek=67108863 conv=notrunc status=none",
        })
        {
            using var volume = new Volume("64M");
            Run("bash", "-c", prepare.Replace("$device", volume.Device, StringComparison.Ordinal));
            string before = volume.Fingerprint();
            Attachment attached = volume.AttachTo(machine);

            Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);

            Assert.Contains("so it is not formatted", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
            Assert.True(before == volume.Fingerprint(), prepare);
            Assert.False(attached.IsMounted);
            attached.Detach();
        }
    }

    [Fact]
    [Trait("Needs", "root")]
    public async Task Data_in_both_places_is_for_a_person_to_judge()
    {
        using var volume = new Volume("1G");
        using (var first = new Machine("ubuntu"))
        {
            Attachment attached = volume.AttachTo(first);
            first.Succeeds(await first.ApplyAsync(Script(1)));
            attached.Data = "data of the volume";
            attached.Unmount();
        }
        using var machine = new Machine("ubuntu");
        Directory.CreateDirectory(Path.Combine(machine.Root, "var/lib/redis"));
        machine.Write(Rdb, "data of the boot volume");
        Attachment again = volume.AttachTo(machine);

        Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);

        Assert.Contains("hold data of Redis: move away what is old", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal("data of the boot volume", machine.Read(Rdb));
    }

    // The kernel grows a mounted ext4 for CAP_SYS_RESOURCE, number 24, only; root of a container often lacks it.
    private static bool MayGrow => (Convert.ToUInt64(File.ReadLines("/proc/self/status")
        .Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))[7..].Trim(), 16) >> 24 & 1) == 1;

    private static string Script(int gigabytes) => NodePayload.Of(PayloadInputs.Redis() with { DataVolumeGb = gigabytes }).ApplyScript;

    // What redis-ha-data.service does before the boot rule.
    private static Task<ShellResult> StartAsync(Machine machine) =>
        machine.Exists("root/var/lib/redis-ha/data-volume")
            ? machine.RunAsync("bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/data-volume.sh")])
            : Task.FromResult(new ShellResult(0, string.Empty, string.Empty));

    /// <summary>A sparse file behind a loop device, and the mounts of the machines that have it: what else runs here never holds them.</summary>
    private sealed class Volume : IDisposable
    {
        private readonly WorkDirectory _directory = new();
        private readonly ChildProcess _mounts;
        private readonly string _image;

        public Volume(string size)
        {
            _image = Path.Combine(_directory.Path, "image");
            Run("truncate", $"--size={size}", _image);
            Device = Run("losetup", "--find", "--show", _image).Trim();
            _mounts = ChildProcess.Start("mounts", "unshare", ["--mount", "--propagation", "private", "--", "sleep", "infinity"],
                Path.Combine(_directory.Path, "mounts.log"));
            string ours = File.ResolveLinkTarget("/proc/self/ns/mnt", returnFinalTarget: false)!.Name;
            Eventually.HoldsAsync(() => File.ResolveLinkTarget($"{Process}/ns/mnt", returnFinalTarget: false) is { } its && its.Name != ours,
                () => $"no mount namespace: {_mounts.LogTail()}").GetAwaiter().GetResult();
        }

        public string Device { get; }

        public string Label => Run("bash", "-c", $"blkid -p -o value -s LABEL {Device} || true").Trim();

        public string[] EnterCommand => ["nsenter", $"--mount={Process}/ns/mnt", "--"];

        /// <summary>The file system as those in the namespace see it.</summary>
        public string Root => $"{Process}/root";

        private string Process => $"/proc/{_mounts.Id.ToString(CultureInfo.InvariantCulture)}";

        public Attachment AttachTo(Machine machine) => new(machine, this);

        public void Grow(string size)
        {
            Run("truncate", $"--size={size}", _image);
            Run("losetup", "--set-capacity", Device);
        }

        /// <summary>Of what differs from nothing: the file is sparse.</summary>
        public string Fingerprint() => Run("bash", "-c", $"sync {Device}; tr -d '\\0' <{Device} | sha256sum");

        public void Dispose()
        {
            _mounts.Dispose();
            Run("losetup", "--detach", Device);
            _directory.Dispose();
        }
    }

    /// <summary>A volume as a machine sees it.</summary>
    private sealed class Attachment
    {
        private readonly Machine _machine;
        private readonly Volume _volume;
        private readonly string _link;
        private readonly string _block;

        public Attachment(Machine machine, Volume volume)
        {
            (_machine, _volume) = (machine, volume);
            machine.EnterCommand = volume.EnterCommand;
            _link = Path.Combine(machine.Root, "dev/oracleoci/oraclevdb");
            _block = Path.Combine(machine.Root, "sys/class/block", Path.GetFileName(volume.Device));
            Directory.CreateDirectory(Path.GetDirectoryName(_link)!);
            Directory.CreateDirectory(Path.GetDirectoryName(_block)!);
            File.CreateSymbolicLink(_link, volume.Device);
            File.CreateSymbolicLink(_block, "/sys/class/block/" + Path.GetFileName(volume.Device));
        }

        public long TotalBytes => long.Parse(Inside("stat", "--file-system", "--format=%b", Folder).Output.Trim(), CultureInfo.InvariantCulture)
            * long.Parse(Inside("stat", "--file-system", "--format=%S", Folder).Output.Trim(), CultureInfo.InvariantCulture);

        public bool IsMounted => Inside("mountpoint", "--quiet", Folder).ExitCode == 0;

        /// <summary>What redis-server would find; null for nothing.</summary>
        public string? Data
        {
            get => File.Exists(_volume.Root + Snapshot) ? File.ReadAllText(_volume.Root + Snapshot) : null;
            set => File.WriteAllText(_volume.Root + Snapshot, value);
        }

        /// <summary>What lies in the folder on the boot volume.</summary>
        public IEnumerable<string> OnBootVolume => Directory.EnumerateFileSystemEntries(Folder);

        private string Folder => Path.Combine(_machine.Root, "var/lib/redis");

        private string Snapshot => Path.Combine(Folder, "dump.rdb");

        public void Unmount() => Assert.Equal(0, Inside("umount", Folder).ExitCode);

        public void Detach()
        {
            File.Delete(_link);
            File.Delete(_block);
        }

        private ShellResult Inside(params string[] words) =>
            Shell.RunAsync(_volume.EnterCommand[0], [.. _volume.EnterCommand[1..], .. words]).GetAwaiter().GetResult();
    }

    private static string Run(string program, params string[] arguments)
    {
        ShellResult result = Shell.RunAsync(program, arguments).GetAwaiter().GetResult();
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }
}
