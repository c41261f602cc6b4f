// Addresses that follow from others.

using RedisHaLab.Network;
using Xunit;

namespace RedisHaLab.Tests.Network;

public sealed class AddressesTests
{
    [Theory]
    [InlineData("172.31.235.0/25", "172.31.235.1", "172.31.235.126")]
    [InlineData("172.31.235.128/25", "172.31.235.129", "172.31.235.254")]
    [InlineData("10.255.0.0/16", "10.255.0.1", "10.255.255.254")]
    [InlineData("192.168.255.252/30", "192.168.255.253", "192.168.255.254")]
    public void A_subnet_has_its_gateway_first_and_its_clients_last(string cidr, string gateway, string last)
    {
        Assert.Equal(gateway, Addresses.Gateway(cidr));
        Assert.Equal(last, Addresses.LastUsable(cidr));
    }

    [Fact]
    public void A_links_name_fits_into_the_kernels_15_characters()
    {
        Assert.Equal("v-ac1feb83", Addresses.LinkName("172.31.235.131"));
        Assert.True(Addresses.LinkName("255.255.255.255").Length < 16);
    }
}
