// The control plane over real redis-server and redis-sentinel processes: what is observed, and how soon the gate follows.

using System.Diagnostics;
using System.Globalization;
using RedisHaProxy.Forwarding;
using Xunit.Abstractions;

namespace RedisHaProxy.Tests.Routing;

public sealed class RouterRealTests(ITestOutputHelper output)
{
    [SkippableFact]
    public async Task A_crash_is_followed_at_the_promotion()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using RedisDeployment deployment = await RedisDeployment.StartAsync();
        await using var router = new RunningRouter(RunningRouter.ConfigurationFor(deployment));
        await router.OpensToAsync(deployment.Nodes[0]);

        long killed = Stopwatch.GetTimestamp();
        deployment.Nodes[0].Kill();
        (RedisProcess promoted, long promotedAt) = await PromotionAsync(deployment, deployment.Nodes[1], deployment.Nodes[2]);
        long opened = await router.OpensToAsync(promoted, killed);
        output.WriteLine(router.Log.ToString());
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"promotion seen by the test to open gate: {Stopwatch.GetElapsedTime(promotedAt, opened).TotalMilliseconds:0} ms"));
        Assert.InRange(Stopwatch.GetElapsedTime(promotedAt, opened), TimeSpan.FromMilliseconds(-50), TimeSpan.FromMilliseconds(300));
        Assert.Contains(router.Router.Snapshot().Switchovers, s => s.From == "redis1" && s.OpenRule == "R5");
        Assert.NotNull(router.Forwarder.FirstAfter(killed, o => o.Mode == GateMode.Park && o.Target is null));
    }

    private static async Task<(RedisProcess Node, long At)> PromotionAsync(RedisDeployment deployment, params RedisProcess[] candidates)
    {
        _ = deployment;
        RespConnection[] connections = await Task.WhenAll(candidates.Select(c => c.ConnectAsync()));
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(20))
        {
            for (int i = 0; i < candidates.Length; i++)
            {
                try
                {
                    if ((string)((object?[])(await connections[i].CommandAsync("ROLE"))!)[0]! == "master")
                    {
                        Array.ForEach(connections, c => c.Dispose());
                        return (candidates[i], Stopwatch.GetTimestamp());
                    }
                }
                catch (IOException)
                {
                    // A promotion kills all connections.
                    connections[i].Dispose();
                    connections[i] = await candidates[i].ConnectAsync();
                }
            }

            await Task.Delay(1);
        }

        throw new TimeoutException("nobody was promoted");
    }
}
