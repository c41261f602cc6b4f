// What forwards in a test: one of the engines, or one of them with sessions that the kernel takes over.

using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Forwarding;

/// <summary>An engine, and whether its sessions are handed over (HandingOver.cs).</summary>
public readonly record struct EngineUnderTest(ForwardingEngine Engine, bool HandsOver)
{
    /// <summary>With every session handed over at once; the test is skipped where the kernel does not let it.</summary>
    public static EngineUnderTest HandingOver { get; } = new(ForwardingEngine.Epoll, HandsOver: true);

    /// <summary>The least that an engine holds of a session whose bytes are held back: with nothing in this process it is the kernel's.</summary>
    public int HeldAtLeast => HandsOver ? 0 : 1;

    public static implicit operator EngineUnderTest(ForwardingEngine engine) => new(engine, HandOver.HandingOver.IsOn);
}
