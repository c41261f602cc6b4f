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
            using Attachment attached = volume.AttachTo(machine);
            machine.Succeeds(await machine.ApplyAsync(Script(1)));
            Assert.Equal("redis-ha-data", volume.Label);
            Assert.True(await attached.IsMountedAsync());
            machine.Write(Rdb, "data");

            machine.Write("replication", "role:slave\n");
            machine.Succeeds(await machine.ApplyAsync(Script(1)));
            Assert.Equal("data", machine.Read(Rdb));
        }

        using var other = new Machine("ubuntu");
        using Attachment again = volume.AttachTo(other);
        other.Succeeds(await other.ApplyAsync(Script(1)));
        Assert.Equal("data", other.Read(Rdb));
        Assert.True((await StartAsync(other)).ExitCode == 0);

        // After a boot it is not mounted: the start does it. Without the volume there is no start, and nothing is written to the boot volume.
        again.Unmount();
        Assert.Equal(string.Empty, other.Read(Rdb));
        Assert.True((await StartAsync(other)).ExitCode == 0);
        Assert.Equal("data", other.Read(Rdb));
        again.Unmount();
        again.Detach();
        ShellResult refused = await StartAsync(other);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("the data volume of this node is not there, so redis-server does not start", refused.Error, StringComparison.Ordinal);
        Assert.Contains("is not there", other.InRoot("/run/redis-ha/boot-rule"), StringComparison.Ordinal);
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
        using Attachment attached = volume.AttachTo(machine);

        machine.Write("replication", "role:master\n");
        Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);
        Assert.Contains("switch the master over first", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal(string.Empty, volume.Label);
        Assert.DoesNotContain("systemctl stop redis-server", machine.Calls, StringComparison.Ordinal);
        // What was refused keeps nobody from starting again on the boot volume.
        Assert.False(machine.Exists("root/var/lib/redis-ha/data-volume"));

        machine.Write("replication", "role:slave\nmaster_link_status:down\n");
        machine.Succeeds(await machine.ApplyAsync(Script(1)));
        Assert.True(await attached.IsMountedAsync());
        Assert.Equal("data", machine.Read(Rdb));
        string[] calls = machine.Calls.Split('\n');
        Assert.True(Array.IndexOf(calls, "systemctl stop redis-server.service") < Array.FindIndex(calls, call => call.StartsWith("systemctl start", StringComparison.Ordinal)
            && call.EndsWith(" redis-server.service", StringComparison.Ordinal)), machine.Calls);
        Assert.Contains("After=var-lib-redis.mount", machine.InRoot("/etc/systemd/system/redis-server.service.d/redis-ha-data.conf"), StringComparison.Ordinal);

        long before = attached.TotalBytes;
        volume.Grow("2G");
        machine.StandIn("resize2fs", MayGrow ? "exec /usr/sbin/resize2fs \"$@\"" : string.Empty);
        machine.Succeeds(await machine.ApplyAsync(Script(2)));
        Assert.Contains($"resize2fs {volume.Device}\n", machine.Calls, StringComparison.Ordinal);
        Assert.True(!MayGrow || attached.TotalBytes > before * 3 / 2, $"{before} bytes, then {attached.TotalBytes}");
        Assert.Equal("data", machine.Read(Rdb));
        Assert.DoesNotContain("systemctl stop", machine.Calls, StringComparison.Ordinal);

        // Larger than what is attached: the payload came before the volume had grown, or the machine does not see it.
        Assert.Equal(1, (await machine.ApplyAsync(Script(3))).ExitCode);
        Assert.Contains("has 2 GB and not 3", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);

        attached.Unmount();
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Root, "var/lib/redis")));
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
        using Attachment attached = volume.AttachTo(machine);
        foreach (string program in new[] { "mkfs.ext4", "cp", "umount", "e2label", "find" })
        {
            machine.StandIn(program, $"exec \"$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v {program})\" \"$@\"");
        }

        foreach (string step in new[] { "mkfs.ext4", "cp -a", "umount", "e2label", "-delete" })
        {
            ShellResult cut = await machine.ApplyUntilAsync(step, Script(1));
            Assert.True(cut.ExitCode != 0 && machine.Calls.Contains(step, StringComparison.Ordinal), $"{step}: {cut}\n{machine.InRoot("/var/lib/redis-ha/apply.log")}");
            // Either the data is where redis-server finds it, or redis-server does not start.
            ShellResult start = await StartAsync(machine);
            Assert.True(start.ExitCode != 0 || machine.Read(Rdb) == "data", $"{step}: {start}");
        }

        machine.Succeeds(await machine.ApplyAsync(Script(1)));
        Assert.True(await attached.IsMountedAsync());
        Assert.Equal("data", machine.Read(Rdb));
        attached.Unmount();
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(machine.Root, "var/lib/redis")));
    }

    [Fact]
    [Trait("Needs", "root")]
    public async Task A_volume_with_anything_on_it_is_never_formatted()
    {
        using var machine = new Machine("ubuntu");
        foreach (string prepare in new[]
        {
            "mkfs.ext4 -q -L mine $device", "mkswap $device", @"printf '\200\0\1\0\203\376\377\377\1\0\0\0\377\17\0\0' | dd of=$device bs=1 seek=446 status=none && "
                + @"printf '\125\252' | dd of=$device bs=1 seek=510 status=none",
            "printf x | dd of=$device bs=1 seek=9000000 conv=notrunc status=none", "printf x | dd of=$device bs=1 seek=67108863 conv=notrunc status=none",
        })
        {
            using var volume = new Volume("64M");
            Run("bash", "-c", prepare.Replace("$device", volume.Device, StringComparison.Ordinal));
            string before = volume.Fingerprint();
            using Attachment attached = volume.AttachTo(machine);

            Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);

            Assert.Contains("so it is not formatted", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
            Assert.True(before == volume.Fingerprint(), prepare);
            Assert.False(await attached.IsMountedAsync());
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
            using Attachment attached = volume.AttachTo(first);
            first.Succeeds(await first.ApplyAsync(Script(1)));
            first.Write(Rdb, "data of the volume");
        }
        using var machine = new Machine("ubuntu");
        Directory.CreateDirectory(Path.Combine(machine.Root, "var/lib/redis"));
        machine.Write(Rdb, "data of the boot volume");
        using Attachment again = volume.AttachTo(machine);

        Assert.Equal(1, (await machine.ApplyAsync(Script(1))).ExitCode);

        Assert.Contains("hold data of Redis: move away what is old", machine.InRoot("/var/lib/redis-ha/failed"), StringComparison.Ordinal);
        Assert.Equal("data of the boot volume", machine.Read(Rdb));
    }

    // The kernel grows a mounted ext4 for CAP_SYS_RESOURCE, number 24, only; root of a container often lacks it.
    private static bool MayGrow => (Convert.ToUInt64(File.ReadLines("/proc/self/status").Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))[7..].Trim(), 16)
        >> 24 & 1) == 1;

    private static string Script(int gigabytes) => NodePayload.Of(PayloadInputs.Redis() with { DataVolumeGb = gigabytes }).ApplyScript;

    // What boot.sh does with the volume before the boot rule.
    private static Task<ShellResult> StartAsync(Machine machine) =>
        machine.Exists("root/var/lib/redis-ha/data-volume")
            ? machine.RunAsync("bash", [Path.Combine(machine.Root, "usr/local/libexec/redis-ha/data-volume.sh")])
            : Task.FromResult(new ShellResult(0, string.Empty, string.Empty));

    /// <summary>A sparse file behind a loop device.</summary>
    private sealed class Volume : IDisposable
    {
        private readonly string _image = Path.GetTempFileName();

        public Volume(string size)
        {
            Run("truncate", $"--size={size}", _image);
            Device = Run("losetup", "--find", "--show", _image).Trim();
        }

        public string Device { get; }

        public string Label => Run("bash", "-c", $"blkid -p -o value -s LABEL {Device} || true").Trim();

        public Attachment AttachTo(Machine machine) => new(machine, Device);

        public void Grow(string size)
        {
            Run("truncate", $"--size={size}", _image);
            Run("losetup", "--set-capacity", Device);
        }

        /// <summary>Of what differs from nothing: the file is sparse.</summary>
        public string Fingerprint() => Run("bash", "-c", $"sync {Device}; tr -d '\\0' <{Device} | sha256sum");

        public void Dispose()
        {
            Run("losetup", "--detach", Device);
            File.Delete(_image);
        }
    }

    /// <summary>A volume as a machine sees it.</summary>
    private sealed class Attachment : IDisposable
    {
        private readonly Machine _machine;
        private readonly string _link;
        private readonly string _block;

        public Attachment(Machine machine, string device)
        {
            _machine = machine;
            _link = Path.Combine(machine.Root, "dev/oracleoci/oraclevdb");
            _block = Path.Combine(machine.Root, "sys/class/block", Path.GetFileName(device));
            Directory.CreateDirectory(Path.GetDirectoryName(_link)!);
            Directory.CreateDirectory(Path.GetDirectoryName(_block)!);
            File.CreateSymbolicLink(_link, device);
            File.CreateSymbolicLink(_block, "/sys/class/block/" + Path.GetFileName(device));
        }

        private string Folder => Path.Combine(_machine.Root, "var/lib/redis");

        public long TotalBytes => long.Parse(Run("stat", "--file-system", "--format=%b", Folder).Trim(), CultureInfo.InvariantCulture)
            * long.Parse(Run("stat", "--file-system", "--format=%S", Folder).Trim(), CultureInfo.InvariantCulture);

        public async Task<bool> IsMountedAsync() => (await Shell.RunAsync("mountpoint", ["--quiet", Folder])).ExitCode == 0;

        public void Unmount() => Run("umount", Folder);

        public void Detach()
        {
            File.Delete(_link);
            File.Delete(_block);
        }

        // A test that failed may have left it mounted, also where the move copies to.
        public void Dispose() =>
            Run("bash", "-c", $"for folder in {Folder} {_machine.Root}/run/redis-ha/data-volume; do ! mountpoint -q $folder || umount $folder; done");
    }

    private static string Run(string program, params string[] arguments)
    {
        ShellResult result = Shell.RunAsync(program, arguments).GetAwaiter().GetResult();
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }
}
