// The tests of the engines once more, with sessions that the kernel forwards. Those of the gate, of back-pressure and of forwarding always run so, too
// (HandedOver...Tests); all of them do with HANDOVER=on in the environment of the tests, in a network namespace of their own:
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

    private bool _disposed;

    /// <summary>Has a forwarder, which has not started, hand its sessions over: those that do little after so many milliseconds.</summary>
    public HandingOver(LoopForwarder forwarder, int milliseconds)
    {
        string path = Path.Combine(_directory.Path, "helper");
        _helper = new HandOverHelper(path, sessions: 16_384);
        _thread = new Thread(() => _helper.Run(_stop.Token)) { IsBackground = true, Name = "hand-over helper" };
        _thread.Start();
        _link = new HandOverLink(path, forwarder.Loops, NullLogger.Instance);
        foreach (SessionLoop loop in forwarder.Loops)
        {
            loop.HandOver = _link;
            loop.HandOverMilliseconds = milliseconds;
        }

        Assert.True(SpinWait.SpinUntil(() => _link.IsReady, Bound.Wait), "the helper is there");
    }

    /// <summary>Whether the environment asks for it.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("HANDOVER") == "on" && HandOverRights.Missing is null;

    /// <summary>Descriptors of this process that a session needs, beside its client's: the helper, which is in it, too, has its own two.</summary>
    public static int FilesPerSession => IsOn ? 4 : 2;

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _link.Dispose();
        _stop.Cancel();
        _thread.Join();
        _helper.Dispose();
        _stop.Dispose();
        _directory.Dispose();
    }
}
