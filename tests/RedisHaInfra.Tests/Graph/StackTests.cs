// The stack as a whole: what it asks the cloud for with nothing but the required settings.

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class StackTests(DefaultDeployment stack)
{
    private RecordedCloud Cloud => stack.Run.Cloud;

    [Fact]
    public void Every_part_of_the_picture_is_there()
    {
        var counts = Cloud.Resources.Where(resource => !resource.Type.StartsWith("redis-ha:", StringComparison.Ordinal))
            .GroupBy(resource => resource.Type).ToDictionary(group => group.Key, group => group.Count());
        Assert.Equal(1, counts[Types.Vcn]);
        Assert.Equal(1, counts[Types.InternetGateway]);
        Assert.Equal(1, counts[Types.NatGateway]);
        Assert.Equal(1, counts[Types.ServiceGateway]);
        Assert.Equal(2, counts[Types.RouteTable]);
        Assert.Equal(1, counts[Types.SecurityList]);
        Assert.Equal(2, counts[Types.Subnet]);
        Assert.Equal(4, counts[Types.Group]);
        Assert.Equal(6, counts[Types.Instance]);
        Assert.Equal(1, counts[Types.LoadBalancer]);
        Assert.Equal(1, counts[Types.BackendSet]);
        Assert.Equal(1, counts[Types.Listener]);
        Assert.Equal(1, counts[Types.Bucket]);
        Assert.Equal(1, counts[Types.StorageObject]);
        Assert.Equal(1, counts[Types.Preauthrequest]);
        Assert.Equal(7, counts[Types.Password]);
    }
}
