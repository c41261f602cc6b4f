// The recording's files: bounded, never overwritten before somebody could have read them, and each replays by itself.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class ObservationLogTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("redis-ha-test-").FullName;

    private string FilePath => Path.Combine(_directory, "recording");

    [Fact]
    public async Task Two_files_of_half_the_bound_hold_the_newest_reports()
    {
        ObservationLog log = New(maxBytes: 40_000);
        using var stop = new CancellationTokenSource();
        Task run = log.RunAsync(stop.Token);
        for (int i = 0; i < 2000; i++)
        {
            Write(log, i);
        }

        await stop.CancelAsync();
        await run;
        Assert.Equal(0, log.Dropped);
        Assert.InRange(new FileInfo(FilePath + ".1").Length, 20_000, 20_500);
        Assert.InRange(new FileInfo(FilePath).Length, 100, 20_500);
        Assert.True(Reports(FilePath + ".1") > 50);
        Assert.Contains($"\"t\":{TimeSpan.FromMilliseconds(1999).Ticks},", await File.ReadAllTextAsync(FilePath), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restart_keeps_what_was_recorded_before()
    {
        for (int start = 1; start <= 2; start++)
        {
            ObservationLog log = New(maxBytes: 1_000_000);
            using var stop = new CancellationTokenSource();
            Task run = log.RunAsync(stop.Token);
            for (int i = 0; i < 10 * start; i++)
            {
                Write(log, i);
            }

            await stop.CancelAsync();
            await run;
        }

        Assert.Equal(20, Reports(FilePath));
        Assert.Equal(10, Reports(FilePath + ".1"));
    }

    [Fact]
    public async Task A_folder_that_is_missing_costs_one_line_and_what_was_not_written_until_it_is_there()
    {
        string folder = Path.Combine(_directory, "missing");
        var lines = new LineLog();
        ObservationLog log = New(maxBytes: 1_000_000, Path.Combine(folder, "recording"), lines);
        using var stop = new CancellationTokenSource();
        Task run = log.RunAsync(stop.Token);
        await Eventually.HoldsAsync(
            () => log.Status.Problem == $"the folder {folder} does not exist; create it, owned by user {Environment.UserName}", () => log.Status.ToString());
        await RecordUntilAsync(log, () => log.Dropped >= 10);

        Directory.CreateDirectory(folder);
        await RecordUntilAsync(log, () => log.Status.Problem is null);
        long missing = log.Dropped;
        Directory.Delete(folder, recursive: true);
        await RecordUntilAsync(log, () => log.Status.Problem is not null);
        Directory.CreateDirectory(folder);
        await RecordUntilAsync(log, () => log.Status.Problem is null);

        await stop.CancelAsync();
        await run;
        Assert.True(Reports(Path.Combine(folder, "recording")) > 0);
        Assert.InRange(missing, 10, log.Dropped);
        Assert.True(lines.Lines.Count(l => l.Contains("has stopped", StringComparison.Ordinal)) == 2, lines.ToString());
        Assert.True(lines.Lines.Count(l => l.Contains(" lines are missing", StringComparison.Ordinal)) == 2, lines.ToString());
    }

    [SkippableFact]
    [Trait("Needs", "root")]
    public async Task A_full_disk_stops_the_recording_until_there_is_space_and_leaves_whole_lines()
    {
        Skip.If(Environment.UserName != "root", "mounting a small file system needs root");
        Assert.Equal(0, await ShellAsync($"mount -t tmpfs -o size=64k tmpfs {_directory}"));
        try
        {
            ObservationLog log = New(maxBytes: 1_000_000);
            using var stop = new CancellationTokenSource();
            Task run = log.RunAsync(stop.Token);
            await RecordUntilAsync(log, () => log.Status.Problem == "no space is left on its disk");
            Assert.True(Reports(FilePath) > 50);

            Assert.Equal(0, await ShellAsync($"mount -o remount,size=2m {_directory}"));
            long dropped = log.Dropped;
            int before = Reports(FilePath);
            await RecordUntilAsync(log, () => log.Status.Problem is null);
            await stop.CancelAsync();
            await run;
            Assert.True(dropped > 0);
            Assert.True(Reports(FilePath) > before, "it goes on in the same file");
        }
        finally
        {
            Assert.Equal(0, await ShellAsync($"umount {_directory}"));
        }
    }

    [Fact]
    public void A_try_finds_a_folder_that_cannot_be_written_and_leaves_nothing_behind()
    {
        Assert.Null(RecordingFile.Try(FilePath));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_directory));
        File.WriteAllText(FilePath, "kept");
        Assert.Null(RecordingFile.Try(FilePath));
        Assert.Equal("kept", File.ReadAllText(FilePath));
        Assert.StartsWith("the folder /proc/self is read-only", RecordingFile.Describe("/proc/self/x", new IOException("", 30)), StringComparison.Ordinal);
        Assert.Contains("may not write there", RecordingFile.Describe("/proc/self/x", new UnauthorizedAccessException()), StringComparison.Ordinal);
        Assert.Contains("LimitFSIZE", RecordingFile.Describe(FilePath, new IOException("", 27)), StringComparison.Ordinal);
        Assert.NotNull(RecordingFile.Try("/proc/self/recording"));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static int Reports(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Replay.Run(file).Reports;
    }

    private ObservationLog New(long maxBytes, string? file = null, LineLog? lines = null) =>
        new(
            new RecordingConfiguration { File = file ?? FilePath, MaxBytes = maxBytes }, RunningRouter.Configuration(5000), new RoutingTiming(),
                TimeProvider.System,
            (ILogger?)lines?.CreateLogger("") ?? NullLogger.Instance)
        {
            FirstPause = TimeSpan.FromMilliseconds(20),
            Recovered = TimeSpan.FromMilliseconds(50),
        };

    private static Task RecordUntilAsync(ObservationLog log, Func<bool> condition)
    {
        int i = 0;
        return Eventually.HoldsAsync(
            () =>
            {
                for (int lines = 0; lines < 10; lines++)
                {
                    Write(log, i++);
                }

                return condition();
            },
            () => log.Status.ToString());
    }

    private static async Task<int> ShellAsync(string command)
    {
        using var process = System.Diagnostics.Process.Start("/bin/sh", ["-c", command]);
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    private static void Write(ObservationLog log, int i)
    {
        TimeSpan at = TimeSpan.FromMilliseconds(i);
        log.Write(at, new NodeReport
        {
            Node = i % 3,
            SentAt = at,
            At = at,
            Health = ServerHealth.Up,
            RunId = "run",
            Master = 0,
            MasterAddress = "172.31.0.1:6379",
            LinkUp = true
        });
    }
}
