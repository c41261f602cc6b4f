// A process that ends this one when it is stuck, so that the service manager starts it again (verb "watchdog").
//
// The service manager's own watchdog measures time. A virtual machine that was paused, or starved, has lost time: the manager wakes up, finds the
// sign of life overdue, and kills a process that is well, before that could say so. The watchdog process counts its own waits instead: in a
// pause it does not wait either. And unlike a thread of this process it also sees one that is stopped as a whole (a signal, a debugger,
// the runtime itself). It reads a pipe: a byte is a sign of life, its end is the end of this process.

using System.Diagnostics;
using System.Globalization;
using System.IO.Pipes;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Hosting;

/// <summary>Starts the watchdog, feeds it, and starts it again when it has ended.</summary>
internal sealed partial class WatchdogProcess(TimeProvider time, ILogger<WatchdogProcess> log) : IDisposable
{
    private static readonly TimeSpan StartAgain = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private Process? _process;
    private AnonymousPipeClientStream? _pipe;
    private long? _startedAt;
    private bool _disposed;

    /// <summary>A sign of life. Never blocks, and never throws.</summary>
    public unsafe void Feed()
    {
        lock (_lock)
        {
            byte beat = 0;
            if (_pipe is not null && LibC.Write((int)_pipe.SafePipeHandle.DangerousGetHandle(), &beat, 1) < 0 && LibC.Errno == LibC.EPIPE)
            {
                LogEnded(log);
                Forget();
            }

            if (_pipe is null && !_disposed && (_startedAt is not { } last || time.GetElapsedTime(last) >= StartAgain))
            {
                _startedAt = time.GetTimestamp();
                ThreadPool.UnsafeQueueUserWorkItem(static watchdog => watchdog.Start(), this, preferLocal: false);
            }
        }
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            Forget();
        }
    }

    private void Forget()
    {
        _pipe?.Dispose();
        _pipe = null;
        _process?.Dispose();
        _process = null;
    }

    private void Start()
    {
        try
        {
            Process process = Process.Start(OwnProgram.With("watchdog", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)))!;
            var pipe = (AnonymousPipeClientStream)process.StandardInput.BaseStream;

            // A watchdog that is stopped, or slow, must not hold this process up when the pipe is full.
            _ = LibC.Fcntl((int)pipe.SafePipeHandle.DangerousGetHandle(), LibC.FcntlSetFlags, LibC.OpenNonBlocking);
            lock (_lock)
            {
                (_process, _pipe) = (process, pipe);
                if (_disposed)
                {
                    Forget();
                }
            }
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or IOException or InvalidCastException or InvalidOperationException)
        {
            LogNotStarted(log, e.Message.TrimEnd('.'));
        }
    }

    [LoggerMessage(LogEvents.WatchdogNotStarted, LogLevel.Warning, "The watchdog process cannot be started: {Error}. It is tried again; until then only the "
        + "service manager's own watchdog ends a stuck proxy, which takes longer", EventName = nameof(LogEvents.WatchdogNotStarted))]
    private static partial void LogNotStarted(ILogger log, string error);

    [LoggerMessage(LogEvents.WatchdogEnded, LogLevel.Warning, "The watchdog process has ended; it is started again",
        EventName = nameof(LogEvents.WatchdogEnded))]
    private static partial void LogEnded(ILogger log);
}
