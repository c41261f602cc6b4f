// The loop's small structures against obvious models.

using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using CsCheck;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class StructureTests
{
    private const int Sessions = 12;

    // A hundred thousand idle sessions are memory, and little else.
    [Fact]
    public void A_session_and_its_two_sockets_take_256_bytes() => Assert.Equal(256, Unsafe.SizeOf<Session>() + (2 * Unsafe.SizeOf<Endpoint>()));

    [Fact]
    public void Timers_fire_once_at_their_time_and_never_early()
    {
        // Per step: a session, what to do with its timer (arm after 0 to 40 s, or cancel), and how much time passes then.
        Gen<(int Session, int Delay, int Pass)> step = Gen.Select(
            Gen.Int[0, Sessions - 1], Gen.Int[-2000, 40_000], Gen.Frequency((5, Gen.Int[0, 300]), (1, Gen.Int[300, 60_000])));
        step.List[1, 60].Sample(steps =>
        {
            Session[] table = NewTable();
            long now = 1_000_000;
            var wheel = new TimerWheel(table, now);
            var model = new Dictionary<int, long>();
            foreach ((int session, int delay, int pass) in steps)
            {
                if (delay < 0)
                {
                    wheel.Cancel(session);
                    model.Remove(session);
                }
                else
                {
                    wheel.Arm(session, now + delay);
                    model[session] = now + delay;
                }

                int wait = wheel.MillisecondsToNext(now, 1000);
                Assert.InRange(wait, 0, 1000);
                if (model.Count > 0)
                {
                    Assert.True(wait <= Math.Max(0, model.Values.Min() - now) + (2 * TimerWheel.TickMilliseconds), "the loop would oversleep");
                }

                now += pass;
                for (int fired = wheel.Take(now); fired >= 0; fired = wheel.Take(now))
                {
                    Assert.True(model.Remove(fired, out long deadline), $"timer {fired} was not armed");
                    Assert.True(deadline <= now, $"timer {fired} fired {deadline - now} ms early");
                }

                Assert.All(
                    model, timer => Assert.True(timer.Value > now - (2 * TimerWheel.TickMilliseconds), $"timer {timer.Key} is {now - timer.Value} ms late"));
            }
        });
    }

    [Fact]
    public void The_parking_queue_keeps_the_order_of_arrival()
    {
        Gen.Select(Gen.Shuffle(Enumerable.Range(0, Sessions).ToArray()), Gen.Int[0, Sessions - 1].List[0, 40]).Sample((ids, steps) =>
        {
            Session[] table = NewTable();
            for (int i = 0; i < Sessions; i++)
            {
                table[i].Id = ids[i];
            }

            var queue = new SessionQueue(table);
            var model = new SortedDictionary<long, int>();
            foreach (int session in steps)
            {
                if (model.Remove(table[session].Id))
                {
                    queue.Remove(session);
                }
                else
                {
                    queue.Add(session);
                    model[table[session].Id] = session;
                }

                Assert.Equal(model.Count, queue.Count);
                var seen = new List<int>();
                for (int next = queue.First; next >= 0; next = table[next].Next)
                {
                    seen.Add(next);
                }

                Assert.Equal(model.Values, seen);
            }
        });
    }

    [Fact]
    public void Refused_clients_leave_in_the_order_of_being_told_and_then_of_arrival()
    {
        // Per step: a session, which comes, is told, or leaves; and whether it is told at all.
        Gen.Select(Gen.Int[0, Sessions - 1], Gen.Bool).List[0, 60].Sample(steps =>
        {
            Session[] table = NewTable();
            var refused = new RefusedClients(table);
            var silent = new List<int>();
            var told = new List<int>();
            foreach ((int session, bool tell) in steps)
            {
                if (silent.Remove(session))
                {
                    if (tell)
                    {
                        refused.Told(session);
                        table[session].Refusal = Refusal.None;
                        told.Add(session);
                    }
                    else
                    {
                        refused.Remove(session);
                    }
                }
                else if (told.Remove(session))
                {
                    refused.Remove(session);
                }
                else
                {
                    table[session].Refusal = Refusal.Limit;
                    refused.Add(session);
                    silent.Add(session);
                }

                Assert.Equal(told.Count + silent.Count, refused.Count);
                Assert.Equal(told.Concat(silent).FirstOrDefault(-1), refused.Next);
            }
        });
    }

    [Fact]
    public async Task The_ring_hands_over_in_order_between_two_threads_and_counts_what_it_drops()
    {
        const int Records = 200_000;
        var ring = new SessionRing(64);
        Task writing = Task.Run(() =>
        {
            for (int i = 0; i < Records; i++)
            {
                ring.Write(Record(i));
            }
        });
        long last = -1;
        int count = 0;
        while (true)
        {
            bool finished = writing.IsCompleted;
            while (ring.TryRead(out SessionRecord record))
            {
                Assert.True(record.Id > last, "out of order");
                Assert.Equal(record.Id * 3, record.BytesOut); // not torn
                last = record.Id;
                count++;
            }

            if (finished)
            {
                break;
            }
        }

        await writing;
        Assert.Equal(Records, count + ring.Dropped);

        static SessionRecord Record(int id) => new()
        {
            Id = id,
            Client = default,
            Node = null,
            Accepted = default,
            ConnectedAfterMilliseconds = null,
            EndedAfterMilliseconds = 0,
            BytesIn = 0,
            BytesOut = id * 3L,
            End = SessionEnd.Idle,
        };
    }

    [Theory]
    [InlineData("10.20.30.40:6379")]
    [InlineData("[2001:db8::17]:50000")]
    public void Client_addresses_survive_the_kernels_form(string text)
    {
        IPEndPoint endPoint = IPEndPoint.Parse(text);
        SocketAddress native = endPoint.Serialize();
        ClientAddress address = ClientAddress.FromNative(native.Buffer.Span[..native.Size]);
        Assert.Equal(endPoint, address.ToIPEndPoint());
        Assert.Equal(text, address.ToString());
        Assert.Equal(address.Address, ClientAddress.Bits(endPoint.Address));
    }

    [Fact]
    public void Accepted_sockets_inherit_the_options_of_their_listener()
    {
        Socket[][] listeners = Sockets.Listen([new(IPAddress.Loopback, 0)], 1);
        using Socket listener = listeners[0][0];
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndPoint!);
        listener.Blocking = true;
        using Socket accepted = listener.Accept();
        Assert.True(accepted.NoDelay);
        Assert.True(accepted.WatchesPeer());
    }

    [Fact]
    public void The_limit_of_open_files_is_at_its_hard_maximum_after_raising()
    {
        long limit = FileDescriptorLimit.RaiseToHardLimit();
        string[] words = File.ReadLines("/proc/self/limits").Single(line => line.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal([$"{limit}", $"{limit}"], words[3..5]);
        Assert.Equal(20_512, FileDescriptorLimit.NeededFor(10_000));
        Assert.Equal(10_000, FileDescriptorLimit.ConnectionsFor(20_512));
        Assert.Equal(1, FileDescriptorLimit.ConnectionsFor(100));
        Assert.Equal(256, FileDescriptorLimit.RefusalsFor(20_512, 10_000)); // no more than the reserve bears
        Assert.Equal(356, FileDescriptorLimit.RefusalsFor(20_612, 10_000));
        Assert.Equal(FileDescriptorLimit.MaxRefusals, FileDescriptorLimit.RefusalsFor(1_000_000, 10_000));
    }

    [Fact]
    public void A_session_with_both_sockets_takes_less_than_300_bytes() =>
        Assert.InRange(Unsafe.SizeOf<Session>() + (2 * Unsafe.SizeOf<Endpoint>()), 200, 300);

    [Fact]
    public async Task Limits_shared_by_loops_are_exact_under_contention()
    {
        var limits = new SharedLimits(new LimitConfiguration { Connections = 50, PerSource = 20 }, 1, 50);
        int entered = 0;
        int most = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                var source = (UInt128)(uint)((i + thread) % 3);
                if (limits.TryEnter(source))
                {
                    int now = Interlocked.Increment(ref entered);
                    InterlockedMax(ref most, now);
                    Interlocked.Decrement(ref entered);
                    limits.Leave(source);
                }
            }
        })));
        Assert.Equal(0, limits.Sessions);
        Assert.InRange(most, 1, 4);
        for (int i = 0; i < 20; i++)
        {
            Assert.True(limits.TryEnter(7));
        }

        Assert.False(limits.TryEnter(7));
        Assert.Equal(20, limits.Sessions);

        static void InterlockedMax(ref int target, int value)
        {
            for (int seen = Volatile.Read(ref target); value > seen;)
            {
                seen = Interlocked.CompareExchange(ref target, value, seen);
            }
        }
    }

    private static Session[] NewTable()
    {
        var table = new Session[Sessions];
        for (int i = 0; i < Sessions; i++)
        {
            table[i] = new Session { TimerBucket = -1 };
        }

        return table;
    }
}
