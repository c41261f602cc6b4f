// bpf(2), as much of it as the hand-over needs. No C library has a function for it, and libbpf is not on the machines.

using System.Runtime.InteropServices;
using System.Text;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>A call of bpf(2) failed.</summary>
/// <param name="what">What was asked of the kernel.</param>
/// <param name="errno">Its answer.</param>
/// <param name="log">The verifier's last lines, for a program that it refused.</param>
public sealed class BpfException(string what, int errno, string log = "")
    : Exception($"{what} failed: {Marshal.GetPInvokeErrorMessage(errno)}{(log.Length > 0 ? $"; {log}" : "")}")
{
    /// <summary>The error number.</summary>
    public int Errno { get; } = errno;
}

/// <summary>Commands of bpf(2). Numbers and layouts are those of include/uapi/linux/bpf.h (Linux 6.6), the same on x64 and arm64.</summary>
internal static unsafe partial class Bpf
{
    internal const int MapHash = 1;
    internal const int MapArray = 2;
    internal const int MapRingBuffer = 27;
    internal const uint NoPreallocation = 1;
    internal const uint Mappable = 1u << 10;

    private const int CommandMapCreate = 0;
    private const int CommandMapLookup = 1;
    private const int CommandMapUpdate = 2;
    private const int CommandMapDelete = 3;
    private const int CommandProgramLoad = 5;
    private const int CommandProgramTestRun = 10;
    private const int CommandLinkCreate = 28;

    private const uint UpdateNoExist = 1;
    private const uint ProgramTypeScheduler = 3; // BPF_PROG_TYPE_SCHED_CLS: classifiers of tc
    internal const uint TcxIngress = 46;
    internal const uint TcxEgress = 47;
    private const int LogBytes = 64 * 1024;

    // The kernel gives up the check of a program when a signal comes to the thread (EAGAIN), and the runtime sends signals; libbpf tries again as often.
    private const int LoadAttempts = 5;

    private const int SystemCallX64 = 321;
    private const int SystemCallArm64 = 280;

    private static readonly nint Number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? SystemCallArm64 : SystemCallX64;

    /// <summary>Makes a map.</summary>
    /// <exception cref="BpfException">Not permitted, or no memory.</exception>
    public static int CreateMap(string name, int type, int keyBytes, int valueBytes, int entries, uint flags)
    {
        var attribute = new MapCreate { Type = (uint)type, KeySize = (uint)keyBytes, ValueSize = (uint)valueBytes, MaxEntries = (uint)entries, Flags = flags };
        Encoding.ASCII.GetBytes(name, new Span<byte>(attribute.Name, 15));
        return Checked($"making the map {name}", Call(CommandMapCreate, &attribute, sizeof(MapCreate)));
    }

