// How sessions end by an end that resets, vanishes, or is only silent.

using System.Net;
using System.Net.Sockets;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed partial class HandOverTests
{
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_end_that_vanishes_is_found_and_one_that_is_only_silent_is_not(bool client)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Idle = 4;
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1,
            // looked at once a second: each is asked each time
            new HandOverTimes { Silent = TimeSpan.FromMilliseconds(100), Probe = TimeSpan.FromSeconds(1), Probes = 3 });
        await OpenAsync(proxy, listener, Idle);
        await Eventually.HoldsAsync(() => proxy.AskAsync(handOvers => handOvers.Probes >= 3 * 2 * Idle), () => "all ends were asked three times");
        Assert.Empty(proxy.Ends);

        await _machines.Network.CutAsync(client ? ThreeMachines.ClientAddress : ThreeMachines.NodeAddress);
        Task<SocketError>[] ending = [.. Enumerable.Range(0, Idle).Select(i => ThreeMachines.EndAsync(_ends[(2 * i) + (client ? 1 : 0)]))];
        Assert.All(await Task.WhenAll(ending).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        await Eventually.HoldsAsync(() => proxy.Ends.Count == Idle, () => "the proxy has heard of their ends");
        Assert.All(proxy.Ends, end => Assert.Equal(client ? HandOverEnd.ClientSilent : HandOverEnd.NodeSilent, end.Value));
    }

    // Closed with SO_LINGER 0, by a kernel that keeps nothing of it: the RST is not sent again. Asked, that kernel answers with another one.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_end_whose_reset_is_lost_is_found(bool client)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1,
            new HandOverTimes { Silent = TimeSpan.FromMilliseconds(100), Probe = TimeSpan.FromSeconds(1) });
        await OpenAsync(proxy, listener, 1);
        NetworkNamespace where = client ? _machines.Client : _machines.Node;
        await Shell.RunInAsync(
            where, ["nft", "-f", "-"], "table inet lost { chain output { type filter hook output priority 0; tcp flags rst drop\n }\n }");
        _ends[client ? 0 : 1].Reset();
        Task<SocketError> end = ThreeMachines.EndAsync(_ends[client ? 1 : 0]);
        await Shell.RunInAsync(where, ["nft", "delete", "table", "inet", "lost"]);
        Assert.Equal(SocketError.ConnectionReset, await end.WaitAsync(Bound.Wait));
        await Eventually.HoldsAsync(() => !proxy.Ends.IsEmpty, () => "the proxy has heard of the end");
        Assert.Equal(client ? HandOverEnd.ClientReset : HandOverEnd.NodeReset, Assert.Single(proxy.Ends).Value);
    }

    // Without the hand-over the proxy's own socket finds it. One that reads a little now and then has closed its window between, too.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_end_that_reads_nothing_is_given_up_and_one_that_reads_slowly_is_not(bool client)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => 1, new HandOverTimes { Full = TimeSpan.FromSeconds(5) });
        await OpenAsync(proxy, listener, 2);
        int first = client ? 0 : 1; // the places of the ends that hear
        Task<Exception?>[] speaking = [.. _ends.Where((_, place) => place % 2 != first)
            .Select(end => Record.ExceptionAsync(() => end.SendAllAsync(new byte[100_000_000])))];
        byte[] buffer = new byte[500_000];
        for (int second = 0; !speaking[0].IsCompleted && second < Bound.Wait.TotalSeconds; second++)
        {
            await _ends[first + 2].ReceiveAsync(buffer).WaitAsync(Bound.Wait);
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(SocketError.ConnectionReset, Assert.IsType<SocketException>(await speaking[0].WaitAsync(Bound.Wait)).SocketErrorCode);
        Assert.False(speaking[1].IsCompleted, "the other one goes on");
        await Eventually.HoldsAsync(() => !proxy.Ends.IsEmpty, () => "the proxy has heard of the end");
        Assert.Equal((1L, client ? HandOverEnd.ClientSilent : HandOverEnd.NodeSilent), (Assert.Single(proxy.Ends).Key, Assert.Single(proxy.Ends).Value));
        SocketException? heard = null;
        while (heard is null)
        {
            try
            {
                Assert.NotEqual(0, await _ends[first].ReceiveAsync(buffer).WaitAsync(Bound.Wait));
            }
            catch (SocketException e)
            {
                heard = e;
            }
        }

        Assert.Equal(SocketError.ConnectionReset, heard.SocketErrorCode);
    }

    // The local socket sends again what it has sent before, and must not give up before those who look for silent ends do: not where nothing arrives
    // for a while, nor where a little arrives now and then, as its kernel counts from the first loss of a row of losses (retrans_stamp in tcp_timer.c).
    [SkippableTheory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task An_end_that_is_cut_off_for_a_while_gets_what_the_local_sockets_had_for_it(bool client, bool littleArrives)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Bytes = 5000; // four segments
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(_machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, _ => Bytes);
        using Socket from = ThreeMachines.Open(_machines.Client);
        await from.ConnectAsync(ThreeMachines.ProxyAddress, proxy.Port).WaitAsync(Bound.Wait);
        await from.SendAllAsync(new byte[1]);
        using Socket to = await listener.AcceptAsync().WaitAsync(Bound.Wait);
        (Socket speaks, Socket hears) = client ? (to, from) : (from, to);
        await ThreeMachines.ReadAsync(to, 1);
        await to.SendAllAsync(new byte[1]);
        await ThreeMachines.ReadAsync(from, 1);

        if (littleArrives)
        {
            _machines.Network.SwitchOffloadsOff(); // a packet is a segment
            await Shell.RunInAsync(
                client ? _machines.Client : _machines.Node, ["nft", "-f", "-"],
                "table inet slow { chain input { type filter hook input priority 0; limit rate 12/minute burst 1 packets accept; drop\n }\n }");
        }
        else
        {
            await _machines.Network.CutAsync(client ? ThreeMachines.ClientAddress : ThreeMachines.NodeAddress);
        }

        await speaks.SendAllAsync(Content.At(0, 0, Bytes));
        await Eventually.HoldsAsync(() => proxy.Taken == 1, () => $"it is handed over; {string.Join(", ", proxy.Refused)}");
        if (!littleArrives)
        {
            await Task.Delay(TimeSpan.FromSeconds(20)); // a socket that sends again each second gives up after 14 s (tcp_model_timeout in tcp_timer.c)
            await _machines.Network.HealAsync();
        }

        Task<byte[]> heard = hears.ReadBytesAsync(Bytes);
        await Eventually.HoldsAsync(() => heard.IsCompleted || !proxy.GivenUp.IsEmpty, () => "all arrives");
        Assert.Empty(proxy.GivenUp);
        Content.AssertAt(0, 0, await heard);
    }

    // Closed with something unread, as Redis does after an error: what was written last is on its way through the proxy's sockets, and the RST is not.
    [SkippableTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_last_words_of_an_end_that_resets_within_its_hand_over_arrive(bool client)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        const int Times = 200, Words = 5000, Word = 100;
        using Socket listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        using var proxy = new HandingProxy(
            _machines.Proxy, ThreeMachines.ProxyAddress, (IPEndPoint)listener.LocalEndPoint!, number => new Random(number).Next(0, Words));
        for (int number = 1; number <= Times; number++)
        {
            using Socket from = ThreeMachines.Open(_machines.Client);
            await from.ConnectAsync(ThreeMachines.ProxyAddress, proxy.Port).WaitAsync(Bound.Wait);
            await from.SendAllAsync(new byte[1]);
            using Socket to = await listener.AcceptAsync().WaitAsync(Bound.Wait);
            (Socket speaks, Socket hears) = client ? (from, to) : (to, from);
            await ThreeMachines.ReadAsync(to, 1);
            await hears.SendAllAsync(new byte[1]);
            Assert.True(speaks.Poll(Bound.Wait, SelectMode.SelectRead), "it has something to leave unread");
            for (int said = 0; said < Words; said += Word)
            {
                await speaks.SendAllAsync(Content.At(0, said, Word)); // the hand-over comes somewhere between these
            }

            var spoken = new TcpConnection((int)speaks.Handle);
            Assert.True(SpinWait.SpinUntil(() => spoken.UnsentBytes == 0, Bound.Wait), "all is on its way: what is not, its own kernel drops");
            speaks.Dispose();

            byte[] buffer = new byte[2 * Words];
            int got = 0;
            SocketError end = SocketError.Success;
            try
            {
                for (int length; (length = await hears.ReceiveAsync(buffer.AsMemory(got)).AsTask().WaitAsync(Bound.Wait)) > 0;)
                {
                    got += length;
                }
            }
            catch (SocketException e)
            {
                end = e.SocketErrorCode;
            }

            await Eventually.HoldsAsync(() => proxy.AskAsync(handOvers => handOvers.Count == 0), () => "the session is over");
            if (proxy.Ends.TryGetValue(number, out HandOverEnd how)) // not one that was copied to its end
            {
                Assert.Equal((client ? HandOverEnd.ClientReset : HandOverEnd.NodeReset, SocketError.ConnectionReset, Words), (how, end, got));
                Content.AssertAt(0, 0, buffer.AsSpan(0, got));
            }
        }

        output.WriteLine($"{proxy.Taken} of {Times} sessions were handed over");
        Assert.True(proxy.Taken > Times / 10, $"{proxy.Taken} were handed over");
    }
}
