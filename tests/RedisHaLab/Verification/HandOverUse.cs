// Sessions that the proxies hand over to the kernel (proxyHandOver), where the stack has it on.

using RedisHaLab.Cluster;
using RedisHaProcesses;

namespace RedisHaLab.Verification;

/// <summary>The check of proxyHandOver.</summary>
internal sealed class HandOverUse(ClusterView cluster)
{
    private const int Sessions = 8;
    private const int Commands = 100; // a session that does little is handed over after 100 ms
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Each session of some clients is handed over, answers as before, and is gone when its client is.</summary>
    public async Task<string> CheckAsync()
    {
        var before = await TakenAsync();
        var sessions = new List<RespConnection>();
        try
        {
            for (var i = 0; i < Sessions; i++)
            {
                sessions.Add(await cluster.ClientAsync());
                await AskAsync(sessions[i]);
            }

            await CheckList.EventuallyAsync(Patience, async () =>
            {
                var taken = await TakenAsync() - before;
                CheckList.Require(taken >= Sessions, $"{taken} of {Sessions} sessions were handed over");
                return "";
            });
            foreach (var session in sessions)
            {
                await AskAsync(session);
            }
        }
        finally
        {
            sessions.ForEach(session => session.Dispose());
        }

        await CheckList.EventuallyAsync(Patience, async () =>
        {
            foreach (var proxy in cluster.Proxies)
            {
                var left = await cluster.ShellAsync(proxy.Name, "redis-ha-proxy sessions");
                CheckList.Require(left.ExitCode == 0 && !left.Output.Contains("handedover", StringComparison.Ordinal),
                    $"{proxy.Name} has sessions that are handed over, and no client has any");
            }

            return "";
        });
        return $"{Sessions} sessions, {2 * Commands} commands each, none left behind";
    }

    private static async Task AskAsync(RespConnection session)
    {
        for (var i = 0; i < Commands; i++)
        {
            var reply = await session.AskAsync("PING");
            CheckList.Require(reply.Text == "PONG", $"PING was answered: {reply}");
        }
    }

    private async Task<long> TakenAsync()
    {
        long taken = 0;
        foreach (var proxy in cluster.Proxies)
        {
            using var status = await cluster.ProxyStatusAsync(proxy);
            var state = status.RootElement.GetProperty("process").GetProperty("handOver").GetString();
            CheckList.Require(state == "on", $"{proxy.Name}: handOver is {state ?? "null"} in its status");
            taken += status.RootElement.GetProperty("sessions").GetProperty("handedOver").GetInt64();
        }

        return taken;
    }
}
