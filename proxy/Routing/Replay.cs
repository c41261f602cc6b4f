// Reads a recording (ObservationLog) and decides again: the same reports at the same moments through the same code.

using System.Text;
using System.Text.Json;
using RedisHaProxy.Monitoring;

namespace RedisHaProxy.Routing;

/// <summary>One change of decision in a replay.</summary>
/// <param name="At">When, since the recording router's start.</param>
/// <param name="Decision">What was decided now.</param>
/// <param name="Recorded">Whether the recording has the same decision at the same moment.</param>
public sealed record ReplayedDecision(TimeSpan At, RoutingDecision Decision, bool Recorded);

/// <summary>What a replay gave.</summary>
public sealed record ReplayResult
{
    /// <summary>The names of the recorded deployment, for the decisions' evidence.</summary>
    public required EvidenceNames Names { get; init; }

    /// <summary>All changes of decision, in order.</summary>
    public required IReadOnlyList<ReplayedDecision> Decisions { get; init; }

    /// <summary>Reports that were replayed.</summary>
    public required int Reports { get; init; }

    /// <summary>
    /// Recorded decisions that this program would not make again, each with its line. Empty for a whole recording by the same
    /// version; at the head of a continued file some may appear, until every node has been heard.
    /// </summary>
    public required IReadOnlyList<string> Differences { get; init; }
}

/// <summary>Replays recordings. Pure: the result depends on the bytes alone.</summary>
public static class Replay
{
    /// <summary>Replays one file.</summary>
    /// <param name="recording">JSON lines as <see cref="ObservationLog"/> writes them. A last line that is cut short is ignored.</param>
    /// <exception cref="InvalidDataException">Not a recording; the message names the line and what is wrong with it.</exception>
    public static ReplayResult Run(Stream recording)
    {
        ArgumentNullException.ThrowIfNull(recording);
        using var reader = new StreamReader(recording, Encoding.UTF8, leaveOpen: true);
        ReplayRun replay = Begin(reader.ReadLine());
        int number = 1;
        string? next = reader.ReadLine();
        while (next is not null)
        {
            string line = next;
            next = reader.ReadLine();
            number++;
            try
            {
                using var json = JsonDocument.Parse(line);
                replay.Take(json.RootElement, line);
            }
            catch (JsonException) when (next is null)
            {
                // The recording process was killed in the middle of a line.
            }
            catch (Exception e) when (
                e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or IndexOutOfRangeException)
            {
                throw new InvalidDataException($"line {number} is damaged, or not of a recording", e);
            }
        }

        return replay.Result();
    }

    private static ReplayRun Begin(string? line)
    {
        try
        {
            JsonElement header = JsonDocument.Parse(line ?? "").RootElement;
            int version = header.GetProperty("recording").GetInt32();
            return version == 1 ? new ReplayRun(header)
                : throw new InvalidDataException($"line 1 says version {version} of a recording, and this program reads version 1: a newer one wrote it");
        }
        catch (Exception e) when (
                e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException("line 1 is not the head of a recording; name the file of recording.file, or the same with .1", e);
        }
    }

    // The state of one replay.
    private sealed class ReplayRun
    {
        private readonly EvidenceNames _names;
        private readonly int _nodes;
        private readonly RoutingState _state;
        private readonly List<ReplayedDecision> _decisions = [];
        private readonly List<string> _differences = [];
        private RoutingDecision _decision;
        private TimeSpan _decidedAt;
        private bool _pending;
        private int _reports;

        public ReplayRun(JsonElement header)
        {
            string[] nodes = [.. header.GetProperty("nodes").EnumerateArray().Select(n => n.GetString()!)];
            _nodes = nodes.Length;
            JsonElement timing = header.GetProperty("timing");
            _names = new EvidenceNames(nodes);
            _state = new RoutingState(nodes.Length, header.GetProperty("sentinels").GetArrayLength(), new RoutingTiming
            {
                NodeEvidence = Time(timing, "nodeEvidence"),
                SilentHold = Time(timing, "silentHold"),
                PromotionValidity = Time(timing, "promotionValidity"),
                PromotionWindow = Time(timing, "promotionWindow"),
                VoteEvidence = Time(timing, "voteEvidence"),
                DownAfter = Time(timing, "downAfter"),
                // Recordings before these two existed have no announcements.
                RefusalEvidence = timing.TryGetProperty("refusalEvidence", out _) ? Time(timing, "refusalEvidence") : TimeSpan.Zero,
                NoticeLife = timing.TryGetProperty("noticeLife", out _) ? Time(timing, "noticeLife") : TimeSpan.Zero,
                BallotLife = OptionalTime(timing, "ballotLife") ?? TimeSpan.Zero,
                Isolation = OptionalTime(timing, "isolation") ?? TimeSpan.MaxValue,
                MissingAcknowledgements = OptionalTime(timing, "missingAcknowledgements") ?? TimeSpan.MaxValue,
            });
            _decision = RoutingRule.Decide(_state.At(TimeSpan.Zero));
        }

        public void Take(JsonElement line, string text)
        {
            TimeSpan now = Time(line, "t");
            if (line.TryGetProperty("decision", out _))
            {
                TakeDecision(line, text, now);
                return;
            }

            FlushPending();
            _reports++;
            if (line.TryGetProperty("node", out _))
            {
                NodeReport report = ReadNode(line);
                Check(report.Master, "of");
                _state.Apply(report);
            }
            else if (line.TryGetProperty("promotes", out JsonElement promotes) && promotes.ValueKind == JsonValueKind.Number)
            {
                var notice = new PromotionNotice { Sentinel = line.GetProperty("sentinel").GetInt32(), At = Time(line, "at"), Node = promotes.GetInt32() };
                Check(notice.Node, "promotes");
                _state.Apply(notice);
            }
            else
            {
                SentinelReport report = ReadSentinel(line);
                Check(report.Named, "named");
                _state.Apply(report);
            }

            Evaluate(now);
        }