    /// <summary>Adds an entry that the map does not have. False when it has it, or is full.</summary>
    public static bool TryAdd<TKey, TValue>(int map, in TKey key, in TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = &value)
        {
            var attribute = new MapElement { Map = (uint)map, Key = (ulong)keyAt, Value = (ulong)valueAt, Flags = UpdateNoExist };
            return Call(CommandMapUpdate, &attribute, sizeof(MapElement)) == 0;
        }
    }

    /// <summary>The value of a key. False when the map has none.</summary>
    public static bool TryGet<TKey, TValue>(int map, in TKey key, out TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TKey* keyAt = &key)
        fixed (TValue* valueAt = &value)
        {
            value = default;
            var attribute = new MapElement { Map = (uint)map, Key = (ulong)keyAt, Value = (ulong)valueAt };
            return Call(CommandMapLookup, &attribute, sizeof(MapElement)) == 0;
        }
    }

    /// <summary>Takes an entry out; nothing happens when there is none.</summary>
    public static void Remove<TKey>(int map, in TKey key)
        where TKey : unmanaged
    {
        fixed (TKey* keyAt = &key)
        {
            var attribute = new MapElement { Map = (uint)map, Key = (ulong)keyAt };
            _ = Call(CommandMapDelete, &attribute, sizeof(MapElement));
        }
    }

    /// <summary>Has the kernel verify and compile a program for tc.</summary>
    /// <exception cref="BpfException">The verifier refuses it, or it is not permitted.</exception>
    public static int LoadProgram(string name, ReadOnlySpan<byte> instructions, string license)
    {
        byte[] terms = Encoding.ASCII.GetBytes(license + "\0");
        byte[] log = new byte[LogBytes];
        fixed (byte* instructionsAt = instructions)
        fixed (byte* termsAt = terms)
        fixed (byte* logAt = log)
        {
            var attribute = new ProgramLoad
            {
                Type = ProgramTypeScheduler,
                InstructionCount = (uint)instructions.Length / 8,
                Instructions = (ulong)instructionsAt,
                License = (ulong)termsAt,
            };
            Encoding.ASCII.GetBytes(name, new Span<byte>(attribute.Name, 15));
            nint program;
            int attempts = 0;
            do
            {
                program = Call(CommandProgramLoad, &attribute, sizeof(ProgramLoad));
            }
            while (program < 0 && LibC.Errno == LibC.EAGAIN && ++attempts < LoadAttempts);
            if (program >= 0)
            {
                return (int)program;
            }

            int errno = LibC.Errno;
            attribute.LogLevel = 1; // only now: writing a log costs time, and one that is too small is an error of its own
            attribute.LogSize = LogBytes;
            attribute.Log = (ulong)logAt;
            _ = Call(CommandProgramLoad, &attribute, sizeof(ProgramLoad));
            // A log that is longer than the room for it keeps its end, and after that a part of its middle.
            string text = Encoding.ASCII.GetString(log.AsSpan(0, Math.Max(Array.IndexOf(log, (byte)0), 0))).TrimEnd('\n');
            throw new BpfException($"loading the program {name}", errno, string.Join(" | ", text.Split('\n').TakeLast(6)));
        }
    }

    /// <summary>Runs a program at the ingress or egress of an interface for as long as the result is open, in whatever process (Linux 6.6).</summary>
    /// <exception cref="BpfException">There is no such interface, the kernel is older, or it is not permitted.</exception>
    public static int Attach(int program, int interfaceIndex, uint where)
    {
        var attribute = new LinkCreate { Program = (uint)program, Target = (uint)interfaceIndex, AttachType = where };
        return Checked($"attaching to interface {interfaceIndex}", Call(CommandLinkCreate, &attribute, sizeof(LinkCreate)));
    }

    /// <summary>Runs a program once on a packet, without any network.</summary>
    /// <param name="program">The program.</param>
    /// <param name="packet">From its Ethernet header on.</param>
    /// <param name="changed">Gets the packet as the program leaves it.</param>
    /// <param name="length">Its length.</param>
    /// <returns>What the program returned.</returns>
    /// <exception cref="BpfException">Not permitted, or no packet that the kernel takes.</exception>
    public static int TestRun(int program, ReadOnlySpan<byte> packet, Span<byte> changed, out int length)
    {
        fixed (byte* packetAt = packet)
        fixed (byte* changedAt = changed)
        {
            var attribute = new TestRunOnce
            {
                Program = (uint)program,
                SizeIn = (uint)packet.Length,
                SizeOut = (uint)changed.Length,
                DataIn = (ulong)packetAt,
                DataOut = (ulong)changedAt,
            };
            _ = Checked("running the program on a packet", Call(CommandProgramTestRun, &attribute, sizeof(TestRunOnce)));
            length = (int)attribute.SizeOut;
            return (int)attribute.Result;
        }
    }

    private static nint Call(int command, void* attribute, int size) => SystemCall(Number, command, (nint)attribute, size);

    private static int Checked(string what, nint result) => result >= 0 ? (int)result : throw new BpfException(what, LibC.Errno);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint command, nint attribute, nint size);

    // What is not named below is 0, as the kernel wants it of what it does not know.
    [StructLayout(LayoutKind.Sequential)]
    private struct MapCreate
    {
        public uint Type;
        public uint KeySize;
        public uint ValueSize;
        public uint MaxEntries;
        public uint Flags;
        public uint InnerMap;
        public uint Node;
        public fixed byte Name[16];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapElement
    {
        public uint Map;
        public uint Padding;
        public ulong Key;
        public ulong Value;
        public ulong Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramLoad
    {
        public uint Type;
        public uint InstructionCount;
        public ulong Instructions;
        public ulong License;
        public uint LogLevel;
        public uint LogSize;
        public ulong Log;
        public uint KernelVersion;
        public uint Flags;
        public fixed byte Name[16];
        public uint Interface;
        public uint ExpectedAttachType;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkCreate
    {
        public uint Program;
        public uint Target;
        public uint AttachType;
        public uint Flags;
        public fixed ulong Rest[4];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TestRunOnce
    {
        public uint Program;
        public uint Result;
        public uint SizeIn;
        public uint SizeOut;
        public ulong DataIn;
        public ulong DataOut;
        public uint Repeat;
        public uint Duration;
        public fixed ulong Rest[4];
    }
}
