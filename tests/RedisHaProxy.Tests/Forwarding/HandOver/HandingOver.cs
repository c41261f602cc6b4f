// The tests of the engines once more, with sessions that the kernel forwards: HANDOVER=on in the environment of the tests. It attaches to the
// loopback, so it is for a network namespace of its own:
//
//   unshare --net -- bash -c 'ip link set lo up; HANDOVER=on dotnet test tests/RedisHaProxy.Tests --no-build --filter FullyQualifiedName~Forwarding'

using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

/// <summary>A forwarder's helper, on a thread of the tests.</summary>
internal sealed class HandingOver : IDisposable
{
    private readonly WorkDirectory _directory = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly HandOverHelper _helper;
    private readonly HandOverLink _link;
    private readonly Thread _thread;

    private HandingOver(LoopForwarder forwarder)
    {
        string path = Path.Combine(_directory.Path, "helper");
        _helper = new HandOverHelper(path, sessions: 4096);
        _thread = new Thread(() => _helper.Run(_stop.Token)) { IsBackground = true, Name = "hand-over helper" };
        _thread.Start();
        _link = new HandOverLink(path, NullLogger.Instance);
        foreach (SessionLoop loop in forwarder.Loops)
        {
            loop.HandOver = _link;
            loop.HandOverMilliseconds = 0;
        }

        Assert.True(SpinWait.SpinUntil(() => _link.IsReady, Bound.Wait), "the helper is there");
    }

    /// <summary>Has a forwarder hand its sessions over at once, where the environment asks for it.</summary>
    public static IDisposable? Begin(LoopForwarder forwarder) =>
        Environment.GetEnvironmentVariable("HANDOVER") == "on" && HandOverRights.Missing is null ? new HandingOver(forwarder) : null;

    public void Dispose()
    {
        _link.Dispose();
        _stop.Cancel();
        _thread.Join();
        _helper.Dispose();
        _stop.Dispose();
        _directory.Dispose();
    }
}
