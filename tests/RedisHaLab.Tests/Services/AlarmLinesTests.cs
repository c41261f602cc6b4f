// What `lab alarms` says of posted values, by the queries that the stack's alarms have.

using System.Text.Json.Nodes;
using RedisHaLab.Commands;
using RedisHaLab.State;
using RedisHaProcesses;
using Xunit;

namespace RedisHaLab.Tests.Services;

public sealed class AlarmLinesTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 30, 1, 0, 0, TimeSpan.Zero);

    private static readonly LabState State = new()
    {
        Resources = new[]
        {
            ("alarm-replica-lost", "ReplicasLost[1m]{deployment = \"redis-ha-lab\"}.groupBy(deployment).max() > 0"),
            ("alarm-writes-refused", "WritesTaken[1m]{deployment = \"redis-ha-lab\"}.groupBy(deployment).max() < 1"),
            ("alarm-no-metrics", "WritesTaken[1m]{deployment = \"redis-ha-lab\"}.groupBy(deployment).absent()"),
            ("alarm-disk", "DiskUsed[1m]{deployment = \"redis-ha-lab\"}.groupBy(node).max() > 85"),
        }.ToDictionary(alarm => $"oci:Monitoring/alarm:Alarm::{alarm.Item1}", alarm => new ResourceRecord
        {
            Id = alarm.Item1,
            Inputs = new JsonObject { ["query"] = alarm.Item2 },
            InputsHash = "",
            ReplaceHash = "",
            Outputs = [],
        }),
    };

    [Fact]
    public void An_alarm_fires_by_the_largest_value_of_the_last_minute_of_its_deployment()
    {
        PostedValue[] values =
        [
            Value("ReplicasLost", "redis1", 61, 2), Value("ReplicasLost", "redis1", 30, 1), Value("ReplicasLost", "redis1", 10, 0),
            Value("WritesTaken", "redis1", 10, 1), Value("WritesTaken", "redis2", 5, 0),
            Value("DiskUsed", "redis1", 10, 85), Value("DiskUsed", "redis2", 10, 86), Value("DiskUsed", "redis9", 10, 99, "another"),
        ];

        Assert.Equal(
        [
            ("alarm-disk", "DiskUsed > 85", "redis1 85, redis2 86", "fires"),
            ("alarm-replica-lost", "ReplicasLost > 0", "redis-ha-lab 1", "fires"),
            ("alarm-writes-refused", "WritesTaken < 1", "redis-ha-lab 1", "quiet"),
        ], AlarmsCommand.Lines(State, values, Now));
        Assert.Equal(["no data", "fires", "quiet"], AlarmsCommand.Lines(State, values[1..4], Now).Select(line => line.State));
        Assert.Equal(["no data", "no data", "fires"], AlarmsCommand.Lines(State, values[4..5], Now).Select(line => line.State));
        Assert.All(AlarmsCommand.Lines(State, values, Now.AddMinutes(2)), line => Assert.Equal("no data", line.State));
    }

    private static PostedValue Value(string metric, string node, int secondsAgo, double value, string deployment = "redis-ha-lab") => new(metric,
        new Dictionary<string, string> { ["deployment"] = deployment, ["node"] = node }, Now.AddSeconds(-secondsAgo), value);
}
