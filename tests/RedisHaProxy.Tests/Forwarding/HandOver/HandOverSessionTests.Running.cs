// The machines, the helper and the proxy of these tests, and what they do with sessions.

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed partial class HandOverSessionTests
{
    private async Task StartHelperAsync()
    {
        string path = HelperPath;
        _helper = HandOverRights.StartHelper(path, _directory, _machines.Proxy);
        await Eventually.HoldsAsync(() => File.Exists(path), () => "the helper listens: " + File.ReadAllText(_helper.LogFile));
    }

    private string HelperPath => Path.Combine(_directory.Path, "helper");

    private async Task StartAsync(ForwardingEngine engine, bool withHelper = true)
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        if (withHelper)
        {
            await StartHelperAsync();
        }

        _listener = ThreeMachines.Listen(_machines.Node, ThreeMachines.NodeAddress);
        _node = new RedisNode("redis1", (IPEndPoint)_listener.LocalEndPoint!);
        _configuration = new ProxyConfiguration
        {
            Listen = [new IPEndPoint(ThreeMachines.ProxyAddress, 0)],
            Redis = new RedisConfiguration { Nodes = [_node] },
            Engine = engine,
            HandOver = new HandOverConfiguration(HelperPath),
        };
        using (_machines.Proxy.Enter())
        {
            try
            {
                _plane = new DataPlane(_configuration, NullLoggerFactory.Instance, TimeProvider.System, loops: 1);
            }
            catch (EngineUnavailableException e)
            {
                Skip.If(true, e.Message);
            }

            _plane!.Start();
        }

        await _plane.ApplyAsync(new GateOrder(GateMode.Open, _node, ++_generation));
    }

    private async Task<(Socket Client, Socket Node)[]> OpenSessionsAsync(int count)
    {
        var sessions = new List<(Socket, Socket)>();
        while (sessions.Count < count)
        {
            Socket client = await ConnectAsync();
            sessions.Add((client, await _listener.AcceptAsync().WaitAsync(Bound.Wait)));
        }

        return [.. sessions];
    }

    private static async Task SendAsync((Socket Client, Socket Node)[] sessions, int fromClient, int fromNode)
    {
        foreach ((Socket client, Socket node) in sessions)
        {
            await client.SendAllAsync(new byte[fromClient]);
            await ThreeMachines.ReadAsync(node, fromClient);
            await node.SendAllAsync(new byte[fromNode]);
            await ThreeMachines.ReadAsync(client, fromNode);
        }
    }

    private static async Task SendUntilAsync((Socket Client, Socket Node) session, CancellationToken stop, Action? heard = null)
    {
        Task hearing = Task.Run(async () =>
        {
            for (byte[] buffer = new byte[64]; await session.Node.ReceiveAsync(buffer) > 0;)
            {
                heard?.Invoke();
            }
        }, CancellationToken.None);
        while (!stop.IsCancellationRequested)
        {
            await session.Client.SendAllAsync(new byte[1]);
            await Task.WhenAny(Task.Delay(100, stop));
        }

        session.Client.Shutdown(SocketShutdown.Send);
        await hearing.WaitAsync(Bound.Wait, CancellationToken.None);
    }

    private Task HandedOverAsync(int count) => Eventually.HoldsAsync(
        () => _plane!.Snapshot().HandOver!.Value.Taken == count,
        () => $"{count} sessions are handed over: {_plane!.Snapshot().HandOver}; {File.ReadAllText(_helper!.LogFile)}");

    private async Task<Socket> ConnectAsync()
    {
        Socket client = ThreeMachines.Open(_machines.Client);
        await client.ConnectAsync(_plane!.ListenEndPoints[0]).WaitAsync(Bound.Wait);
        return client;
    }

    private Task RecordsAsync(int count) => Eventually.HoldsAsync(
        () =>
        {
            while (_plane!.Journal.TryRead(out SessionRecord record))
            {
                _records.Add(record);
            }

            return _records.Count >= count;
        },
        () => $"{count} sessions have ended, {_records.Count} did");

    private static void Close(params (Socket Client, Socket Node)[][] sessions)
    {
        foreach ((Socket client, Socket node) in sessions.SelectMany(pairs => pairs))
        {
            client.Dispose();
            node.Dispose();
        }
    }

    public async Task InitializeAsync()
    {
        if (ThreeMachines.Missing is null)
        {
            _machines = await ThreeMachines.CreateAsync(_directory);
        }
    }

    async Task IAsyncLifetime.DisposeAsync() => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        if (_plane is not null)
        {
            await _plane.DisposeAsync();
        }

        _helper?.Dispose();
        _listener?.Dispose();
        _machines?.Dispose();
        _directory.Dispose();
    }
}
