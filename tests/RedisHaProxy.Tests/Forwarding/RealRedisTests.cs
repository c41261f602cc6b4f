// Through the forwarder, Redis' own benchmark and a common client library must see a plain Redis.

using System.Diagnostics;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using StackExchange.Redis;

namespace RedisHaProxy.Tests.Forwarding;

public abstract class RealRedisTests(ForwardingEngine engine)
{
    [SkippableTheory]
    [InlineData("-c 50 -n 20000 -P 1 -t set,get")]
    [InlineData("-c 50 -n 50000 -P 16 -t set,get,lrange_100")]
    [InlineData("-c 20 -n 400 -d 1048576 -t set,get")]
    public async Task Redis_benchmark_runs_through(string arguments)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess redis = await RedisProcess.StartServerAsync();
        await using ForwarderUnderTest forwarder = await OpenAsync(redis);
        var start = new ProcessStartInfo("redis-benchmark", $"-p {forwarder.Forwarder.ListenEndPoints[0].Port} -q {arguments}")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process benchmark = Process.Start(start)!;
        Task<string> output = benchmark.StandardOutput.ReadToEndAsync();
        Task<string> errors = benchmark.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        try
        {
            await benchmark.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            benchmark.Kill();
            throw new TimeoutException($"redis-benchmark {arguments} did not end: {await output}");
        }

        Assert.Equal((0, ""), (benchmark.ExitCode, await errors));
        Assert.Contains("requests per second", await output, StringComparison.Ordinal);
        await forwarder.NoSessionsAsync();
        Assert.Equal(0, await forwarder.AskLoopAsync(0, loop => loop.HeldBytes()));
    }

    [SkippableFact]
    public async Task A_client_library_sees_a_plain_Redis()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisProcess redis = await RedisProcess.StartServerAsync();
        await using ForwarderUnderTest forwarder = await OpenAsync(redis);
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(forwarder.Forwarder.ListenEndPoints[0].ToString());
        IDatabase database = connection.GetDatabase();

        byte[] large = new byte[20_000_000];
        new Random(5).NextBytes(large);
        await database.StringSetAsync("large", large);
        byte[] copy = (byte[])(await database.StringGetAsync("large"))!;
        Assert.True(large.AsSpan().SequenceEqual(copy));

        ITransaction transaction = database.CreateTransaction();
        Task<long> increment = transaction.StringIncrementAsync("n");
        Assert.True(await transaction.ExecuteAsync());
        Assert.Equal(1, await increment);

        var received = new TaskCompletionSource<string>();
        await connection.GetSubscriber().SubscribeAsync(RedisChannel.Literal("news"), (_, message) => received.TrySetResult(message!));
        await database.PublishAsync(RedisChannel.Literal("news"), "hello");
        Assert.Equal("hello", await received.Task.WaitAsync(Bound.Wait));
    }

    private async Task<ForwarderUnderTest> OpenAsync(RedisProcess redis)
    {
        var forwarder = new ForwarderUnderTest(engine, [redis.EndPoint]);
        await forwarder.OrderAsync(GateMode.Open, 0);
        return forwarder;
    }
}

public sealed class EpollRealRedisTests() : RealRedisTests(ForwardingEngine.Epoll);

public sealed class UringRealRedisTests() : RealRedisTests(ForwardingEngine.IoUring);
