// The datagrams a service manager gets.

using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Hosting;
using RedisHaProxy.Tests.Configuration;

namespace RedisHaProxy.Tests.Hosting;

public sealed class ServiceNotifierTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
    private readonly string _path;

    public ServiceNotifierTests()
    {
        _path = Path.Combine(_folder.Path, "notify");
        _manager.Bind(new UnixDomainSocketEndPoint(_path));
    }

    public void Dispose()
    {
        _manager.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_manager_that_does_not_read_holds_nobody_up_and_hears_of_readiness_when_it_does()
    {
        using var notifier = new ServiceNotifier(_path, "2000000", null);
        for (int i = 0; i < 5000; i++)
        {
            notifier.FeedWatchdog();
        }

        notifier.Ready("Serving");
        var buffer = new byte[1000];
        while (_manager.Available > 0)
        {
            _manager.Receive(buffer);
        }

        notifier.FeedWatchdog();
        Assert.Equal("READY=1\nSTATUS=Serving", Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer)));
        Assert.Equal("WATCHDOG=1", Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer)));
    }

    [Fact]
    public void Each_message_is_one_datagram()
    {
        using var notifier = new ServiceNotifier(_path, "2000000", null);

        notifier.Ready("master redis1\nsince noon");
        Assert.Equal("READY=1\nSTATUS=master redis1 since noon", Receive());
        notifier.FeedWatchdog();
        Assert.Equal("WATCHDOG=1", Receive());
        notifier.Stopping("draining", TimeSpan.FromSeconds(40));
        Assert.Equal("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000", Receive());
        Assert.Equal(TimeSpan.FromSeconds(2), notifier.Watchdog);
    }

    [Fact]
    public void A_watchdog_of_another_process_is_not_ours()
    {
        using var notifier = new ServiceNotifier(_path, "2000000", "1");
        Assert.Null(notifier.Watchdog);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("relative")]
    public void Without_a_manager_nothing_happens(string? address)
    {
        using var notifier = new ServiceNotifier(address, "2000000", null);
        notifier.Ready("x");
        Assert.Null(notifier.Watchdog);
    }

    [Fact]
    public void A_manager_that_went_away_does_no_harm()
    {
        using var notifier = new ServiceNotifier(Path.Combine(_folder.Path, "gone"), null, null);
        notifier.Ready("x");
    }

    private string Receive()
    {
        var buffer = new byte[4096];
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
