// The proxy behind a real HAProxy that speaks the PROXY protocol: whose sessions the operator sees.

using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using RedisHaProxy.Tests.Forwarding;

namespace RedisHaProxy.Tests.Hosting;

public sealed class BehindBalancerTests
{
    [SkippableFact]
    public async Task Clients_keep_their_addresses_behind_HAProxy_and_its_checks_flood_no_log()
    {
        Skip.If(RedisProcess.Missing is not null, RedisProcess.Missing);
        Skip.If(Installed.Missing("haproxy") is not null, Installed.Missing("haproxy"));
        await using var deployment = await RedisDeployment.StartAsync(new RedisDeploymentOptions { Nodes = 1, Sentinels = 0 });
        await using var proxy = await RunningProxy.StartAsync(deployment, further: """ "proxyProtocol": { "from": ["127.0.0.1/32"] }, """);
        using var work = new WorkDirectory();
        int port = FreePorts.Take();
        using var balancer = HaProxyProcess.Start(
            $"""
            defaults
              mode tcp
              timeout connect 5s
              timeout client 1m
              timeout server 1m
            listen checked
              bind 127.0.0.1:{port}
              bind [::1]:{port}
              server checked {proxy.EndPoint} send-proxy-v2 check inter 50ms
            backend silent
              server silent {proxy.EndPoint} check inter 50ms no-check-send-proxy

            """,
            work);

        using Socket four = await ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), "127.0.0.5");
        using Socket six = await ConnectAsync(new IPEndPoint(IPAddress.IPv6Loopback, port), "::1");
        using Socket direct = await ConnectAsync(proxy.EndPoint, "127.0.0.6");
        foreach (Socket client in (Socket[])[four, six, direct])
        {
            await client.SendAllAsync("PING\r\n");
            Assert.Equal("+PONG\r\n", await client.ReadTextAsync(7));
        }

        // A client that comes from the balancer's address and sends no header is cut off.
        using (Socket other = await ConnectAsync(proxy.EndPoint, "127.0.0.1"))
        {
            await other.SendAllAsync("PING\r\n");
            await other.AssertResetAsync(replyAllowed: false);
        }

        // Two checks of a kind at least, among the sessions and in no line.
        await Eventually.HoldsAsync(async () => await EndedAsync(proxy, "client-closed") >= 10, () => $"HAProxy has checked; its log:\n{balancer.LogTail()}");
        string sessions = (await proxy.VerbAsync("sessions", "--json")).Output;
        string[] listed = [.. JsonDocument.Parse(sessions).RootElement.EnumerateArray().Select(session => session.GetProperty("client").GetString()!)];
        foreach (Socket client in (Socket[])[four, six, direct])
        {
            Assert.Contains(client.LocalEndPoint!.ToString(), listed);
        }

        Assert.Equal("1 session ended\n", (await proxy.VerbAsync("sessions", "--source", "127.0.0.5", "--end-all")).Output);
        six.Dispose();
        direct.Dispose();
        await Eventually.HoldsAsync(
            () => SessionLines(proxy).Length >= 4,
            () => $"the ends of four sessions are logged:\n{proxy.Log}");
        string[] lines = SessionLines(proxy);
        Assert.Equal(4, lines.Length);
        Assert.Contains(lines, line => line.Contains($"from {four.LocalEndPoint} to redis1 ended: operator", StringComparison.Ordinal));
        Assert.Contains(
            lines, line => line.Contains("from [::1]:", StringComparison.Ordinal) && line.Contains("ended: client-closed", StringComparison.Ordinal));
        Assert.Contains(
            lines, line => line.Contains("from 127.0.0.6:", StringComparison.Ordinal) && line.Contains("ended: client-closed", StringComparison.Ordinal));
        Assert.Contains(
            lines, line => line.Contains("from 127.0.0.1:", StringComparison.Ordinal) && line.Contains("to - ended: proxy-header", StringComparison.Ordinal));
        Assert.Equal(1, await EndedAsync(proxy, "proxy-header"));
    }

    private static string[] SessionLines(RunningProxy proxy) =>
        [.. proxy.Log.Split('\n').Where(line => line.Contains(" ended: ", StringComparison.Ordinal))];

    private static async Task<long> EndedAsync(RunningProxy proxy, string code) =>
        JsonDocument.Parse(await proxy.GetAsync("stats.json")).RootElement.GetProperty("sessions").GetProperty("ends").GetProperty(code).GetInt64();

    private static async Task<Socket> ConnectAsync(IPEndPoint to, string from)
    {
        // HAProxy answers before it knows that its server is up, and the proxy before it has a master: both make clients wait, or
        // close; then once more.
        Socket? connected = null;
        await Eventually.HoldsAsync(
            async () =>
            {
                var socket = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
                await socket.ConnectAsync(to);
                connected = socket;
                return true;
            },
            () => $"somebody listens on {to}");
        return connected!;
    }
}
