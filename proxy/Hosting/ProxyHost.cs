// One proxy process from start to end: what is created in which order, what a signal does, what ends the process.

using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Hosting;

/// <summary>Runs a proxy.</summary>
internal sealed partial class ProxyHost : IAsyncDisposable
{
    // signal(7), on all architectures that .NET runs on under Linux.
    private const int SIGXFSZ = 25;

    // Status text, watchdog and waits of a drain look this often.
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    // After the delay of a drain: how long no session must have come before the listeners close.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    // Loops answer a command within microseconds, or never.
    private static readonly TimeSpan LoopAnswer = TimeSpan.FromSeconds(5);

    private readonly ProxyConfiguration _configuration;
    private readonly DataPlane _forwarder;
    private readonly Router _router;
    private readonly AdminServer? _admin;
    private readonly TrafficRates _rates;
    private readonly SessionLog _sessionLog;
    private readonly BasicAuthentication _authentication;
    private readonly ProxyLogging _logging;
    private readonly SessionLog _readOnlyLog; // the same of the read-only listener
    private readonly Reload _reload;
    private readonly Lifecycle _lifecycle;
    private readonly ServiceNotifier _notifier;
    private readonly WatchdogProcess _watchdog;
    private readonly Arrivals _arrivals;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _log;
    private readonly TaskCompletionSource<StopReason> _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stopNow = new();
    private readonly CancellationTokenSource _adminEnds = new();

    /// <summary>Creates all parts; nothing listens yet.</summary>
    public ProxyHost(string file, ProxyConfiguration configuration, ServiceNotifier notifier, TimeProvider timeProvider, ProxyLogging logging, TextForms texts)
    {
        ILoggerFactory loggers = logging.Factory;
        _configuration = configuration;
        _notifier = notifier;
        _timeProvider = timeProvider;
        _log = loggers.CreateLogger<ProxyHost>();
        _lifecycle = new Lifecycle(timeProvider);
        _forwarder = new DataPlane(configuration, loggers, timeProvider);
        _router = new Router(configuration, _forwarder, timeProvider, loggers);
        _rates = new TrafficRates(_forwarder, _router.Clock);
        _sessionLog = new SessionLog(_router.Clock, loggers.CreateLogger<SessionLog>()) { Enabled = configuration.Log.Sessions };
        _readOnlyLog = new SessionLog(_router.Clock, loggers.CreateLogger<SessionLog>()) { Enabled = configuration.Log.Sessions };
        _authentication = new BasicAuthentication(timeProvider, loggers.CreateLogger<BasicAuthentication>());
        Require(configuration.Admin);
        _logging = logging;
        _watchdog = new WatchdogProcess(timeProvider, loggers.CreateLogger<WatchdogProcess>());
        _arrivals = new Arrivals(timeProvider);
        _reload = new Reload(file, configuration, this, loggers.CreateLogger<Reload>());
        if (configuration.Admin is { Listen: not null } or { Socket: not null })
        {
            var status = new StatusSource(() => _reload.Current, _lifecycle, _forwarder, _router.Snapshot, _rates,
                () => _authentication.Last);
            var control = new ControlEndpoints(_lifecycle, _forwarder, status, _reload.RunAsync, _router.SetMaintenance,
                loggers.CreateLogger<ControlEndpoints>());
            var events = new StatsEvents(status, timeProvider, _adminEnds.Token);
            var endpoints = new AdminEndpoints(_lifecycle, _forwarder, _authentication, status, events, control, () => _router.IsBlind, () => _router.Refusal,
                texts);
            _admin = new AdminServer(configuration.Admin, endpoints.HandleAsync, timeProvider, loggers);
        }
    }

    private enum StopReason
    {
        Terminate,
        Interrupt,
        Failure,
    }

