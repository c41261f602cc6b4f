// The end-to-end check against real Redis servers: only a master with a replica that takes a write will do.

using System.Net;
using RedisHaInfra.Components;

namespace RedisHaInfra.Tests.Scripts;

public sealed class EndpointCheckTests : IDisposable
{
    private const string Password = "Cli3nts-Passw0rd";

    private readonly List<RedisProcess> _servers = [];

    public void Dispose() => _servers.ForEach(server => server.Dispose());

    [SkippableFact]
    public async Task A_master_with_a_replica_is_what_it_waits_for()
    {
        int master = await StartAsync();
        await StartAsync(master);

        ScriptRun run = await Check(Password, master, seconds: 40);

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Errors));
        Assert.StartsWith($"the master answers and takes writes through 127.0.0.1:{master}", run.Output, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_master_alone_is_not_enough()
    {
        ScriptRun run = await Check(Password, await StartAsync(), seconds: 2);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("ended at: ROLE (a master with at least one replica expected); the answer: *0", run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_master_that_refuses_writes_is_not_enough()
    {
        int master = await StartAsync(null, "min-replicas-to-write 2");
        await StartAsync(master);

        // The replica's first copy may take a few seconds; the write is refused before and after.
        ScriptRun run = await Check(Password, master, seconds: 12);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("as a write; the answer: -NOREPLICAS", run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task A_wrong_password_is_named_but_not_shown()
    {
        ScriptRun run = await Check("An0ther-Passw0rd", await StartAsync(), seconds: 1);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("ended at: AUTH; the answer: -WRONGPASS", run.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("An0ther", run.Output + run.Errors, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Nobody_at_the_address_is_said_so()
    {
        ScriptRun run = await Check(Password, FreePorts.Take(), seconds: 1);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("ended at: connect; the answer: none", run.Errors, StringComparison.Ordinal);
    }

    private static Task<ScriptRun> Check(string password, int port, int seconds)
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        return ScriptRun.Of(Rollout.EndpointScript(password, ["1", "2"]), ["127.0.0.1", $"{port}", $"{seconds}"]);
    }

    /// <summary>Starts a server; its port.</summary>
    private async Task<int> StartAsync(int? replicaOf = null, params string[] settings)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        RedisProcess server = await RedisProcess.StartServerAsync(settings, replicaOf is { } port ? new IPEndPoint(IPAddress.Loopback, port) : null, Password);
        _servers.Add(server);
        return server.EndPoint.Port;
    }
}
