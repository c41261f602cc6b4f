// The service manager's protocol, sd_notify(3): readiness, status text, watchdog. A few lines of text in a datagram;
// without NOTIFY_SOCKET (no systemd, or Type=simple) nothing is sent.

using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace RedisHaProxy.Hosting;

/// <summary>Talks to the service manager. Best effort: a manager that does not listen never stops the proxy.</summary>
internal sealed class ServiceNotifier : IDisposable
{
    private readonly Socket? _socket;
    private readonly UnixDomainSocketEndPoint? _manager;
    private volatile string? _owed; // readiness that could not be said yet: the manager waits for it, and it is said once

    /// <param name="address">$NOTIFY_SOCKET: a path, or a name after '@'; null or empty for none.</param>
    /// <param name="watchdogMicroseconds">$WATCHDOG_USEC; null when the unit has no WatchdogSec.</param>
    /// <param name="watchdogProcess">$WATCHDOG_PID: the process that is meant; null means this one.</param>
    public ServiceNotifier(string? address, string? watchdogMicroseconds, string? watchdogProcess)
    {
        if (string.IsNullOrEmpty(address) || address[0] is not ('/' or '@'))
        {
            return;
        }

        _manager = new UnixDomainSocketEndPoint(address[0] == '@' ? '\0' + address[1..] : address);
        // Its queue may be full, and monitoring's thread must not wait for it.
        _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        if (long.TryParse(watchdogMicroseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
            && microseconds > 0
            && (string.IsNullOrEmpty(watchdogProcess) || watchdogProcess == Environment.ProcessId.ToString(CultureInfo.InvariantCulture)))
        {
            Watchdog = TimeSpan.FromMicroseconds(microseconds);
        }
    }

    /// <summary>How long the manager waits for a sign of life before it restarts the service; null when it does not.</summary>
    public TimeSpan? Watchdog { get; }

    /// <summary>From the environment of this process.</summary>
    public static ServiceNotifier FromEnvironment() => new(
        Environment.GetEnvironmentVariable("NOTIFY_SOCKET"),
        Environment.GetEnvironmentVariable("WATCHDOG_USEC"),
        Environment.GetEnvironmentVariable("WATCHDOG_PID"));

    /// <summary>The service serves.</summary>
    public void Ready(string status)
    {
        string message = $"READY=1\nSTATUS={OneLine(status)}";
        _owed = Send(message) ? null : message;
    }

    /// <summary>The line that systemctl status shows.</summary>
    public void Status(string status) => Send($"STATUS={OneLine(status)}");

    /// <summary>A sign of life.</summary>
    public void FeedWatchdog() => Send("WATCHDOG=1");

    /// <summary>The service is ending, and needs up to <paramref name="time"/> more (whatever TimeoutStopSec says).</summary>
    public void Stopping(string status, TimeSpan time) =>
        Send(string.Create(CultureInfo.InvariantCulture, $"STOPPING=1\nSTATUS={OneLine(status)}\nEXTEND_TIMEOUT_USEC={(long)time.TotalMicroseconds}"));

    /// <summary>A reload has begun (Type=notify-reload); <see cref="Ready"/> ends it.</summary>
    public void Reloading(TimeProvider time) =>
        Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={(long)(time.GetTimestamp() * 1_000_000.0 / time.TimestampFrequency)}"));

    public void Dispose() => _socket?.Dispose();

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private bool Send(string message)
    {
        try
        {
            if (_owed is { } owed)
            {
                _socket?.SendTo(Encoding.UTF8.GetBytes(owed), _manager!);
                _owed = null;
            }

            _socket?.SendTo(Encoding.UTF8.GetBytes(message), _manager!);
            return true;
        }
        catch (SocketException)
        {
            // The manager went away or its queue is full; the next message follows soon.
            return false;
        }
    }
}