    /// <summary>Runs until a signal ends the process, or a part fails.</summary>
    /// <returns>Whether the end was asked for.</returns>
    /// <exception cref="IOException">An address for administration cannot be used.</exception>
    /// <exception cref="SocketException">An address for clients cannot be used.</exception>
    public async Task<bool> RunAsync()
    {
        // A recording or a log that reaches the limit of file sizes must not end the process, which the signal's default is: the write fails.
        using var fileSize = PosixSignalRegistration.Create((PosixSignal)SIGXFSZ, context => context.Cancel = true);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Signalled(context, StopReason.Terminate));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Signalled(context, StopReason.Interrupt));

        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            _notifier.Reloading(_timeProvider);
            _reload.RunAsync().GetAwaiter().GetResult();
            _notifier.Ready(StatusText());
        });

        // The admin server first: when its port is taken, no client has been accepted yet.
        if (_admin is not null)
        {
            await _admin.StartAsync();
        }

        _forwarder.Start();
        using var routingEnds = new CancellationTokenSource();
        Task routing = _router.RunAsync(routingEnds.Token);
        Task<bool> ending = routing.ContinueWith(_ => _stop.TrySetResult(StopReason.Failure), TaskScheduler.Default);
        _lifecycle.Enter(LifecyclePhase.Serving);
        string[] clients =
        [
            .. _configuration.Listen.Select(l => l.ToString()),
            .. (_configuration.Tls?.Listen ?? []).Select(l => $"{l} (TLS)"),
            .. (_configuration.ReadOnly?.Listen ?? []).Select(l => $"{l} (read-only)"),
            .. (_configuration.ReadOnly?.TlsListen ?? []).Select(l => $"{l} (read-only, TLS)"),
        ];
        LogServing(_log, string.Join(", ", clients), _configuration.Admin?.Listen?.ToString() ?? "nowhere");
        _notifier.Ready(StatusText());

        StopReason reason;
        using (var beating = new CancellationTokenSource())
        {
            var beats = Task.WhenAll(BeatAsync(beating.Token), _rates.RunAsync(beating.Token), _sessionLog.RunAsync(_forwarder.Journal, beating.Token),
                _forwarder.ReadOnlyJournal is { } reads ? _readOnlyLog.RunAsync(reads, beating.Token) : Task.CompletedTask);
            reason = await _stop.Task;
            _lifecycle.Enter(LifecyclePhase.Stopping);
            if (reason == StopReason.Failure)
            {
                LogRoutingFailed(_log, routing.Exception);
            }
            else
            {
                await DrainAsync(reason);
            }

            await beating.CancelAsync();
            await beats;
            _watchdog.Dispose(); // what is left is bounded, by itself and by the service manager
        }

        await routingEnds.CancelAsync();
        await ending;
        return reason != StopReason.Failure && !routing.IsFaulted;
    }

    /// <summary>Ends what is left.</summary>
    public async ValueTask DisposeAsync()
    {
        // Open pages are told to end first; they would hold the server up.
        await _adminEnds.CancelAsync();
        if (_admin is not null)
        {
            await _admin.DisposeAsync();
        }

        await BoundedAsync(_forwarder.DisposeAsync().AsTask());
        _watchdog.Dispose();
        _router.Dispose();
        _reload.Dispose();
        _stopNow.Dispose();
        _adminEnds.Dispose();
    }

    /// <summary>The greatest limits.connections that can be set without a restart.</summary>
    public int MostConnections => _forwarder.MostConnections;

    /// <summary>Tries settings without putting them into force; <see cref="ApplyAsync"/> or <see cref="Abandon"/> follows.</summary>
    /// <returns>Why they must not be put into force; empty when they may.</returns>
    public Task<IReadOnlyList<string>> PrepareAsync(ProxyConfiguration next) => _router.PrepareAsync(next);

    /// <summary>Forgets what was prepared.</summary>
    public void Abandon() => _router.Abandon();

    /// <summary>Puts the settings into force that were prepared. The data plane first: the router may order sessions to a new node at once.</summary>
    public async Task ApplyAsync(ProxyConfiguration next)
    {
        await _forwarder.ReconfigureAsync(next);
        _router.Commit();
        _logging.Level = next.Log.Level;
        _sessionLog.Enabled = _readOnlyLog.Enabled = next.Log.Sessions;
        Require(next.Admin);
        if (next.Admin is { } admin)
        {
            _admin?.Use(admin);
        }
    }

    private void Require(AdminConfiguration? admin) => _authentication.Require(admin?.User, admin?.Password, admin?.FormerPassword, admin?.Metrics);

    // The first signal begins the end, the second one hurries it.
    private void Signalled(PosixSignalContext context, StopReason reason)
    {
        context.Cancel = true;
        if (!_stop.TrySetResult(reason))
        {
            _stopNow.Cancel();
        }
    }

    private async Task DrainAsync(StopReason reason)
    {
        (TimeSpan delay, TimeSpan limit) = reason == StopReason.Terminate
            ? (_reload.Current.Timeouts.DrainDelay, _reload.Current.Timeouts.Drain)
            : (TimeSpan.Zero, TimeSpan.Zero);
        int sessions = _forwarder.Snapshot().AllSessions;
        LogDraining(_log, sessions, Durations.Format(delay), Durations.Format(limit));
        AnnounceStopping(sessions, delay + limit);
        await WaitAsync(delay, () => false, delay + limit);

        // Sessions that still come have nowhere else to go: the balancer knows no other proxy that serves, or has not noticed yet.
        long closing = _timeProvider.GetTimestamp();
        TimeSpan quiet = delay / 2 < Quiet ? delay / 2 : Quiet;
        await WaitAsync(limit, () => _arrivals.QuietFor(quiet), limit);
        TimeSpan left = limit - _timeProvider.GetElapsedTime(closing);
        await BoundedAsync(_forwarder.StopAcceptingAsync().AsTask());
        LogClosed(_log, _forwarder.Snapshot().AllSessions);
        await WaitAsync(left, () => _forwarder.Snapshot().AllSessions == 0, left);
        Task<int> ended = _forwarder.EndSessionsAsync(default).AsTask();
        if (await BoundedAsync(ended))
        {
            LogStopped(_log, await ended);
        }
    }

    // A stuck event loop must not keep the process from ending.
    private async Task<bool> BoundedAsync(Task command)
    {
        await Task.WhenAny(command, Task.Delay(LoopAnswer, _timeProvider));
        if (!command.IsCompleted)
        {
            LogStuck(_log, _forwarder.Snapshot().StalledMilliseconds);
        }

        return command.IsCompletedSuccessfully;
    }

    private async Task WaitAsync(TimeSpan time, Func<bool> enough, TimeSpan announced)
    {
        long start = _timeProvider.GetTimestamp();
        _arrivals.Look(_forwarder.Snapshot());
        while (!enough() && !_stopNow.IsCancellationRequested && _timeProvider.GetElapsedTime(start) is var elapsed && elapsed < time)
        {
            AnnounceStopping(_forwarder.Snapshot().AllSessions, announced - elapsed);
            TimeSpan step = time - elapsed < Tick ? time - elapsed : Tick;
            await Task.Delay(step, _timeProvider, _stopNow.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _arrivals.Look(_forwarder.Snapshot());
        }
    }

    private void AnnounceStopping(int sessions, TimeSpan left) =>
        _notifier.Stopping($"Stopping: {sessions} sessions are open; the last ends within {left.TotalSeconds:0} s", left + TimeSpan.FromSeconds(15));

    // By monitoring's clock: its timers fire on its thread, so that the service manager's watchdog is not fed when that is stuck.
    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        string last = "";
        while (!cancellationToken.IsCancellationRequested)
        {
            if (_notifier.Watchdog is not null && _forwarder.Snapshot().StalledMilliseconds <= ProxyHealth.StallLimit.TotalMilliseconds)
            {
                _notifier.FeedWatchdog();
                _watchdog.Feed();
            }

            if (_lifecycle.Phase != LifecyclePhase.Stopping && StatusText() is var status && status != last)
            {
                _notifier.Status(status);
                last = status;
            }

            await Task.Delay(Tick, _router.Clock, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private string StatusText()
    {
        ForwarderSnapshot snapshot = _forwarder.Snapshot();
        string route = snapshot.Order switch
        {
            { Mode: GateMode.Open, Target: { } master } => $"master {master.Name} ({master.EndPoint})"
                + (_router.Refusal == WriteRefusal.None ? "" : $", read-only in effect: {_router.Refusal.Brief()}"),
            { Mode: GateMode.Park } => $"no master; {snapshot.Parked} sessions wait",
            _ => "no master; sessions are refused",
        };
        return (_lifecycle.Phase == LifecyclePhase.Draining ? "Draining, " : "Serving, ") + route + $", {snapshot.Sessions} sessions";
    }

    [LoggerMessage(LogEvents.Serving, LogLevel.Information, "Serving clients on {Clients}; administration on {Admin}", EventName = nameof(LogEvents.Serving))]
    private static partial void LogServing(ILogger log, string clients, string admin);

    [LoggerMessage(LogEvents.Draining, LogLevel.Information, "Stopping: health checks fail from now on; {Sessions} sessions; new ones are taken for {Delay}, "
        + "open ones may go on for {Limit} after that", EventName = nameof(LogEvents.Draining))]
    private static partial void LogDraining(ILogger log, int sessions, string delay, string limit);

    [LoggerMessage(LogEvents.ListenersClosed, LogLevel.Information, "Stopping: the listeners are closed; {Sessions} sessions go on",
        EventName = nameof(LogEvents.ListenersClosed))]
    private static partial void LogClosed(ILogger log, int sessions);

    [LoggerMessage(LogEvents.Stopped, LogLevel.Information, "Stopped; {Ended} sessions were ended", EventName = nameof(LogEvents.Stopped))]
    private static partial void LogStopped(ILogger log, int ended);

    [LoggerMessage(LogEvents.RoutingFailed, LogLevel.Critical, "Routing has stopped, so the process no longer knows the master; it ends",
        EventName = nameof(LogEvents.RoutingFailed))]
    private static partial void LogRoutingFailed(ILogger log, Exception? exception);

    [LoggerMessage(LogEvents.LoopStuck, LogLevel.Error, "An event loop has not run for {Stalled} ms; the process ends without waiting for it",
        EventName = nameof(LogEvents.LoopStuck))]
    private static partial void LogStuck(ILogger log, long stalled);
}
