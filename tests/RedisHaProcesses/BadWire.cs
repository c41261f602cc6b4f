// A wire that loses, duplicates and reorders packets. The kernels of small machines have no netem(8); a TUN device and a thread have no need of it.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace RedisHaProcesses;

/// <summary>What of a hundred packets is lost, comes twice, or comes after packets that were sent later.</summary>
public readonly record struct WireFaults(int LossPercent, int DuplicatePercent, int ReorderPercent);

/// <summary>Every packet that a router forwards passes through this thread. Needs root and /dev/net/tun.</summary>
public sealed partial class BadWire : IDisposable
{
    private const int MostBytes = 65_536;
    private const int HeldMilliseconds = 2;
    private const int IdleMilliseconds = 50;

    private readonly SafeFileHandle _device;
    private readonly Thread _thread;
    private readonly WireFaults _faults;
    private readonly Random _random;
    private readonly List<(byte[] Packet, int After)> _held = [];
    private volatile bool _stopping;

    private BadWire(SafeFileHandle device, WireFaults faults, int seed)
    {
        (_device, _faults, _random) = (device, faults, new Random(seed));
        _thread = new Thread(Run) { IsBackground = true, Name = "bad wire" };
        _thread.Start();
    }

    /// <summary>Packets that have passed, and that had a fault.</summary>
    public long Packets { get; private set; }

    /// <summary>The same with a fault.</summary>
    public long Faulty { get; private set; }

    /// <summary>Makes the device in the router's namespace.</summary>
    /// <exception cref="InvalidOperationException">There is no TUN device, or it is not permitted.</exception>
    public static unsafe BadWire Open(NetworkNamespace router, string name, WireFaults faults, int seed)
    {
        ArgumentNullException.ThrowIfNull(router);
        const uint SetInterface = 0x400454ca; // TUNSETIFF
        const short Packets = 0x0001 | 0x1000; // IFF_TUN, IFF_NO_PI
        const int ReadWriteCloseOnExec = 2 | 0x80000;
        using var inside = router.Enter();
        var device = OpenFile("/dev/net/tun", ReadWriteCloseOnExec);
        if (device < 0)
        {
            throw new InvalidOperationException($"/dev/net/tun: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var handle = new SafeFileHandle(device, ownsHandle: true);
        var request = stackalloc byte[40];
        new Span<byte>(request, 40).Clear();
        System.Text.Encoding.ASCII.GetBytes(name, new Span<byte>(request, 15));
        *(short*)(request + 16) = Packets;
        if (Control(device, SetInterface, request) < 0)
        {
            handle.Dispose();
            throw new InvalidOperationException($"{name}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        return new BadWire(handle, faults, seed);
    }

    /// <summary>Ends it; packets that come later are lost.</summary>
    public void Dispose()
    {
        _stopping = true;
        _thread.Join();
        _device.Dispose();
    }

    private unsafe void Run()
    {
        const short Readable = 1;
        var buffer = new byte[MostBytes];
        var device = (int)_device.DangerousGetHandle();
        while (!_stopping)
        {
            var wanted = new PollEntry { Descriptor = device, Events = Readable };
            if (Poll(&wanted, 1, _held.Count > 0 ? HeldMilliseconds : IdleMilliseconds) <= 0)
            {
                LetGo(int.MaxValue);
                continue;
            }

            nint length;
            fixed (byte* bytes = buffer)
            {
                length = Read(device, bytes, buffer.Length);
            }

            if (length > 0)
            {
                Pass(buffer[..(int)length]);
            }
        }
    }

    private void Pass(byte[] packet)
    {
        Packets++;
        var drawn = _random.Next(100);
        if (drawn < _faults.LossPercent)
        {
            Faulty++;
            return;
        }

        drawn -= _faults.LossPercent;
        if (drawn < _faults.ReorderPercent)
        {
            Faulty++;
            _held.Add((packet, _random.Next(1, 5)));
            return;
        }

        drawn -= _faults.ReorderPercent;
        Send(packet);
        if (drawn < _faults.DuplicatePercent)
        {
            Faulty++;
            Send(packet);
        }

        LetGo(1);
    }

    private void LetGo(int passed)
    {
        for (var i = 0; i < _held.Count; i++)
        {
            var (packet, after) = _held[i];
            if (after <= passed)
            {
                Send(packet);
                _held.RemoveAt(i--);
            }
            else
            {
                _held[i] = (packet, after - passed);
            }
        }
    }

    private unsafe void Send(byte[] packet)
    {
        fixed (byte* bytes = packet)
        {
            _ = Write((int)_device.DangerousGetHandle(), bytes, packet.Length); // what there is no room for is lost, as on a wire
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenFile(string path, int flags);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static unsafe partial int Control(int descriptor, nuint request, byte* argument);

    [LibraryImport("libc", EntryPoint = "poll")]
    private static unsafe partial int Poll(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "read")]
    private static unsafe partial nint Read(int descriptor, byte* bytes, nint length);

    [LibraryImport("libc", EntryPoint = "write")]
    private static unsafe partial nint Write(int descriptor, byte* bytes, nint length);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
