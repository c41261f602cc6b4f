// The life of a probe against servers that misbehave: one connection at a time, every failure a state of its own, never an end.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Configuration;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Monitoring;

public sealed class ProbeLoopTests : IAsyncDisposable
{
    private const string RunId = "$14\r\nrun_id:abcdef\n\r\n";
    private const string Master = "+PONG\r\n*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n$14\r\nrole:master\r\nx\r\n";

    // An address of its own: on 127.0.0.1 some other process may still be trying a port that was another server's before.
    private readonly TcpListener _listener = new(IPAddress.Parse("127.53.0.1"), 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ReactorThread _reactor = new("probe", TimeProvider.System);
    private readonly Sink _sink = new();
    private readonly ProbeLoop _probe;
    private Task _run = Task.CompletedTask;

    public ProbeLoopTests()
    {
        _listener.Start();
        var node = new RedisNode("redis1", (IPEndPoint)_listener.LocalEndpoint);
        var conversation = new NodeConversation(0, null, new NodeDirectory([node]), _sink);
        // An hour between questions: whatever comes sooner was asked for.
        _probe = new ProbeLoop(node.EndPoint, conversation, TimeSpan.FromHours(1), _reactor, new MonotonicClock(_reactor.Clock));
        _reactor.Start();
    }

    [Fact]
    public async Task A_question_is_asked_at_once_when_poked_and_over_the_same_connection()
    {
        Run();
        using Socket server = await _listener.AcceptSocketAsync();
        await AnswerAsync(server, "INFO", RunId);
        await AnswerAsync(server, "PING", Master);
        await ReportAsync(ServerHealth.Up);
        _probe.Poke();
        await AnswerAsync(server, "PING", Master);
        await ReportAsync(ServerHealth.Up);
        Assert.False(_listener.Pending());
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request\r\n\r\n")]
    [InlineData("$999999999\r\n")]
    [InlineData("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n")]
    [InlineData("+not INFO\r\n")]
    [InlineData(":5\r\n")]
    public async Task What_is_no_Redis_is_a_protocol_error_and_the_connection_is_closed(string garbage)
    {
        Run();
        using Socket server = await _listener.AcceptSocketAsync();
        await AnswerAsync(server, "INFO", garbage);
        await ReportAsync(ServerHealth.ProtocolError);
        await ClosedAsync(server);
    }

    [Fact]
    public async Task A_stream_without_end_is_a_protocol_error_at_the_limit()
    {
        Run();
        using Socket server = await _listener.AcceptSocketAsync();
        byte[] flood = new byte[64 * 1024];
        Array.Fill(flood, (byte)'$');
        int sent = 0;
        try
        {
            while (sent < 64 * 1024 * 1024)
            {
                sent += await server.SendAsync(flood).WaitAsync(Bound.Wait);
            }
        }
        catch (SocketException)
        {
            // Closed by the probe.
        }

        await ReportAsync(ServerHealth.ProtocolError);
        Assert.InRange(sent, 1, 32 * 1024 * 1024);
    }

    [Fact]
    public async Task A_lost_connection_is_replaced_at_once_and_never_doubled()
    {
        Run();
        for (int i = 0; i < 3; i++)
        {
            using Socket server = await _listener.AcceptSocketAsync().WaitAsync(Bound.Wait);
            await AnswerAsync(server, "INFO", RunId);
            await AnswerAsync(server, "PING", Master);
            await ReportAsync(ServerHealth.Up);
            Assert.False(_listener.Pending());
            server.Close(0);
            await ReportAsync(ServerHealth.Disconnected);
        }
    }

    [Fact]
    public async Task A_silent_server_is_asked_on_a_new_connection_after_two_seconds()
    {
        Run();
        using Socket silent = await _listener.AcceptSocketAsync();
        await AnswerAsync(silent, "INFO", RunId);
        NodeReport report = await ReportAsync(ServerHealth.Disconnected);
        Assert.Equal("no answer within 2 s", report.Error);
        using Socket next = await _listener.AcceptSocketAsync().WaitAsync(Bound.Wait);
        await ClosedAsync(silent);
    }

    [Fact]
    public async Task A_process_that_loads_is_known_as_the_same_only_on_the_connection_on_which_it_has_answered()
    {
        string loading = Master.Replace("+PONG", "-LOADING Redis is loading the dataset in memory", StringComparison.Ordinal);
        Run();
        using (Socket server = await _listener.AcceptSocketAsync())
        {
            await AnswerAsync(server, "INFO", RunId);
            await AnswerAsync(server, "PING", Master);
            await ReportAsync(ServerHealth.Up);
            _probe.Poke();
            await AnswerAsync(server, "PING", loading);
            Assert.True(await ReportAsync(ServerHealth.Loading) is { Unbroken: true, IsSignOfLife: true });
        }

        await ReportAsync(ServerHealth.Disconnected);
        using Socket restarted = await _listener.AcceptSocketAsync();
        await AnswerAsync(restarted, "INFO", RunId);
        await AnswerAsync(restarted, "PING", loading);
        Assert.True(await ReportAsync(ServerHealth.Loading) is { Unbroken: false, IsSignOfLife: false });
    }

    [Fact]
    public async Task A_server_that_is_full_says_so_before_it_closes()
    {
        Run();
        using (Socket server = await _listener.AcceptSocketAsync())
        {
            await AnswerAsync(server, "INFO", "-ERR max number of clients reached\r\n");
        }

        NodeReport report = await ReportAsync(ServerHealth.ServerError);
        Assert.Equal("ERR max number of clients reached", report.Error);
    }

    [Fact]
    public async Task A_loading_server_keeps_the_connection()
    {
        Run();
        using Socket server = await _listener.AcceptSocketAsync();
        await AnswerAsync(server, "INFO", RunId);
        await AnswerAsync(server, "PING", "-LOADING Redis is loading the dataset in memory\r\n" + Master[7..]);
        await ReportAsync(ServerHealth.Loading);
        _probe.Poke();
        await AnswerAsync(server, "PING", Master);
        await ReportAsync(ServerHealth.Up);
    }

    [Theory]
    [InlineData("-WRONGPASS invalid username-password pair or user is disabled.\r\n", ServerHealth.WrongPassword)]
    [InlineData("-NOAUTH Authentication required.\r\n", ServerHealth.PasswordRequired)]
    [InlineData("-NOPERM this user has no permissions to run the 'info' command\r\n", ServerHealth.NotPermitted)]
    public async Task A_refused_login_is_repeated_on_the_same_connection_at_its_own_pace(string refusal, ServerHealth health)
    {
        Run();
        using Socket server = await _listener.AcceptSocketAsync();
        long first = System.Diagnostics.Stopwatch.GetTimestamp();
        for (int i = 0; i < 3; i++)
        {
            await AnswerAsync(server, "INFO", refusal);
            await ReportAsync(health);
            _probe.Poke();
        }

        // Two pauses of 250 ms have passed, however often it was poked.
        Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(first) > TimeSpan.FromMilliseconds(450));
        Assert.False(_listener.Pending());
        await AnswerAsync(server, "INFO", RunId);
        await AnswerAsync(server, "PING", Master);
        await ReportAsync(ServerHealth.Up);
    }

    [Fact]
    public async Task The_end_of_a_process_that_refused_the_login_is_noticed_at_once()
    {
        Run();
        using (Socket server = await _listener.AcceptSocketAsync())
        {
            await AnswerAsync(server, "INFO", "-WRONGPASS\r\n");
            await ReportAsync(ServerHealth.WrongPassword);
            _listener.Stop();
            server.Close(0);
        }

        await ReportAsync(ServerHealth.Disconnected);
        await ReportAsync(ServerHealth.Refused);
    }

    [Fact]
    public async Task A_port_without_listener_is_refused_and_tried_again()
    {
        _listener.Stop();
        Run();
        await ReportAsync(ServerHealth.Refused);
        await ReportAsync(ServerHealth.Refused);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(Bound.Wait);
        _probe.Dispose();
        _reactor.Dispose();
        await _reactor.Completion;
        _listener.Dispose();
        _stop.Dispose();
    }

    private void Run() => _run = _reactor.InvokeAsync(() => _probe.RunAsync(_stop.Token));

    private static async Task AnswerAsync(Socket server, string question, string answer)
    {
        byte[] buffer = new byte[1024];
        int n = await server.ReceiveAsync(buffer).WaitAsync(Bound.Wait);
        Assert.Contains(question, Encoding.ASCII.GetString(buffer, 0, n), StringComparison.Ordinal);
        bool asksState = buffer.AsSpan(0, n).IndexOf("memory"u8) >= 0; // of a master, once a second
        await server.SendAsync(Encoding.ASCII.GetBytes(asksState ? answer + "$2\r\nx\n\r\n$2\r\nx\n\r\n$2\r\nx\n\r\n" : answer));
    }

    private static async Task ClosedAsync(Socket server)
    {
        byte[] buffer = new byte[1024];
        try
        {
            while (await server.ReceiveAsync(buffer).WaitAsync(Bound.Wait) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset is closed as well.
        }
    }

    private async Task<NodeReport> ReportAsync(ServerHealth health)
    {
        using var limit = new CancellationTokenSource(Bound.Wait);
        NodeReport report = await _sink.Reports.Reader.ReadAsync(limit.Token);
        Assert.Equal(health, report.Health);
        return report;
    }

    private sealed class Sink : IReportSink
    {
        public System.Threading.Channels.Channel<NodeReport> Reports { get; } = System.Threading.Channels.Channel.CreateUnbounded<NodeReport>();

        public void Report(in NodeReport report) => Reports.Writer.TryWrite(report);

        public void Report(in SentinelReport report)
        {
        }

        public void Report(in PromotionNotice notice)
        {
        }

        public void Hint()
        {
        }
    }
}
