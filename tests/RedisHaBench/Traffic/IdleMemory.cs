// Memory of a proxy with connections that are open and silent.

using System.Net.Sockets;
using System.Text;
using RedisHaProcesses;

namespace RedisHaBench.Traffic;

/// <summary>Resident memory by number of idle connections.</summary>
/// <param name="Resident">Bytes, by connections.</param>
internal sealed record IdleMemory(IReadOnlyDictionary<int, long> Resident)
{
    /// <summary>Connections at which memory is read; twice the last, and the proxy's own descriptors, are below the usual limits of files.</summary>
    public static IReadOnlyList<int> Steps { get; } = [0, 1000, 9000];

    // Connections that are being opened at once: below every backlog on the way.
    private const int Batch = 100;

    /// <summary>Bytes for each connection, from none to the last step.</summary>
    public double PerConnection => (double)(Resident[Steps[^1]] - Resident[0]) / Steps[^1];

    /// <summary>
    /// Starts a fresh proxy, opens connections that ask one question each (so that each has been through all of the proxy), and reads its
    /// memory when all is silent.
    /// </summary>
    /// <exception cref="InvalidOperationException">The proxy failed.</exception>
    public static async Task<IdleMemory> MeasureAsync(Contender contender, RedisDeployment deployment, CancellationToken cancellationToken)
    {
        using var running = await RunningContender.StartAsync(contender, deployment, null, 0, cancellationToken);
        return await MeasureAsync(running, deployment, cancellationToken);
    }

    /// <summary>The same of a proxy that was just started.</summary>
    public static async Task<IdleMemory> MeasureAsync(RunningContender running, RedisDeployment deployment, CancellationToken cancellationToken)
    {
        var before = await running.HandedOverAsync(cancellationToken);
        var question = (byte[])[.. RespConnection.Encode("AUTH", deployment.Accounts.Client), .. RespConnection.Encode("PING")];
        var resident = new Dictionary<int, long>();
        var open = new List<Socket>();
        try
        {
            foreach (var step in Steps)
            {
                while (open.Count < step)
                {
                    await OpenAsync(Math.Min(Batch, step - open.Count));
                }

                await Task.Delay(TimeSpan.FromSeconds(1.5), cancellationToken);
                resident.Add(step, running.MemoryBytes());
            }

            if (await running.HandedOverAsync(cancellationToken) - before < Steps[^1])
            {
                throw new InvalidOperationException($"{running.Contender.Name}: the kernel did not take over all {Steps[^1]} idle sessions{running.LogTail()}");
            }
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            throw new InvalidOperationException($"{running.Contender.Name} with {open.Count} connections: {e.Message}{running.LogTail()}", e);
        }
        finally
        {
            open.ForEach(s => s.Dispose());
        }

        return new IdleMemory(resident);

        async Task OpenAsync(int count)
        {
            var first = open.Count;
            for (var i = 0; i < count; i++)
            {
                var socket = running.Clients?.Socket() ?? new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                open.Add(socket);
                socket.ReceiveTimeout = 10_000;
                socket.Connect(running.EndPoint);
                socket.Send(question);
            }

            var reply = new byte[64];
            foreach (var socket in open[first..])
            {
                var text = "";
                while (!text.EndsWith("+PONG\r\n", StringComparison.Ordinal))
                {
                    var length = socket.Receive(reply);
                    text += length > 0 ? Encoding.ASCII.GetString(reply, 0, length) : throw new IOException($"a connection ended after '{text.Trim()}'");
                }
            }

            await Task.Yield();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