        public ReplayResult Result()
        {
            FlushPending();
            return new ReplayResult { Names = _names, Decisions = _decisions, Reports = _reports, Differences = _differences };
        }

        private void TakeDecision(JsonElement line, string text, TimeSpan now)
        {
            if (line.GetProperty("tick").GetBoolean())
            {
                FlushPending();
                Evaluate(now);
            }

            bool same = _pending && _decidedAt == now
                && line.GetProperty("decision").GetString() == _decision.RuleName
                && line.GetProperty("action").GetString() == _decision.Action.ToString()
                && line.GetProperty("to").GetInt32() == _decision.Node
                && line.GetProperty("held").GetBoolean() == _decision.IsHeld;
            if (same)
            {
                _pending = false;
                _decisions.Add(new ReplayedDecision(now, _decision, Recorded: true));
            }
            else
            {
                _differences.Add($"recorded, not decided now: {text}");
            }
        }

        private void Evaluate(TimeSpan now)
        {
            RoutingDecision decision = RoutingRule.Decide(_state.At(now));
            if (!decision.IsSameAs(_decision))
            {
                _pending = true;
                _decidedAt = now;
            }

            _decision = decision;
        }

        // A decision that the recording does not have.
        private void FlushPending()
        {
            if (_pending)
            {
                _pending = false;
                _decisions.Add(new ReplayedDecision(_decidedAt, _decision, Recorded: false));
                _differences.Add($"decided now, not recorded: {_decision.RuleName} at {_decidedAt.TotalSeconds:0.000} s");
            }
        }

        private void Check(int node, string field)
        {
            if (node >= _nodes)
            {
                throw new FormatException($"\"{field}\":{node}, but the recording has {_nodes} nodes");
            }
        }

        private static TimeSpan Time(JsonElement line, string name) => TimeSpan.FromTicks(line.GetProperty(name).GetInt64());

        private static TimeSpan? OptionalTime(JsonElement line, string name) =>
            line.TryGetProperty(name, out JsonElement value) ? TimeSpan.FromTicks(value.GetInt64()) : null;

        private static bool Flag(JsonElement line, string name) => line.TryGetProperty(name, out JsonElement value) && value.GetBoolean();

        private static string? Text(JsonElement line, string name) => line.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

        private static NodeReport ReadNode(JsonElement line)
        {
            var report = new NodeReport
            {
                Node = line.GetProperty("node").GetInt32(),
                SentAt = Time(line, "sent"),
                At = Time(line, "at"),
                Health = Enum.Parse<ServerHealth>(line.GetProperty("health").GetString()!),
                Error = Text(line, "error"),
                Unbroken = Flag(line, "unbroken"),
            };
            if (report.Health != ServerHealth.Up)
            {
                return report;
            }

            bool isMaster = line.GetProperty("role").GetString() == "master";
            return report with
            {
                RunId = Text(line, "run"),
                IsMaster = isMaster,
                Master = isMaster ? -1 : line.GetProperty("of").GetInt32(),
                MasterAddress = isMaster ? null : Text(line, "ofAddress"),
                LinkUp = !isMaster && line.GetProperty("link").GetBoolean(),
                Offset = line.GetProperty("offset").GetInt64(),
                Acknowledging = line.TryGetProperty("acknowledging", out JsonElement acknowledging) ? acknowledging.GetInt32() : 0,
                HandsOver = Flag(line, "handsOver"),
            };
        }

        private static SentinelReport ReadSentinel(JsonElement line)
        {
            var report = new SentinelReport
            {
                Sentinel = line.GetProperty("sentinel").GetInt32(),
                SentAt = Time(line, "sent"),
                At = Time(line, "at"),
                Health = Enum.Parse<ServerHealth>(line.GetProperty("health").GetString()!),
                Error = Text(line, "error"),
            };
            return report.Health != ServerHealth.Up
                ? report
                : report with
                {
                    Named = line.GetProperty("named").GetInt32(),
                    NamedAddress = Text(line, "namedAddress"),
                    ConfigEpoch = line.GetProperty("epoch").GetInt64(),
                    LastOkPingReply = Time(line, "lastOk"),
                    DownAfter = Time(line, "downAfter"),
                    Quorum = line.GetProperty("quorum").GetInt32(),
                    MarkedDown = line.GetProperty("down").GetBoolean(),
                    FailoverInProgress = line.GetProperty("failover").GetBoolean(),
                    Promotes = Flag(line, "promotes"),
                    Coordinated = Flag(line, "coordinated"),
                    Tilt = line.GetProperty("tilt").GetBoolean(),
                    OtherSentinels = line.TryGetProperty("others", out JsonElement others) ? others.GetInt32() : 0,
                    HeardSince = OptionalTime(line, "heardSince"),
                    HeardAt = OptionalTime(line, "heardAt") ?? TimeSpan.Zero,
                    VotedAt = OptionalTime(line, "votedAt"),
                    VotedEpoch = line.TryGetProperty("votedEpoch", out JsonElement votedEpoch) ? votedEpoch.GetInt64() : 0,
                };
        }
    }
}
