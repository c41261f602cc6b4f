// The helper of the hand-over by itself: whatever a proxy says to it, or stops saying.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Forwarding.HandOver;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed partial class HandOverHelperTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly WorkDirectory _directory = new();
    private ThreeMachines _machines = null!;
    private ChildProcess? _helper;

    [SkippableFact]
    public async Task A_proxy_that_is_killed_leaves_nothing_forwarding()
    {
        string path = await StartHelperAsync();
        (Socket client, Socket fromClient) = await PairAsync(_machines.Client, _machines.Proxy, ThreeMachines.ProxyAddress);
        (Socket toNode, Socket node) = await PairAsync(_machines.Proxy, _machines.Node, ThreeMachines.NodeAddress);
        Socket proxy = Connect(path);
        Assert.Equal(0, DescriptorSocket.Send(
            (int)proxy.Handle, new HandOverMessage { Kind = HandOverMessageKind.Take, Id = 1 }, [(int)fromClient.Handle, (int)toNode.Handle]));
        Assert.Equal(HandOverAnswer.Taken, await AnswerAsync(proxy));
        await client.SendAllAsync(new byte[1000]);
        await ThreeMachines.ReadAsync(node, 1000);
        Task<SocketError>[] ends = [ThreeMachines.EndAsync(client), ThreeMachines.EndAsync(node)];
        foreach (Socket own in new[] { fromClient, toNode })
        {
            LibC.Close((int)own.Handle); // what the kernel does when a process is killed
            own.SafeHandle.SetHandleAsInvalid();
        }

        proxy.Dispose();
        Assert.All(await Task.WhenAll(ends).WaitAsync(Bound.Wait), error => Assert.Equal(SocketError.ConnectionReset, error));
        client.Dispose();
        node.Dispose();
    }

    // What `systemctl status` shows of it: before, it waited for the proxy for as long as it ran.
    [SkippableFact]
    public async Task The_service_manager_hears_whether_the_proxy_is_there_and_how_many_sessions_it_has()
    {
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = (int)Bound.Wait.TotalMilliseconds };
        string notify = Path.Combine(_directory.Path, "notify");
        manager.Bind(new UnixDomainSocketEndPoint(notify));
        string path = await StartHelperAsync("NOTIFY_SOCKET=" + notify, "WATCHDOG_USEC=400000");
        HearUntil(manager, "READY=1\nSTATUS=Waits for the proxy");
        (Socket client, Socket fromClient) = await PairAsync(_machines.Client, _machines.Proxy, ThreeMachines.ProxyAddress);
        (Socket toNode, Socket node) = await PairAsync(_machines.Proxy, _machines.Node, ThreeMachines.NodeAddress);
        using (Socket proxy = Connect(path))
        {
            Assert.Equal(0, DescriptorSocket.Send(
                (int)proxy.Handle, new HandOverMessage { Kind = HandOverMessageKind.Take, Id = 1 }, [(int)fromClient.Handle, (int)toNode.Handle]));
            Assert.Equal(HandOverAnswer.Taken, await AnswerAsync(proxy));
            HearUntil(manager, "STATUS=Serves the proxy; sessions that the kernel forwards: 1");
            HearUntil(manager, "WATCHDOG=1");
        }

        HearUntil(manager, "STATUS=Waits for the proxy");
        foreach (Socket socket in new[] { client, fromClient, toNode, node })
        {
            socket.Dispose();
        }
    }

    // Making programs for the kernel is done by then: with that right, whoever takes the process over could read the whole kernel.
    [SkippableFact]
    public async Task A_helper_that_listens_has_the_rights_over_the_network_alone()
    {
        const ulong NetworkAdmin = 1 << 12, NetworkRaw = 1 << 13;
        _ = await StartHelperAsync();
        foreach (string task in Directory.GetDirectories($"/proc/{_helper!.Id}/task"))
        {
            string permitted = File.ReadLines(Path.Combine(task, "status")).Single(line => line.StartsWith("CapPrm:", StringComparison.Ordinal));
            Assert.Equal(NetworkAdmin | NetworkRaw, ulong.Parse(permitted["CapPrm:".Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
    }

    [SkippableFact]
    public async Task A_helper_takes_no_harm_from_what_a_proxy_says()
    {
        string path = await StartHelperAsync();
        using (Socket proxy = Connect(path))
        {
            proxy.Send(new byte[5]);
            Assert.Equal(0, await proxy.ReceiveAsync(new byte[1]).WaitAsync(Bound.Wait)); // it has hung up
        }

        using (Socket proxy = Connect(path))
        using (var udp = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
        using (Socket unconnected = ThreeMachines.Open(_machines.Proxy))
        {
            var take = new HandOverMessage { Kind = HandOverMessageKind.Take, Id = -1 };
            Assert.Equal(0, DescriptorSocket.Send((int)proxy.Handle, take, [(int)udp.Handle, (int)unconnected.Handle]));
            Assert.Equal(HandOverAnswer.NotOpen, await AnswerAsync(proxy));
            Assert.Equal(0, DescriptorSocket.Send((int)proxy.Handle, new HandOverMessage { Kind = HandOverMessageKind.Reset, Id = 77 }, []));
            Assert.Equal(0, DescriptorSocket.Send((int)proxy.Handle, take, [(int)proxy.Handle, (int)proxy.Handle]));
            Assert.Equal(HandOverAnswer.NotOpen, await AnswerAsync(proxy));
            Assert.Equal(0, DescriptorSocket.Send((int)proxy.Handle, new HandOverMessage { Kind = (HandOverMessageKind)99 }, []));
            Assert.Equal(0, await proxy.ReceiveAsync(new byte[1]).WaitAsync(Bound.Wait));
        }

        Assert.False(_helper!.HasExited);
        using Socket again = Connect(path);
        Assert.Equal(0, DescriptorSocket.Send((int)again.Handle, new HandOverMessage { Kind = HandOverMessageKind.Alive }, []));
    }

    // Its group may connect, and only the proxy's account is the proxy.
    [SkippableFact]
    public async Task Another_user_does_not_take_the_proxys_place()
    {
        string path = await StartHelperAsync();
        using Socket proxy = Connect(path);
        await AnswersAsync(proxy);
        File.SetUnixFileMode(path, AllMayUse);
        File.SetUnixFileMode(_directory.Path, AllMayUse);
        for (int i = 0; i < 100; i++)
        {
            using Socket other = await ConnectAsNobodyAsync(path);
            Assert.Equal(0, await ReceiveAsync(other)); // it has hung up
        }

        await AnswersAsync(proxy);
        proxy.Dispose();
        using Socket next = await ConnectAsNobodyAsync(path);
        await AnswersAsync(next);
    }

    // Of the proxy's own account, too: who has said nothing that a proxy says is nobody.
    [SkippableFact]
    public async Task A_proxy_keeps_its_place_and_the_helper_few_descriptors_whoever_connects_beside_it()
    {
        const int Others = 3000;
        string path = await StartHelperAsync();
        using Socket proxy = Connect(path);
        await AnswersAsync(proxy);
        int before = Descriptors();
        var others = new List<Socket>();
        try
        {
            for (int i = 0; i < Others; i++)
            {
                Socket other = Connect(path);
                others.Add(other);
                try
                {
                    _ = (i % 4) switch
                    {
                        0 => 0, // says nothing
                        1 => other.Send(new byte[1 + (i % 100)]),
                        2 => DescriptorSocket.Send((int)other.Handle, new HandOverMessage { Kind = (HandOverMessageKind)99 }, []),
                        _ => DescriptorSocket.Send(
                            (int)other.Handle, new HandOverMessage { Kind = HandOverMessageKind.Alive }, [(int)proxy.Handle, (int)proxy.Handle]),
                    };
                }
                catch (SocketException)
                {
                    // It was one too many, and is gone.
                }
            }

            await AnswersAsync(proxy);
            int most = Descriptors();
            Assert.True(most < before + 100, $"{most} descriptors, {before} before");
        }
        finally
        {
            others.ForEach(other => other.Dispose());
        }

        using Socket next = Connect(path);
        await AnswersAsync(next); // the proxy of a restart
    }

    // A listener with somebody in it stays readable.
    [SkippableFact]
    public async Task A_helper_without_descriptors_does_not_spin_and_goes_on_when_there_are_some()
    {
        Skip.If(Installed.Missing("prlimit") is not null, "prlimit (util-linux) is not installed");
        string path = await StartHelperAsync();
        using Socket before = Connect(path);
        await AnswersAsync(before); // it has all that it opens at its start
        await LimitAsync(FirstFree());
        using Socket proxy = Connect(path);
        TimeSpan began = _helper!.ProcessorTime;
        await Task.Delay(TimeSpan.FromSeconds(2)); // what it uses meanwhile is measured, and no pause of this machine adds to that
        TimeSpan used = _helper.ProcessorTime - began;
        Assert.True(used < TimeSpan.FromSeconds(1), $"{used.TotalMilliseconds} ms of 2 s");
        await LimitAsync(1000);
        await AnswersAsync(proxy);
    }

    /// <summary>The helper's next descriptor would have this number: with it as its limit, it can open none.</summary>
    private int FirstFree()
    {
        string[] paths = Directory.GetFileSystemEntries($"/proc/{_helper!.Id}/fd");
        var taken = paths.Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)).ToHashSet();
        return Enumerable.Range(0, taken.Count + 1).First(number => !taken.Contains(number));
    }

    private int Descriptors() => Directory.GetFiles($"/proc/{_helper!.Id}/fd").Length;

    private Task<ShellResult> LimitAsync(int descriptors) => Shell.RunAsync("prlimit", ["--pid", $"{_helper!.Id}", $"--nofile={descriptors}:4096"]);

    private const UnixFileMode AllMayUse = (UnixFileMode)0x1ff; // 0777

    /// <summary>The helper serves this connection.</summary>
    private async Task AnswersAsync(Socket proxy)
    {
        using Socket unconnected = ThreeMachines.Open(_machines.Proxy);
        var take = new HandOverMessage { Kind = HandOverMessageKind.Take, Id = 1 };
        Assert.Equal(0, DescriptorSocket.Send((int)proxy.Handle, take, [(int)unconnected.Handle, (int)unconnected.Handle]));
        Assert.Equal(HandOverAnswer.NotOpen, await AnswerAsync(proxy));
    }

    private static async Task<int> ReceiveAsync(Socket socket)
    {
        try
        {
            return await socket.ReceiveAsync(new byte[1]).WaitAsync(Bound.Wait);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            return 0;
        }
    }

    // By the system call, a user is that of one thread only.
    private static Task<Socket> ConnectAsNobodyAsync(string path)
    {
        var connected = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                const nint Nobody = 65534;
                nint number = System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture
                    == System.Runtime.InteropServices.Architecture.X64 ? 117 : 147;
                Assert.Equal(0, SetUsers(number, Nobody, Nobody, Nobody));
                connected.SetResult(Connect(path));
            }
            catch (Exception e)
            {
                connected.SetException(e);
            }
        }).Start();
        return connected.Task.WaitAsync(Bound.Wait);
    }

    [System.Runtime.InteropServices.LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SetUsers(nint number, nint real, nint effective, nint saved); // setresuid(2)

    private async Task<string> StartHelperAsync(params string[] environment)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        string path = Path.Combine(_directory.Path, "helper");
        _helper = HandOverRights.StartHelper(path, _directory, _machines.Proxy, environment);
        await Eventually.HoldsAsync(() => Listens(path), () => "the helper listens: " + File.ReadAllText(_helper.LogFile));
        return path;
    }

    private static void HearUntil(Socket manager, string wanted)
    {
        byte[] message = new byte[1024];
        var heard = new List<string>();
        do
        {
            Assert.True(heard.Count < 1000, $"'{wanted}' was not said: {string.Join(' ', heard.Distinct())}");
            heard.Add(Encoding.UTF8.GetString(message, 0, manager.Receive(message)));
        }
        while (heard[^1] != wanted);
    }

    private static bool Listens(string path)
    {
        try
        {
            Connect(path).Dispose();
            return true;
        }
        catch (SocketException)
        {
            return false; // the file is there a little earlier
        }
    }

    private static Socket Connect(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Seqpacket, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        return socket;
    }

    private static async Task<HandOverAnswer> AnswerAsync(Socket proxy)
    {
        int[] sockets = new int[DescriptorSocket.MostDescriptors];
        HandOverMessage message = default;
        await Eventually.HoldsAsync(
            () => DescriptorSocket.Receive((int)proxy.Handle, out message, sockets, out _) is true && message.Kind == HandOverMessageKind.Answered,
            () => "the helper answers");
        return (HandOverAnswer)message.Value;
    }

    /// <summary>A connection between two machines.</summary>
    private static async Task<(Socket From, Socket To)> PairAsync(NetworkNamespace from, NetworkNamespace to, IPAddress address)
    {
        using Socket listener = ThreeMachines.Listen(to, address);
        Socket client = ThreeMachines.Open(from);
        await client.ConnectAsync(listener.LocalEndPoint!).WaitAsync(Bound.Wait);
        return (client, await listener.AcceptAsync().WaitAsync(Bound.Wait));
    }

    public async Task InitializeAsync()
    {
        if (ThreeMachines.Missing is null)
        {
            _machines = await ThreeMachines.CreateAsync(_directory);
        }
    }

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    public ValueTask DisposeAsync()
    {
        _helper?.Dispose();
        _machines?.Dispose();
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
