// The reactor by itself: time, posts from other threads, many sockets, fairness, and how it ends.

using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Reactor;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Reactor;

public sealed class ReactorThreadTests : IDisposable
{
    private readonly ReactorThread _reactor = new("test", TimeProvider.System);

    public ReactorThreadTests() => _reactor.Start();

    [Fact]
    public async Task Timers_fire_in_order_never_early_and_on_the_thread()
    {
        var fired = new List<int>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        long start = Stopwatch.GetTimestamp();
        await OnThreadAsync(() =>
        {
            // Created in one go, so that none is due before the last is there.
            foreach (int due in new[] { 90, 30, 60, 120 })
            {
                _reactor.Clock.CreateTimer(
                    _ =>
                    {
                        Assert.True(_reactor.IsCurrent);
                        Assert.True(Stopwatch.GetElapsedTime(start) >= TimeSpan.FromMilliseconds(due));
                        fired.Add(due);
                        if (due == 120)
                        {
                            done.SetResult();
                        }
                    },
                    null, TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
            }
        });
        await EndsAsync(done.Task);
        Assert.Equal([30, 60, 90, 120], fired);
    }

    [Fact]
    public async Task A_timer_that_is_disposed_or_disarmed_does_not_fire_and_one_that_is_moved_fires_once()
    {
        int fired = 0;
        ITimer Timer(int due) => _reactor.Clock.CreateTimer(_ => fired++, null, TimeSpan.FromMilliseconds(due), Timeout.InfiniteTimeSpan);
        await OnThreadAsync(() =>
        {
            Timer(20).Dispose();
            Timer(20).Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Timer(3_600_000).Change(TimeSpan.FromMilliseconds(20), Timeout.InfiniteTimeSpan);
        });
        await Task.Delay(TimeSpan.FromMilliseconds(100), _reactor.Clock);
        await OnThreadAsync(() => Assert.Equal(1, fired));
    }

    [Fact]
    public async Task A_periodic_timer_fires_until_it_is_disposed()
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5), _reactor.Clock);
        for (int i = 0; i < 5; i++)
        {
            Assert.True(await timer.WaitForNextTickAsync());
        }
    }

    [Fact]
    public async Task Periodic_timers_whose_periods_divide_each_other_fire_in_the_same_rounds()
    {
        var dues = new List<(int Period, long Due)>();
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (int period in new[] { 10, 20 })
        {
            // Each has its own first due time; from then on they keep step.
            ReactorTimer? timer = null;
            timer = new ReactorTimer(_reactor, _reactor.Clock, _ =>
            {
                dues.Add((period, timer!.Due - _reactor.Clock.Origin));
                if (dues.Count == 12)
                {
                    done.TrySetResult();
                }
            }, null);
            timer.Change(TimeSpan.FromMilliseconds(period + 3), TimeSpan.FromMilliseconds(period));
        }

        await EndsAsync(done.Task);
        await OnThreadAsync(() => Assert.All(dues, due => Assert.Equal(0, due.Due % (due.Period * _reactor.Clock.TimestampFrequency / 1000))));
    }

    [Fact]
    public async Task A_thread_that_sleeps_for_an_hour_wakes_up_for_a_post_and_for_a_timer_that_is_due_before()
    {
        using ITimer late = _reactor.Clock.CreateTimer(_ => { }, null, TimeSpan.FromHours(1), Timeout.InfiniteTimeSpan);
        for (int i = 0; i < 200; i++)
        {
            await OnThreadAsync(() => { });
        }

        await EndsAsync(Task.Delay(TimeSpan.FromMilliseconds(1), _reactor.Clock));
    }

    [Fact]
    public async Task Posts_run_in_their_order_and_what_is_posted_meanwhile_comes_after()
    {
        var order = new List<int>();
        await OnThreadAsync(() =>
        {
            _reactor.Post(_ =>
            {
                order.Add(1);
                _reactor.Post(_ => order.Add(3), null);
            }, null);
            _reactor.Post(_ => order.Add(2), null);
        });
        await OnThreadAsync(() => { });
        await OnThreadAsync(() => Assert.Equal([1, 2, 3], order));
    }

    [Fact]
    public async Task Work_that_posts_itself_for_ever_keeps_neither_timers_nor_sockets_waiting()
    {
        bool enough = false;
        void Again(object? state)
        {
            if (!Volatile.Read(ref enough))
            {
                _reactor.Post(Again, null);
            }
        }

        _reactor.Post(Again, null);
        await EndsAsync(Task.Delay(TimeSpan.FromMilliseconds(5), _reactor.Clock));
        await using var server = PlainServer.Echo();
        await EndsAsync(_reactor.InvokeAsync(() => EchoAsync(server.EndPoint, times: 3)));
        Volatile.Write(ref enough, true);
    }

    [Fact]
    public async Task Many_connections_are_served_at_the_same_time()
    {
        await using var server = PlainServer.Echo();
        await EndsAsync(_reactor.InvokeAsync(() => Task.WhenAll(Enumerable.Range(0, 200).Select(_ => EchoAsync(server.EndPoint, times: 5)))));
        Assert.Equal(200, server.Accepted);
    }

    [Fact]
    public async Task What_awaits_a_task_of_the_pool_comes_back_to_the_thread() => await EndsAsync(_reactor.InvokeAsync(async () =>
    {
        await Task.Run(() => Assert.False(_reactor.IsCurrent));
        Assert.True(_reactor.IsCurrent);
        await Task.Delay(TimeSpan.FromMilliseconds(1), _reactor.Clock);
        Assert.True(_reactor.IsCurrent);
    }));

    [Fact]
    public async Task A_wait_for_a_socket_is_cancelled_from_any_thread_and_the_next_one_is_not()
    {
        await using var server = PlainServer.Echo();
        using var cancel = new CancellationTokenSource();
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task all = _reactor.InvokeAsync(async () =>
        {
            using ReactorSocket socket = await ConnectAsync(server.EndPoint);
            ValueTask<bool> wait = socket.ReadableAsync(cancel.Token);
            waits.SetResult();
            Assert.False(await wait);
            await socket.SendAsync("x"u8.ToArray(), default);
            Assert.True(await socket.ReadableAsync(default));
            Assert.True(_reactor.IsCurrent);
        });
        await waits.Task;
        await cancel.CancelAsync();
        await EndsAsync(all);
    }

    [Fact]
    public async Task What_came_while_the_thread_was_held_up_counts_before_the_time_out_that_passed_meanwhile()
    {
        await using var server = PlainServer.Echo();
        await EndsAsync(_reactor.InvokeAsync(async () =>
        {
            using ReactorSocket socket = await ConnectAsync(server.EndPoint);
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(20), _reactor.Clock);
            await socket.SendAsync("x"u8.ToArray(), default);
            ValueTask<bool> wait = socket.ReadableAsync(limit.Token);
            long start = Stopwatch.GetTimestamp();
            Assert.True(SpinWait.SpinUntil(() => socket.Socket.Available > 0 && Stopwatch.GetElapsedTime(start).TotalMilliseconds > 40, Bound.Wait));
            Assert.True(await wait);
            Assert.False(limit.IsCancellationRequested);
        }));
    }

    [Fact]
    public async Task A_peer_that_reads_late_gets_everything()
    {
        const int Length = 20_000_000;
        long received = 0;
        var begin = new TaskCompletionSource();
        await using var server = new PlainServer(async socket =>
        {
            await begin.Task;
            byte[] buffer = new byte[64 * 1024];
            for (int n; (n = await socket.ReceiveAsync(buffer)) > 0;)
            {
                Interlocked.Add(ref received, n);
            }

            socket.Dispose();
        });
        await EndsAsync(_reactor.InvokeAsync(async () =>
        {
            using ReactorSocket socket = await ConnectAsync(server.EndPoint);
            ValueTask sending = socket.SendAsync(new byte[Length], default);
            Assert.False(sending.IsCompleted);
            begin.SetResult();
            await sending;
            socket.Socket.Shutdown(SocketShutdown.Send);
            Assert.True(await socket.ReadableAsync(default));
            Assert.Equal(0, socket.Receive(new byte[1]));
        }));
        Assert.Equal(Length, received);
    }

    [Fact]
    public async Task The_end_of_a_connection_is_told_to_whoever_watches_it()
    {
        await using var server = new PlainServer(async socket =>
        {
            // Not before the client has seen that it is connected.
            await socket.ReceiveAsync(new byte[1]);
            socket.Close(0);
        });
        await EndsAsync(_reactor.InvokeAsync(async () =>
        {
            using ReactorSocket socket = await ConnectAsync(server.EndPoint);
            await socket.SendAsync("x"u8.ToArray(), default);
            var told = new TaskCompletionSource();
            socket.Watch(told.SetResult);
            await told.Task;
            Assert.Throws<SocketException>(() => socket.Receive(new byte[1]));
        }));
    }

    [Fact]
    public async Task A_refused_connection_is_the_socket_s_error()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // bound, and not listening
        await EndsAsync(_reactor.InvokeAsync(async () =>
        {
            SocketException e = await Assert.ThrowsAsync<SocketException>(() => ConnectAsync((IPEndPoint)bound.LocalEndPoint!));
            Assert.Equal((SocketError.ConnectionRefused, "Connection refused"), (e.SocketErrorCode, e.Message));
        }));
    }

    [Fact]
    public async Task An_exception_on_the_thread_ends_it_and_everything_that_ran_there()
    {
        Task endless = _reactor.InvokeAsync(() => Task.Delay(Timeout.Infinite));
        using ITimer defect = _reactor.Clock.CreateTimer(
            _ => throw new InvalidTimeZoneException("defect"), null, TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => EndsAsync(_reactor.Completion));
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => EndsAsync(endless));
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => EndsAsync(_reactor.InvokeAsync(() => Task.CompletedTask)));
    }

    [Fact]
    public async Task A_method_s_own_exception_is_its_task_s_and_the_thread_goes_on()
    {
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => EndsAsync(_reactor.InvokeAsync(async () =>
        {
            await Task.Yield();
            throw new InvalidTimeZoneException("of the method");
        })));
        await OnThreadAsync(() => { });
    }

    [Fact]
    public async Task Stopped_it_ends_with_what_still_runs_and_takes_nothing_more()
    {
        Task endless = _reactor.InvokeAsync(() => Task.Delay(Timeout.Infinite));
        _reactor.Stop();
        await EndsAsync(_reactor.Completion);
        await EndsAsync(endless);
        await EndsAsync(_reactor.InvokeAsync(() => throw new InvalidOperationException("must not run")));
        _reactor.Dispose();
        _reactor.Post(_ => { }, null);
        new ReactorThread("never started", TimeProvider.System).Dispose();
    }

    public void Dispose() => _reactor.Dispose();

    private static Task EndsAsync(Task task) => task.WaitAsync(Bound.Wait);

    private Task OnThreadAsync(Action action) => EndsAsync(_reactor.InvokeAsync(() =>
    {
        action();
        return Task.CompletedTask;
    }));

    private async Task<ReactorSocket> ConnectAsync(IPEndPoint endPoint)
    {
        var socket = new ReactorSocket(_reactor, endPoint.AddressFamily);
        try
        {
            await socket.ConnectAsync(endPoint, default);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task EchoAsync(IPEndPoint endPoint, int times)
    {
        using ReactorSocket socket = await ConnectAsync(endPoint);
        byte[] buffer = new byte[16];
        for (int i = 0; i < times; i++)
        {
            await socket.SendAsync("hello"u8.ToArray(), default);
            for (int received = 0; received < 5;)
            {
                Assert.True(await socket.ReadableAsync(default));
                Assert.True(_reactor.IsCurrent);
                received += Math.Max(0, socket.Receive(buffer));
            }
        }
    }
}
