// No single failure may take two of the first three machines of a kind.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class PlacementTests
{
    [Fact]
    public void With_three_availability_domains_the_machines_differ_in_both()
    {
        Placement[] places = Places(3, "AD-1", "AD-2", "AD-3");

        Assert.Equal(["AD-1", "AD-2", "AD-3"], places.Select(place => place.AvailabilityDomain));
        Assert.Equal(["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"], places.Select(place => place.FaultDomain));
    }

    [Theory]
    [InlineData("AD-1")]
    [InlineData("AD-1", "AD-2")]
    public void With_fewer_they_differ_in_fault_domain(params string[] domains)
    {
        Assert.Equal(3, Places(3, domains).Select(place => place.FaultDomain).Distinct().Count());
    }

    [Theory]
    [InlineData("AD-1", "AD-2", "AD-3")]
    [InlineData("AD-1")]
    public void Nine_machines_are_spread_evenly(params string[] domains)
    {
        Placement[] places = Places(9, domains);

        Assert.All(places.CountBy(place => place.FaultDomain!), count => Assert.Equal(3, count.Value));
        Assert.All(places.CountBy(place => place), count => Assert.Equal(9 / (3 * domains.Length), count.Value));
    }

    [Fact]
    public void The_order_in_which_the_region_lists_its_domains_does_not_matter()
    {
        Assert.Equal(Places(3, "AD-1", "AD-2", "AD-3"), Places(3, "AD-3", "AD-1", "AD-2"));
    }

    private static Placement[] Places(int count, params string[] domains) =>
        Enumerable.Range(0, count).Select(index => Placement.Of(index, domains)).ToArray();
}
