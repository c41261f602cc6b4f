// A defect in what handles the probes' reports: the router must end, and not go on half blind.

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Routing;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Routing;

public sealed class RouterDefectTests
{
    [Theory]
    [InlineData(true)] // in a report, in the middle of a probe
    [InlineData(false)] // in the thread itself
    public async Task A_defect_ends_the_router_with_its_exception(bool inReport)
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var node = new RedisNode("redis1", (IPEndPoint)bound.LocalEndPoint!);
        var configuration = new ProxyConfiguration { Listen = [], Redis = new RedisConfiguration { Nodes = [node] } };
        using var loggers = new Defect { Throws = inReport };
        using var router = new Router(configuration, new RecordingForwarder(), inReport ? TimeProvider.System : new BrokenClock(), loggers);
        InvalidTimeZoneException e = await Assert.ThrowsAsync<InvalidTimeZoneException>(() => router.RunAsync(CancellationToken.None).WaitAsync(Bound.Wait));
        Assert.Equal("defect", e.Message);
    }

    private sealed class BrokenClock : TimeProvider
    {
        public override long GetTimestamp() =>
            Thread.CurrentThread.Name == "monitoring" ? throw new InvalidTimeZoneException("defect") : base.GetTimestamp();
    }

    private sealed class Defect : ILoggerFactory, ILogger
    {
        public bool Throws { get; set; }

        public ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (Throws)
            {
                throw new InvalidTimeZoneException("defect");
            }
        }

        public void Dispose()
        {
        }
    }
}
