// Pipes: few, used again, and never with the bytes of another stream.

using RedisHaProxy.Forwarding;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

public sealed unsafe class PipePoolTests
{
    [Fact]
    public void Pipes_are_bounded_used_again_and_kept_open_for_reuse_only_in_part()
    {
        var pool = new PipePool();
        var endpoints = new Endpoint[PipePool.MaxPipes + 1];
        for (int i = 0; i < PipePool.MaxPipes; i++)
        {
            Assert.True(pool.TryBorrow(ref endpoints[i]));
            Assert.True(endpoints[i].Has(EndpointFlags.HasPipe));
        }

        Assert.False(pool.TryBorrow(ref endpoints[^1]));
        Assert.False(endpoints[^1].Has(EndpointFlags.HasPipe));
        int used = endpoints[0].PipeRead;
        pool.Return(ref endpoints[0]);
        Assert.True(pool.TryBorrow(ref endpoints[^1]));
        Assert.Equal(used, endpoints[^1].PipeRead);
        for (int i = 1; i < endpoints.Length; i++)
        {
            pool.Return(ref endpoints[i]);
            Assert.False(endpoints[i].Has(EndpointFlags.HasPipe));
        }

        Assert.Equal(PipePool.MaxFree, pool.Open);
        pool.Free();
        Assert.Equal(0, pool.Open);
    }

    [Fact]
    public void A_pipe_that_is_closed_takes_its_bytes_with_it()
    {
        var pool = new PipePool();
        var endpoint = default(Endpoint);
        Assert.True(pool.TryBorrow(ref endpoint));
        long written = 7;
        Assert.Equal(sizeof(long), LibC.Write(endpoint.PipeWrite, &written, sizeof(long)));
        endpoint.PipeLength = sizeof(long);
        pool.Close(ref endpoint);
        Assert.Equal((0, 0, false), (pool.Open, endpoint.PipeLength, endpoint.IsOwed));

        Assert.True(pool.TryBorrow(ref endpoint));
        long read;
        Assert.Equal(-1, LibC.Read(endpoint.PipeRead, &read, sizeof(long)));
        Assert.Equal(LibC.EAGAIN, LibC.Errno);
        pool.Close(ref endpoint);
        pool.Close(ref endpoint); // it has none: nothing happens
        Assert.Equal(0, pool.Open);
    }
}
