// A reactor: one thread that waits for sockets and for time, and runs to its end whatever has become possible. Monitoring lives on
// it. What counts there is not the work, some microseconds a question, but how often a thread wakes up for it: each time costs some tens
// of microseconds on a virtual machine, on the thread pool twice (its poller, a worker). So what comes together is done in one go:
//
// - One round is one wake-up: all sockets that are ready, all timers that are due, everything that was posted.
// - Timers wait in whole milliseconds, rounded up: never early, and those that are due nearly together fire together.
// - Gather: answers to questions that went out in one round are not waited for one by one. The thread leaves its sockets alone for half
//   a millisecond, and finds them all.
//
// It is a SynchronizationContext (await comes back to it), a TimeProvider (Clock: timers fire on it), and the place where
// ReactorSocket's readiness comes from. A continuation never runs within the call that caused it: it is posted, and run in turn.
// Nothing on this thread may block, but for locks that others hold for microseconds. An exception that reaches it is a defect, ends
// it, and is Completion's.

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Reactor;

/// <summary>A thread on which asynchronous code runs without the thread pool.</summary>
internal sealed unsafe class ReactorThread : IDisposable
{
    /// <summary>
    /// How long answers are gathered: longer than a round trip within a data centre and the servers' time for an answer, short against the
    /// 50 ms between two questions.
    /// </summary>
    internal static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(0.5);

    private const int EventsPerWait = 64;
    private const ulong WakeToken = 0;

    private readonly Lock _lock = new();
    private readonly Thread _thread;
    private readonly Context _context;
    private readonly TimeProvider _time;
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte* _events = (byte*)NativeMemory.Alloc((nuint)(EventsPerWait * LibC.EventSize));
    private readonly int _epoll;
    private readonly int _wake;

    // Under the lock. Two lists, so that nothing is posted to the one that is being run.
    private readonly TimerQueue _timers = new();
    private List<Work> _posted = new(64);
    private List<Work> _running = new(64);
    private bool _asleep;
    private bool _stopping;
    private bool _disposed;

    // Of the thread.
    private readonly Dictionary<ulong, ReactorSocket> _sockets = [];
    private ulong _lastToken = WakeToken;
    private bool _gathers;
    private long _lookedAt; // when the sockets were asked last
    private long _wakeUps;

    /// <summary>Prepares a thread; <see cref="Start"/> lets it run.</summary>
    /// <param name="name">The thread's, as top shows it.</param>
    /// <param name="time">Where the time comes from. Waits are real time: a clock that stands still has its timers wait for ever.</param>
    /// <exception cref="InvalidOperationException">The process may not open more files.</exception>
    public ReactorThread(string name, TimeProvider time)
    {
        _time = time;
        _context = new Context(this);
        Clock = new ReactorClock(this, time);
        _epoll = LibC.EPollCreate(LibC.EPollCloseOnExec);
        _wake = LibC.EventDescriptor(0, LibC.OpenNonBlocking | LibC.OpenCloseOnExec);
        if (_epoll < 0 || _wake < 0 || LibC.EPollControl(_epoll, LibC.EPollAdd, _wake, LibC.PollIn, WakeToken) < 0)
        {
            throw new InvalidOperationException($"cannot create the epoll descriptor of {name}: the limit of open files is too low");
        }

        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    /// <summary>The time, and timers that fire on this thread. May be used from any thread.</summary>
    public ReactorClock Clock { get; }

    /// <summary>Ends when the thread does, with the exception that ended it.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Whether the caller is on this thread.</summary>
    public bool IsCurrent => Thread.CurrentThread == _thread;

    /// <summary>How often the thread went to sleep and woke up.</summary>
    public long WakeUps => Interlocked.Read(ref _wakeUps);

    /// <summary>Lets the thread run.</summary>
    public void Start() => _thread.Start();

    /// <summary>Has the thread end after the present round. What is posted after that is never run.</summary>
    public void Stop()
    {
        lock (_lock)
        {
            _stopping = true;
            WakeUp();
        }
    }

    /// <summary>Runs something on this thread, later, in the order of these calls. From any thread.</summary>
    public void Post(Action<object?> action, object? state)
    {
        lock (_lock)
        {
            _posted.Add(new Work(action, state));
            WakeUp();
        }
    }

    /// <summary>Starts an asynchronous method on this thread, where it stays.</summary>
    /// <returns>Its end; also ends, with the thread's exception if it has one, when the thread does.</returns>
    public Task InvokeAsync(Func<Task> method)
    {
        var started = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(_ => started.SetResult(method()), null);
        return Task.WhenAny(started.Task.Unwrap(), Completion).Unwrap();
    }

    /// <summary>Waits for the thread's end and frees everything. Not from this thread.</summary>
    public void Dispose()
    {
        Stop();
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _completion.TrySetResult();
        }
        else
        {
            _thread.Join();
        }

        lock (_lock)
        {
            if (!_disposed)
            {
                _disposed = true;
                NativeMemory.Free(_events);
                LibC.Close(_wake);
                LibC.Close(_epoll);
            }
        }
    }

    /// <summary>Something was sent whose answers should be taken together with others': see the head of this file. On this thread.</summary>
    internal void Gather() => _gathers = true;

