// The names of the log's events are what alerts look for: here once more, so that a change of them is seen.

using System.Reflection;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class LogEventsTests
{
    private static readonly (int Id, string Name)[] Frozen =
    [
        (1, "Serving"),
        (3, "Draining"),
        (4, "Stopped"),
        (5, "RoutingFailed"),
        (7, "LoopStuck"),
        (8, "ListenersClosed"),
        (10, "Reloaded"),
        (11, "ReloadInvalid"),
        (12, "ReloadWarning"),
        (13, "ReloadRefused"),
        (20, "SessionEnd"),
        (21, "SessionEndsLeftOut"),
        (22, "HealthCheck"),
        (23, "SessionEndUnrouted"),
        (24, "ClientRefused"),
        (30, "Order"),
        (31, "AdminProtocol"),
        (32, "AdminHandshake"),
        (33, "AdminPassword"),
        (40, "AdminConnectionClosed"),
        (50, "NodeTlsFailed"),
        (51, "ClientTlsFailed"),
        (52, "TlsFilesExhausted"),
        (53, "TlsClientRefused"),
        (60, "WatchdogNotStarted"),
        (61, "WatchdogEnded"),
        (70, "FilesExhausted"),
        (71, "FilesAvailable"),
        (72, "LoopFailed"),
        (73, "ConnectionsLowered"),
        (74, "EngineUring"),
        (75, "EngineEpollInstead"),
        (76, "EngineEpoll"),
        (80, "HandOverAvailable"),
        (81, "HandOverUnavailable"),
        (82, "HandOverLost"),
        (83, "HandOverRefused"),
        (100, "Decision"),
        (101, "NodeUp"),
        (102, "NodeDown"),
        (103, "NodeRole"),
        (104, "NodeFollowsStranger"),
        (105, "NodeComplaint"),
        (106, "BareFailover"),
        (107, "Evidence"),
        (108, "NodeComplaintOver"),
        (110, "SentinelUp"),
        (111, "SentinelDown"),
        (112, "SentinelVote"),
        (113, "SentinelConcerns"),
        (114, "SentinelTilt"),
        (115, "SentinelDownAfter"),
        (116, "SentinelAnnouncement"),
        (117, "SentinelEventsLost"),
        (118, "SentinelEventsHeard"),
        (119, "Maintenance"),
        (120, "GateOpen"),
        (121, "GateShut"),
        (122, "Blind"),
        (123, "BlindNoMore"),
        (124, "WritesRefused"),
        (125, "WritesTaken"),
        (126, "SmallQuorum"),
        (127, "FewSentinels"),
        (128, "SentinelMajorityLost"),
        (129, "SentinelMajorityBack"),
        (130, "ReadOnlyTargets"),
        (131, "RecordingResumed"),
        (132, "RecordingStopped"),
        (133, "SentinelConcernOver"),
    ];

    [Fact]
    public void Names_and_numbers_are_as_they_were() => Assert.Equal(
        Frozen,
        typeof(LogEvents).GetFields().Select(f => ((int)f.GetRawConstantValue()!, f.Name)));

    [Fact]
    public void Each_event_has_a_number_and_a_name_of_its_own_and_every_line_is_one()
    {
        Assert.Equal(Frozen.Length, Frozen.Select(e => e.Id).Distinct().Count());
        var lines = Lines().Select(line => (line.EventId, line.EventName));

        Assert.Equal(Frozen.Select(e => (e.Id, (string?)e.Name)), lines.Order());
    }

    // journalctl -p notice would otherwise show troubles without their end. NodeUp, SentinelUp and GateOpen choose: the first one after the start ends nothing.
    [Theory]
    [InlineData("NodeDown", "NodeUp")]
    [InlineData("SentinelDown", "SentinelUp")]
    [InlineData("GateShut", "GateOpen")]
    [InlineData("NodeComplaint", "NodeComplaintOver")]
    [InlineData("WritesRefused", "WritesTaken")]
    [InlineData("SentinelMajorityLost", "SentinelMajorityBack")]
    [InlineData("SentinelEventsLost", "SentinelEventsHeard")]
    [InlineData("SentinelConcerns", "SentinelConcernOver")]
    [InlineData("SentinelDownAfter", "SentinelConcernOver")]
    [InlineData("SmallQuorum", "SentinelConcernOver")]
    [InlineData("FewSentinels", "SentinelConcernOver")]
    [InlineData("Blind", "BlindNoMore")]
    [InlineData("RecordingStopped", "RecordingResumed")]
    [InlineData("FilesExhausted", "FilesAvailable")]
    public void The_end_of_a_trouble_is_as_loud_as_its_beginning(string begins, string ends)
    {
        LogLevel level = LevelOf(begins);
        Assert.True(level >= LogLevel.Warning);
        Assert.Equal(ends is "NodeUp" or "SentinelUp" or "GateOpen" ? LogLevel.None : level, LevelOf(ends));

        static LogLevel LevelOf(string name) => Lines().Single(line => line.EventName == name).Level;
    }

    private static IEnumerable<LoggerMessageAttribute> Lines() =>
        typeof(LogEvents).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(
                BindingFlags.DeclaredOnly | BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static))
            .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>();
}
