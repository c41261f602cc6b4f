// Listeners that tell the backend each client's address (PROXY protocol, version 2). Translating addresses cannot add a header, so these
// connections are accepted in the balancer's namespace and carried to the backend.

using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>The relays of all balancers.</summary>
internal sealed class HeaderRelay(LabPaths paths)
{
    // OCI gives a backend that does not answer a few seconds; here all is one machine.
    private static readonly TimeSpan Connecting = TimeSpan.FromSeconds(3);

    private readonly Dictionary<(string Balancer, int Port), Relay> _relays = [];

    /// <summary>Makes a balancer's relays those of its listeners, and ends the sessions of dead backends.</summary>
    /// <param name="balancer">The balancer.</param>
    /// <param name="serving">For each backend set, by name: the backends that take new connections, in order.</param>
    /// <param name="isDead">Whether sessions of a backend of a set are ended.</param>
    public void Serve(Balancer balancer, IReadOnlyDictionary<string, IReadOnlyList<Backend>> serving, Func<string, string, bool> isDead)
    {
        foreach (var (key, relay) in _relays.Where(pair => pair.Key.Balancer == balancer.Id).ToList())
        {
            if (!balancer.Listeners.Any(listener => listener.HasHeader && listener.Port == key.Port))
            {
                relay.Dispose();
                _relays.Remove(key);
            }
        }

        foreach (var listener in balancer.Listeners.Where(listener => listener.HasHeader))
        {
            var key = (balancer.Id, listener.Port);
            if (!_relays.TryGetValue(key, out var relay))
            {
                var address = new IPEndPoint(IPAddress.Parse(balancer.Address), listener.Port);
                _relays[key] = relay = new Relay(NetworkNamespace.Named(paths.Namespace(balancer.VnicName)), address);
            }

            // First nobody new comes to a dead backend, and a round later its sessions end, as where addresses are translated: short ones are over then.
            relay.EndWhere(backend => relay.Backends.All(known => known.Name != backend) && isDead(listener.BackendSet, backend));
            relay.Backends = serving.GetValueOrDefault(listener.BackendSet) ?? [];
        }
    }

    /// <summary>Ends all of them.</summary>
    public void Close()
    {
        foreach (var relay in _relays.Values)
        {
            relay.Dispose();
        }

        _relays.Clear();
    }

    /// <summary>The header of a TCP connection over IPv4 (PROXY protocol, 2.2).</summary>
    internal static byte[] Header(IPEndPoint client, IPEndPoint listener)
    {
        byte[] header =
        [
            .. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0, 12, .. client.Address.GetAddressBytes(), .. listener.Address.GetAddressBytes(), 0, 0, 0, 0,
        ];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(24), (ushort)client.Port);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(26), (ushort)listener.Port);
        return header;
    }

    private sealed class Relay : IDisposable
    {
        private readonly NetworkNamespace _namespace;
        private readonly IPEndPoint _address;
        private readonly Socket _listening;
        private readonly ConcurrentDictionary<Socket, string> _clients = [];
        private int _next;

        public Relay(NetworkNamespace inside, IPEndPoint address)
        {
            (_namespace, _address) = (inside, address);
            _listening = inside.Socket();
            _listening.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            _listening.Bind(address);
            _listening.Listen(512);
            _ = AcceptAsync();
        }

        public IReadOnlyList<Backend> Backends { get; set; } = [];

        public void EndWhere(Func<string, bool> isDead)
        {
            foreach (var (client, _) in _clients.Where(pair => isDead(pair.Value)))
            {
                // Closed with time zero: a reset (socket(7), SO_LINGER).
                client.LingerState = new LingerOption(true, 0);
                client.Dispose();
            }
        }

        public void Dispose()
        {
            _listening.Dispose();
            EndWhere(_ => true);
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    _ = CarryAsync(await _listening.AcceptAsync());
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The listener is gone.
            }
        }

        private async Task CarryAsync(Socket client)
        {
            using var from = client;
            try
            {
                var backends = Backends;
                if (backends.Count == 0)
                {
                    return;
                }

                var backend = backends[Interlocked.Increment(ref _next) % backends.Count];
                _clients[client] = backend.Name;
                using var to = await _namespace.ConnectAsync(new IPEndPoint(IPAddress.Parse(backend.Address), backend.Port), Connecting);
                (client.NoDelay, to.NoDelay) = (true, true);
                await to.SendAsync(Header((IPEndPoint)client.RemoteEndPoint!, _address));
                await Task.WhenAll(PumpAsync(client, to), PumpAsync(to, client));
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // One end is gone: so is the session.
            }
            finally
            {
                _clients.TryRemove(client, out _);
            }
        }

        private static async Task PumpAsync(Socket from, Socket to)
        {
            var bytes = new byte[16_384];
            try
            {
                for (int count; (count = await from.ReceiveAsync(bytes)) > 0;)
                {
                    await to.SendAsync(bytes.AsMemory(0, count));
                }

                to.Shutdown(SocketShutdown.Send);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                from.Dispose();
                to.Dispose();
            }
        }
    }
}
