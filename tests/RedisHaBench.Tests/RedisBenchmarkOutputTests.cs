// redis-benchmark's report is read as it is printed, progress and all.

using RedisHaBench.Traffic;

namespace RedisHaBench.Tests;

public sealed class RedisBenchmarkOutputTests
{
    private const string Report = """
         GET: rps=0.0 (overall: 0.0) avg_msec=-nan (overall: -nan)  ====== GET value:3 ======
          20000 requests completed in 1.35 seconds
          50 parallel clients
          3 bytes payload
          keep alive: 1

        Latency by percentile distribution:
        0.000% <= 0.319 milliseconds (cumulative count 1)
        50.000% <= 1.407 milliseconds (cumulative count 10040)
        75.000% <= 3.103 milliseconds (cumulative count 15010)
        98.438% <= 7.583 milliseconds (cumulative count 19688)
        99.219% <= 9.103 milliseconds (cumulative count 19844)
        99.805% <= 10.871 milliseconds (cumulative count 19961)
        99.902% <= 11.439 milliseconds (cumulative count 19981)
        100.000% <= 17.023 milliseconds (cumulative count 20000)
        100.000% <= 17.023 milliseconds (cumulative count 20000)

        Cumulative distribution of latencies:
        0.000% <= 0.103 milliseconds (cumulative count 0)
        100.000% <= 17.103 milliseconds (cumulative count 20000)

        Summary:
          throughput summary: 14858.84 requests per second
          latency summary (msec):
                  avg       min       p50       p95       p99       max
                2.268     0.312     1.407     6.479     8.263    17.023
        """;

    [Fact]
    public void A_report_is_read()
    {
        var output = RedisBenchmarkOutput.Parse(Report.Replace("avg_msec=-nan (overall: -nan)", "avg_msec=-nan (overall: -nan)\r", StringComparison.Ordinal));

        Assert.Equal((20000, 14858.84, 1.407, 8.263), (output.Requests, output.Throughput, output.P50, output.P99));
        Assert.Equal(9, output.Distribution.Count); // and nothing of the second distribution
        Assert.Equal((11.439, 19981), output.Distribution[6]);
    }

    [Fact]
    public void Percentiles_are_between_the_printed_points_and_in_the_step_that_was_printed()
    {
        var output = RedisBenchmarkOutput.Parse(Report);

        Assert.InRange(output.Percentile(0.5), 1.399, 1.407);
        Assert.InRange(output.Percentile(0.99), 8.255, 8.263);
        Assert.Equal(10.871 + ((11.439 - 10.871) * (19980 - 19961) / (19981 - 19961)), output.Percentile(0.999), 6);
    }

    [Theory]
    [InlineData(0.055, 0.008)]
    [InlineData(16.38, 0.008)]
    [InlineData(17.023, 0.016)]
    [InlineData(40, 0.032)]
    public void Steps_double_with_each_octave(double milliseconds, double step)
        => Assert.Equal(step, RedisBenchmarkOutput.Step(milliseconds), 6);

    [Theory]
    [InlineData("Could not connect to Redis at 127.0.0.1:1: Connection refused")]
    [InlineData("")]
    public void What_is_no_report_is_refused(string text)
        => Assert.Contains("not a report", Assert.Throws<FormatException>(() => RedisBenchmarkOutput.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Figures_of_error_replies_are_refused()
    {
        var error = Assert.Throws<FormatException>(() => RedisBenchmarkOutput.Parse("Error from server: LOADING no Redis master is available yet\n" + Report));

        Assert.Contains("LOADING", error.Message, StringComparison.Ordinal);
    }
}