    /// <summary>Begins to tell a socket of its readiness. On this thread.</summary>
    /// <returns>What names it in <see cref="Remove"/>; null when the system has no memory for it.</returns>
    internal ulong? Add(ReactorSocket socket, int descriptor)
    {
        ulong token = ++_lastToken;
        const uint Events = LibC.PollIn | LibC.PollOut | LibC.PollReadHangUp | LibC.EPollEdgeTriggered;
        if (LibC.EPollControl(_epoll, LibC.EPollAdd, descriptor, Events, token) < 0)
        {
            return null;
        }

        _sockets.Add(token, socket);
        return token;
    }

    /// <summary>Ends that, right before the descriptor is closed. On this thread.</summary>
    internal void Remove(ulong token) => _sockets.Remove(token);

    /// <summary>Arms, moves or (with a due time of <see cref="long.MaxValue"/>) disarms a timer. From any thread.</summary>
    internal void Set(ReactorTimer timer, long due, long period)
    {
        lock (_lock)
        {
            timer.Period = period;
            _timers.Set(timer, due);
            if (due < long.MaxValue && _timers.First == timer)
            {
                WakeUp();
            }
        }
    }

    // Under the lock, so that the descriptor is not another's yet.
    private void WakeUp()
    {
        if (_asleep && !_disposed)
        {
            _asleep = false;
            ulong one = 1;
            _ = LibC.Write(_wake, &one, sizeof(ulong));
        }
    }

    private void Run()
    {
        try
        {
            SynchronizationContext.SetSynchronizationContext(_context);
            while (TryWait(out int ready))
            {
                for (int i = 0; i < ready; i++)
                {
                    Dispatch(LibC.EventData(_events, i), LibC.EventMask(_events, i));
                }

                // Before the timers, and only what was due before the sockets were looked at: after a pause of this process an answer may be here and
                // its time-out be over, and then the answer counts.
                RunPosted();
                FireTimers(_lookedAt);
                RunPosted();
            }

            _completion.SetResult();
        }
        catch (Exception e)
        {
            _completion.SetException(e);
        }
    }

    private bool TryWait(out int ready)
    {
        if (_gathers)
        {
            _gathers = false;
            if (TrySleep(out _) != 0)
            {
                _ = LibC.WaitReadable(_wake, GatherTime);
                Interlocked.Increment(ref _wakeUps);
            }
        }

        int milliseconds = TrySleep(out bool stopping);
        if (stopping)
        {
            ready = 0;
            return false;
        }

        _lookedAt = _time.GetTimestamp();
        ready = LibC.EPollWait(_epoll, _events, EventsPerWait, milliseconds);
        int errno = ready < 0 ? LibC.Errno : 0;
        if (errno is not (0 or LibC.EINTR))
        {
            throw new InvalidOperationException($"epoll_wait failed with errno {errno}");
        }

        if (milliseconds != 0)
        {
            Interlocked.Increment(ref _wakeUps);
        }

        lock (_lock)
        {
            _asleep = false;
        }

        return true;
    }

    // For how many milliseconds there is nothing to do, -1 for ever; others wake the thread up unless it is 0.
    private int TrySleep(out bool stopping)
    {
        lock (_lock)
        {
            stopping = _stopping;
            if (_stopping || _posted.Count > 0)
            {
                return 0;
            }

            int milliseconds = _timers.First is { } first ? MillisecondsUntil(first.Due) : Timeout.Infinite;
            _asleep = milliseconds != 0;
            return milliseconds;
        }
    }

    private int MillisecondsUntil(long due)
    {
        long left = due - _time.GetTimestamp();
        return left <= 0 ? 0 : (int)Math.Min(Math.Ceiling(left * 1000.0 / _time.TimestampFrequency), int.MaxValue);
    }

    private void Dispatch(ulong token, uint events)
    {
        if (token == WakeToken)
        {
            ulong count;
            _ = LibC.Read(_wake, &count, sizeof(ulong));
        }
        else if (_sockets.TryGetValue(token, out ReactorSocket? socket))
        {
            socket.BecameReady(events);
        }
    }

    // A timer that is armed again by a callback is due after this moment, and so in another round.
    private void FireTimers(long now)
    {
        while (TakeDue(now) is { } timer)
        {
            timer.Fire();
        }
    }

    private ReactorTimer? TakeDue(long now)
    {
        lock (_lock)
        {
            if (_timers.First is not { } timer || timer.Due > now)
            {
                return null;
            }

            // Periods that were missed are left out.
            _timers.Set(timer, timer.Period > 0 ? timer.Due + (((now - timer.Due) / timer.Period) + 1) * timer.Period : long.MaxValue);
            return timer;
        }
    }

    // What is posted meanwhile comes in the next round, after the sockets.
    private void RunPosted()
    {
        lock (_lock)
        {
            (_posted, _running) = (_running, _posted);
        }

        foreach (Work work in CollectionsMarshal.AsSpan(_running))
        {
            work.Action(work.State);
        }

        _running.Clear();
    }

    private readonly record struct Work(Action<object?> Action, object? State);

    private sealed class Context(ReactorThread reactor) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state) => reactor.Post(static call => ((Call)call!).Run(), new Call(d, state));

        public override void Send(SendOrPostCallback d, object? state)
        {
            if (!reactor.IsCurrent)
            {
                throw new NotSupportedException("a call into the reactor's thread cannot be waited for");
            }

            d(state);
        }

        public override SynchronizationContext CreateCopy() => this;

        private sealed class Call(SendOrPostCallback callback, object? state)
        {
            public void Run() => callback(state);
        }
    }
}
