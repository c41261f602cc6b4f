// The fixture itself: what other tests take for granted.

namespace RedisHaProxy.Tests.Real;

public sealed class RedisDeploymentTests
{
    [SkippableFact]
    public async Task A_deployment_settles_fails_over_and_leaves_nothing_behind()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        string[] directories;
        int[] pids;
        await using (RedisDeployment deployment = await RedisDeployment.StartAsync())
        {
            directories = [.. deployment.Nodes.Concat(deployment.Sentinels).Select(p => p.Folder)];
            pids = [.. deployment.Nodes.Concat(deployment.Sentinels).Select(p => p.Pid)];
            Assert.True(await RedisDeployment.IsMasterAsync(deployment.Nodes[0]));

            await deployment.Sentinels[0].CommandAsync("SENTINEL", "FAILOVER", RedisDeployment.MasterName);
            RedisProcess? promoted = null;
            await Eventually.HoldsAsync(
                async () =>
                {
                    foreach (RedisProcess node in deployment.Nodes.Skip(1))
                    {
                        if (await RedisDeployment.IsMasterAsync(node))
                        {
                            promoted = node;
                        }
                    }

                    return promoted is not null;
                },
                () => "a replica is promoted");
            await deployment.SettledOnAsync(promoted!);

            promoted!.Kill();
            Assert.Equal(0, promoted.Pid);
            await promoted.RestartAsync();
            Assert.Equal("PONG", await promoted.CommandAsync("PING"));
        }

        Assert.All(directories, directory => Assert.False(Directory.Exists(directory)));
        Assert.All(pids, pid => Assert.False(File.Exists($"/proc/{pid}/exe")));
    }
}
