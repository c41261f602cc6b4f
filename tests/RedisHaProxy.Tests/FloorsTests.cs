// The proxy's rooms and their order, drawn in docs/development.md. What breaks the order is tested with the lab's.

namespace RedisHaProxy.Tests;

public sealed class FloorsTests
{
    [Fact]
    public void Each_room_of_the_proxy_uses_only_rooms_below() =>
        Assert.Empty(Floors.Violations(
            Path.Combine(Repository.Root, "proxy"), "RedisHaProxy",
            ["Linux"], ["Reactor"], ["Configuration"], ["Tls"], ["Monitoring", "Forwarding", "Importing"], ["Routing"], ["Admin"], ["Hosting"], ["Commands"]));
}
