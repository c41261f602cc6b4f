// One line per ended session, and no flood.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Admin;

public sealed class SessionLogTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly Lines _lines = new();
    private readonly SessionLog _log;

    public SessionLogTests() => _log = new SessionLog(_time, _lines);

    [Fact]
    public void A_line_says_who_where_how_long_how_much_and_why()
    {
        _log.Add(Record(SessionEnd.RoleLost) with
        {
            Id = 5,
            ConnectedAfterMilliseconds = 2,
            EndedAfterMilliseconds = 1500,
            LocalPort = 41234,
            BytesIn = 10,
            BytesOut = 20
        });
        _log.Add(Record(SessionEnd.NoMaster) with { Node = null });

        Assert.Equal(
        [
            "session 5 from 0.0.0.7:1234 to redis1 ended: role-lost; routed after 2 ms by port 41234, lasted 1500 ms, 10 bytes in, 20 out",
            "session 1 from 0.0.0.7:1234 to - ended: no-master; never routed, lasted 0 ms, 0 bytes in",
        ], _lines.Written);
    }

    [Fact]
    public void Who_is_refused_for_a_limit_is_named_now_and_then_whatever_else_is_logged()
    {
        _log.Enabled = false;
        for (int i = 0; i < 1000; i++)
        {
            _log.Add(Record(SessionEnd.Limit));
        }

        _time.Advance(TimeSpan.FromSeconds(10));
        _log.Add(Record(SessionEnd.Limit));
        Assert.Equal(
        [
            "Client 0.0.0.7:1234 was refused: limits.connections is reached, or limits.perSource by its address (0 more since the last such line)",
            "Client 0.0.0.7:1234 was refused: limits.connections is reached, or limits.perSource by its address (999 more since the last such line)",
        ], _lines.Written);
    }

    [Fact]
    public void A_flood_is_thinned_out_and_counted()
    {
        for (int i = 0; i < 1000; i++)
        {
            _log.Add(Record(SessionEnd.RoleLost));
        }

        Assert.Equal(SessionLog.LinesPerSecond, _lines.Written.Count);
        _time.Advance(TimeSpan.FromSeconds(1));
        _log.Add(Record(SessionEnd.ClientClosed));
        Assert.Equal("800 more sessions ended in that second; their lines were left out, their numbers are in the metrics",
            _lines.Written[SessionLog.LinesPerSecond]);
        Assert.Equal(SessionLog.LinesPerSecond + 2, _lines.Written.Count);
    }

    [Fact]
    public async Task The_journal_is_looked_at_ten_times_a_second_and_once_more_at_the_end()
    {
        var journal = new SessionJournal(loops: 2);
        using var ends = new CancellationTokenSource();
        Task running = _log.RunAsync(journal, ends.Token);
        for (int round = 1; round <= 3; round++)
        {
            journal.Ring(0).Write(Record(SessionEnd.ClientClosed));
            journal.Ring(1).Write(Record(SessionEnd.RoleLost));
            await Eventually.HoldsAsync(
                () =>
                {
                    _time.Advance(TimeSpan.FromMilliseconds(100)); // again and again: a look comes to nothing while the last one's records are being written
                    return _lines.Count == 2 * round;
                },
                () => $"{2 * round} lines; {_lines.Count}");
        }

        journal.Ring(1).Write(Record(SessionEnd.Idle));
        await ends.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(7, _lines.Count);
        Assert.False(journal.TryRead(out _));
    }

    [Fact]
    public void Switched_off_it_writes_nothing()
    {
        _log.Enabled = false;
        _log.Add(Record(SessionEnd.ClientClosed));
        Assert.Empty(_lines.Written);
    }

    [Fact]
    public void A_balancers_checks_are_written_for_debugging_only()
    {
        var check = Record(SessionEnd.ClientClosed) with { IsHealthCheck = true, ConnectedAfterMilliseconds = 1 };
        _log.Add(check);
        Assert.Empty(_lines.Written);
        _lines.Least = LogLevel.Debug;
        _log.Add(check);
        Assert.Equal("session 1 from 0.0.0.7:1234 was a health check", Assert.Single(_lines.Written));
    }

    [Fact]
    public void Every_end_has_its_own_code_and_meaning()
    {
        var ends = Enum.GetValues<SessionEnd>();
        Assert.Equal(ends.Length, ends.Select(EndCode.Of).Distinct().Count());
        Assert.All(ends, end => Assert.Matches("^[a-z]+(-[a-z]+)*$", EndCode.Of(end)));
        Assert.All(ends, end => Assert.NotEmpty(EndCode.Meaning(end)));
    }

    private static SessionRecord Record(SessionEnd end) => new()
    {
        Id = 1,
        Client = new ClientAddress(ClientAddress.Bits(System.Net.IPAddress.Parse("0.0.0.7")), 1234),
        Node = new RedisNode("redis1", System.Net.IPEndPoint.Parse("10.0.0.1:6379")),
        Accepted = DateTimeOffset.UnixEpoch,
        ConnectedAfterMilliseconds = null,
        EndedAfterMilliseconds = 0,
        BytesIn = 0,
        BytesOut = 0,
        End = end,
    };

    private sealed class Lines : ILogger<SessionLog>
    {
        public List<string> Written { get; } = [];

        public LogLevel Least { get; set; } = LogLevel.Information;

        public int Count
        {
            get
            {
                lock (Written)
                {
                    return Written.Count;
                }
            }
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= Least;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Written)
            {
                Written.Add(formatter(state, exception));
            }
        }
    }
}
