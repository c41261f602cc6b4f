// Whether there is disk for a copy of the data: on one disk for all of it, or on two.

namespace RedisHaInfra.Tests.Nodes;

public sealed class RoomTests
{
    private const string Megabyte = "1048576";

    /// <summary>The copy takes 300 MB, Redis 200 MB because of it.</summary>
    [SkippableTheory]
    [InlineData(true, 500, 500, "")]
    [InlineData(true, 499, 499, "too little disk for the copy: 499 MB are free, and it can take 500 MB (bootVolumeGb)\n")]
    [InlineData(false, 300, 200, "")]
    [InlineData(false, 299, 9000, "too little disk for the copy: 299 MB are free, and it can take 300 MB (bootVolumeGb)\n")]
    [InlineData(false, 9000, 199, "too little disk for Redis' data: 199 MB are free, and it can take 200 MB (redisDataVolumeGb)\n")]
    [InlineData(false, 1, 1, "too little disk for the copy: 1 MB are free, and it can take 300 MB (bootVolumeGb)\n"
        + "too little disk for Redis' data: 1 MB are free, and it can take 200 MB (redisDataVolumeGb)\n")]
    public async Task The_disk_that_has_too_little_is_named(bool isOneDisk, int ofBoot, int ofData, string expected)
    {
        Skip.IfNot(Installed.Has("bash"), "bash is not installed");
        string script = Path.Combine(Repository.Root, "infra/Nodes/Files/redis/room.sh");
        string df = $"""
            df() {"{"}
              case "$*" in
                *--output=target*) printf 'Mounted on\n%s\n' "{(isOneDisk ? "/" : "${*: -1}")}" ;;
                *--output=avail*/data) printf ' Avail\n%s\n' $(({ofData} * {Megabyte})) ;;
                *--output=avail*) printf ' Avail\n%s\n' $(({ofBoot} * {Megabyte})) ;;
              esac
            {"}"}
            """;

        ShellResult run = await Shell.RunAsync("bash",
            ["-euc", $". '{script}'\n{df}\nlack /copy $((300 * {Megabyte})) /data $((200 * {Megabyte}))"]);

        Assert.Equal((0, expected), (run.ExitCode, run.Output));
    }

    [SkippableFact]
    public async Task It_asks_the_real_disks()
    {
        Skip.IfNot(Installed.Has("bash") && Directory.Exists("/dev/shm"), "needs bash and /dev/shm");
        string script = Path.Combine(Repository.Root, "infra/Nodes/Files/redis/room.sh");

        ShellResult run = await Shell.RunAsync("bash",
            ["-euc", $". '{script}'; same_disk / /dev/shm && echo one || echo two; same_disk /dev/shm /dev/shm && echo one; lack / 1 /dev/shm {1L << 59}"]);

        Assert.StartsWith("two\none\ntoo little disk for Redis' data: ", run.Output, StringComparison.Ordinal);
    }
}
