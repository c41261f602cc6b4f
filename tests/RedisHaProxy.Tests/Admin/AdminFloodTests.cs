// The admin server under idle connections: the health check is answered, whoever asks and from where.

using System.Net;
using System.Net.Sockets;
using System.Text;
using RedisHaProxy.Admin;
using RedisHaProxy.Tests.Forwarding;
using RedisHaProxy.Tests.Hosting;

namespace RedisHaProxy.Tests.Admin;

public sealed class AdminFloodTests
{
    [SkippableTheory]
    [InlineData("")] // silent
    [InlineData("GET /healthz HTTP/1.1\r\nHost: x\r\nX")] // in the middle of a header
    public async Task Five_hundred_idle_connections_of_one_source_keep_nobody_from_the_health_check(string sent)
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        var idle = new List<Socket>();
        try
        {
            for (int i = 0; i < 500; i++)
            {
                idle.Add(await ConnectAsync(proxy.Admin, "127.0.0.2"));
                await idle[i].SendAllAsync(sent);
                if (i % 50 == 49)
                {
                    // From elsewhere, and from the source itself.
                    Assert.StartsWith("HTTP/1.1 200 OK", await HealthAsync(proxy.Admin, "127.0.0.3"), StringComparison.Ordinal);
                    Assert.StartsWith("HTTP/1.1 200 OK", await HealthAsync(proxy.Admin, "127.0.0.2"), StringComparison.Ordinal);
                }
            }

            await Eventually.HoldsAsync(() => proxy.Log.Contains("Administration: an idle connection of 127.0.0.2 was closed for a new one",
                StringComparison.Ordinal), () => proxy.Log);
            Assert.InRange(proxy.Log.Split("Administration: an idle connection").Length - 1, 1, 5);

            // Nobody holds a place for long.
            Assert.Matches("^(HTTP/1.1 408 |$)", await ReadAsync(idle[^1]));
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    [SkippableFact]
    public async Task Many_sources_share_the_places_and_one_that_is_being_answered_keeps_its_own()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment);
        using Socket page = await ConnectAsync(proxy.Admin, "127.0.0.1");
        string login = Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{RunningProxy.Password}"));
        await page.SendAllAsync($"GET /stats/events HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\n\r\n");
        await page.ReadBytesAsync(1);
        var idle = new List<Socket>();
        try
        {
            for (int i = 0; i < 2 * AdminConnections.Most; i++)
            {
                idle.Add(await ConnectAsync(proxy.Admin, $"127.0.1.{i % 200 + 1}"));
            }

            Assert.StartsWith("HTTP/1.1 200 OK", await HealthAsync(proxy.Admin, "127.0.0.3"), StringComparison.Ordinal);
            for (int i = 0; i < 3000; i += 100)
            {
                await page.ReadBytesAsync(100); // updates still come
            }
        }
        finally
        {
            idle.ForEach(socket => socket.Dispose());
        }
    }

    private static async Task<string> HealthAsync(IPEndPoint admin, string source)
    {
        using Socket client = await ConnectAsync(admin, source);
        await client.SendAllAsync("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        return await ReadAsync(client).WaitAsync(Bound.Wait); // to the end: no connection is kept
    }

    private static async Task<string> ReadAsync(Socket client)
    {
        try
        {
            return await client.ReadToEndAsync();
        }
        catch (SocketException)
        {
            return "";
        }
    }

    private static async Task<Socket> ConnectAsync(IPEndPoint admin, string source)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Bind(new IPEndPoint(IPAddress.Parse(source), 0));
        await client.ConnectAsync(admin);
        return client;
    }
}
