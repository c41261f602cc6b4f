// The recording's files: bounded, never overwritten before somebody could have read them, and each replays by itself.

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
    public async Task A_disk_that_cannot_be_written_ends_the_recording_and_nothing_else()
    {
        var log = new ObservationLog(
            new RecordingConfiguration { File = Path.Combine(_directory, "no", "such", "folder") }, RunningRouter.Configuration(5000), new RoutingTiming(), NullLogger.Instance);
        await log.RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(10));
        Write(log, 1);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static int Reports(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Replay.Run(file).Reports;
    }

    private ObservationLog New(long maxBytes) =>
        new(new RecordingConfiguration { File = FilePath, MaxBytes = maxBytes }, RunningRouter.Configuration(5000), new RoutingTiming(), NullLogger.Instance);

    private static void Write(ObservationLog log, int i)
    {
        TimeSpan at = TimeSpan.FromMilliseconds(i);
        log.Write(at, new NodeReport { Node = i % 3, SentAt = at, At = at, Health = ServerHealth.Up, RunId = "run", Master = 0, MasterAddress = "172.31.0.1:6379", LinkUp = true });
    }
}
