// The arrangement of most tests of a router with real servers: a whole deployment, and a router that has opened the gate to its master.

namespace RedisHaProxy.Tests.Routing;

/// <summary>A deployment and a router over it.</summary>
internal sealed record RouterScene(RedisDeployment Deployment, RunningRouter Router) : IAsyncDisposable
{
    /// <summary>Starts both and waits until the gate is open to redis1; skips the test where Redis is not installed.</summary>
    public static async Task<RouterScene> StartAsync(RedisDeploymentOptions? options = null)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        RedisDeployment deployment = await RedisDeployment.StartAsync(options);
        var scene = new RouterScene(deployment, new RunningRouter(RunningRouter.ConfigurationFor(deployment)));
        try
        {
            await scene.Router.OpensToAsync(deployment.Nodes[0]);
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Router.DisposeAsync();
        await Deployment.DisposeAsync();
    }
}
