// The header that the lab's balancer sends is the one of the PROXY protocol, version 2 (section 2.2 of its text).

using System.Net;
using RedisHaLab.Services;
using Xunit;

namespace RedisHaLab.Tests.Services;

public sealed class HeaderRelayTests
{
    [Fact]
    public void A_header_names_client_and_listener() =>
        Assert.Equal("0D0A0D0A000D0A515549540A2111000C0A090807AC1FEBBC9C4018EB",
            Convert.ToHexString(HeaderRelay.Header(IPEndPoint.Parse("10.9.8.7:40000"), IPEndPoint.Parse("172.31.235.188:6379"))));
}
