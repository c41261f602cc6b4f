// Every native call of the proxy, with the Linux constants it needs. All signatures are blittable, so that a call costs
// a plain jump; errno is read only after a failure. The values are those of the generic Linux ABI, which x64 and arm64 share;
// the one difference is struct epoll_event, packed on x64 only (include/uapi/linux/eventpoll.h, EPOLL_PACKED).

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RedisHaProxy.Linux;

internal static unsafe partial class LibC
{
    internal const int EPollCloseOnExec = 0x80000;
    internal const int EPollAdd = 1;
    internal const int EPollDelete = 2;
    internal const int EPollModify = 3;
    internal const uint PollIn = 0x001;
    internal const uint PollOut = 0x004;
    internal const uint PollError = 0x008;
    internal const uint PollHangUp = 0x010;
    internal const uint PollReadHangUp = 0x2000;

    /// <summary>The end of the stream, or a failure, is behind the last byte.</summary>
    internal const uint PollHung = PollReadHangUp | PollHangUp | PollError;
    internal const uint EPollEdgeTriggered = 1u << 31;

    internal const int AddressFamilyUnix = 1;
    internal const int AddressFamilyIPv4 = 2;
    internal const int AddressFamilyIPv6 = 10;
    internal const int SocketStream = 1;
    internal const int SocketNonBlocking = 0x800;
    internal const int SocketCloseOnExec = 0x80000;
    internal const int MessageNoSignal = 0x4000;
    internal const int MessagePeek = 2;
    internal const int MessageDoNotWait = 0x40;
    internal const int MessageWaitAll = 0x100;
    internal const int ShutdownWrite = 1;
    internal const int ShutdownBoth = 2;

    internal const int LevelSocket = 1;
    internal const int LevelTcp = 6;
    internal const int OptionError = 4;
    internal const int OptionSendBuffer = 7;
    internal const int OptionKeepAlive = 9;
    internal const int OptionLinger = 13;
    internal const int OptionReusePort = 15;
    internal const int TcpNoDelay = 1;
    internal const int TcpKeepIdle = 4;
    internal const int TcpKeepInterval = 5;
    internal const int TcpKeepCount = 6;
    internal const int TcpUserTimeout = 18;

    internal const int OpenNonBlocking = 0x800;
    internal const int OpenCloseOnExec = 0x80000;
    internal const int FcntlDuplicate = 0;
    internal const int FcntlSetDescriptorFlags = 2;
    internal const int CloseOnExecution = 1; // FD_CLOEXEC, its one flag
    internal const int FcntlSetFlags = 4;
    internal const int FcntlSetPipeSize = 1031;
    internal const uint SpliceMove = 1;
    internal const uint SpliceNonBlocking = 2;

    internal const int LimitOpenFiles = 7;

    private const int SystemCallIoUringSetup = 425;
    private const int SystemCallIoUringEnter = 426;
    private const int SystemCallIoUringRegister = 427;
    private const int MapSharedPopulated = 0x8001;
    private const int MapPrivateAnonymous = 0x22;
    private const int ProtectReadWrite = 3;

    internal const int EINTR = 4;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EBUSY = 16;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int EPIPE = 32;
    internal const int ETIME = 62;
    internal const int EPROTO = 71;
    internal const int EADDRNOTAVAIL = 99;
    internal const int ENETUNREACH = 101;
    internal const int ECONNRESET = 104;
    internal const int ENOBUFS = 105;
    internal const int ETIMEDOUT = 110;
    internal const int EHOSTUNREACH = 113;
    internal const int ECANCELED = 125;
    internal const int EINPROGRESS = 115;

    /// <summary>Length of struct sockaddr_in6, the longest address of a client or node.</summary>
    internal const int MaxAddressLength = 28;

    private const string Library = "libc";

    // struct epoll_event { uint32_t events; uint64_t data; }
    private static readonly int EventDataOffset = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 4 : 8;

    /// <summary>Bytes of one struct epoll_event on this processor.</summary>
    internal static readonly int EventSize = EventDataOffset + 8;

    /// <summary>errno of the call that has just failed on this thread.</summary>
    internal static int Errno => Marshal.GetLastSystemError();

    internal static uint EventMask(byte* events, int index) => *(uint*)(events + (index * EventSize));

    internal static ulong EventData(byte* events, int index) =>
        Unsafe.ReadUnaligned<ulong>(events + (index * EventSize) + EventDataOffset);

    /// <summary>epoll_ctl with an event built for this processor's layout. -1 on failure.</summary>
    internal static int EPollControl(int epoll, int operation, int descriptor, uint mask, ulong data)
    {
        byte* entry = stackalloc byte[16];
        *(uint*)entry = mask;
        Unsafe.WriteUnaligned(entry + EventDataOffset, data);
        return EPollControl(epoll, operation, descriptor, entry);
    }

    /// <summary>setsockopt with an int value. -1 on failure.</summary>
    internal static int SetOption(int socket, int level, int option, int value) =>
        SetSocketOption(socket, level, option, &value, sizeof(int));

    /// <summary>The pending error of a socket (SO_ERROR), which this call clears; errno when it cannot be asked.</summary>
    internal static int PendingError(int socket)
    {
        int error = 0;
        uint length = sizeof(int);
        return GetSocketOption(socket, LevelSocket, OptionError, &error, &length) < 0 ? Errno : error;
    }

    /// <summary>The port that an IP socket is bound to; 0 when it cannot be asked.</summary>
    internal static ushort LocalPort(int socket)
    {
        byte* address = stackalloc byte[MaxAddressLength];
        uint length = MaxAddressLength;
        return SocketName(socket, address, &length) < 0 ? (ushort)0 : BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(address + 2, 2));
    }

    /// <summary>Makes the next close of the socket send RST and drop what is unsent (SO_LINGER with zero seconds).</summary>
    internal static void ResetOnClose(int socket)
    {
        int* linger = stackalloc int[2] { 1, 0 };
        _ = SetSocketOption(socket, LevelSocket, OptionLinger, linger, 2 * sizeof(int));
    }

    /// <summary>Ends a TCP connection by RST, at once, whoever else holds the socket: connect(2) to an address of no family.</summary>
    internal static bool Disconnect(int socket)
    {
        byte* nowhere = stackalloc byte[16];
        new Span<byte>(nowhere, 16).Clear();
        return Connect(socket, nowhere, 16) == 0;
    }

    /// <summary>Waits until the descriptor is readable, or for the time, which may be less than a millisecond. False when it is not readable then.</summary>
    internal static bool WaitReadable(int descriptor, TimeSpan atMost)
    {
        var entry = new PollEntry { Descriptor = descriptor, Events = (short)PollIn };
        var time = new TimeSpecification
        {
            Seconds = atMost.Ticks / TimeSpan.TicksPerSecond,
            Nanoseconds = atMost.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick,
        };
        return PPoll(&entry, 1, &time, null) > 0;
    }

    // No C library has functions for io_uring; syscall(2) takes the numbers, which are the same on every processor.
    internal static nint IoUringSetup(uint entries, void* parameters) =>
        SystemCall(SystemCallIoUringSetup, (nint)entries, (nint)parameters, 0, 0, 0, 0);

    internal static nint IoUringEnter(int ring, uint submissions, uint least, uint flags, void* argument, nint length) =>
        SystemCall(SystemCallIoUringEnter, ring, (nint)submissions, (nint)least, (nint)flags, (nint)argument, length);

    internal static nint IoUringRegister(int ring, uint operation, void* argument, uint count) =>
        SystemCall(SystemCallIoUringRegister, ring, (nint)operation, (nint)argument, (nint)count, 0, 0);

    /// <summary>Maps a ring's memory, shared with the kernel, or with descriptor -1 plain memory. -1 on failure.</summary>
    internal static byte* MemoryMap(nint length, int descriptor, long offset) =>
        MemoryMap(null, length, ProtectReadWrite, descriptor < 0 ? MapPrivateAnonymous : MapSharedPopulated, descriptor, (nint)offset);

    [LibraryImport(Library, EntryPoint = "munmap")]
    internal static partial void MemoryUnmap(byte* address, nint length);

    [LibraryImport(Library, EntryPoint = "epoll_create1")]
    internal static partial int EPollCreate(int flags);

    [LibraryImport(Library, EntryPoint = "epoll_wait")]
    internal static partial int EPollWait(int epoll, byte* events, int capacity, int milliseconds);

    [LibraryImport(Library, EntryPoint = "eventfd")]
    internal static partial int EventDescriptor(uint value, int flags);

    [LibraryImport(Library, EntryPoint = "socket")]
    internal static partial int Socket(int family, int type, int protocol);

    [LibraryImport(Library, EntryPoint = "socketpair")]
    internal static partial int SocketPair(int family, int type, int protocol, int* sockets);

    [LibraryImport(Library, EntryPoint = "connect")]
    internal static partial int Connect(int socket, byte* address, uint length);

    [LibraryImport(Library, EntryPoint = "getsockname")]
    private static partial int SocketName(int socket, byte* address, uint* length);

    [LibraryImport(Library, EntryPoint = "accept4")]
    internal static partial int Accept(int listener, byte* address, uint* length, int flags);

    [LibraryImport(Library, EntryPoint = "recv")]
    internal static partial nint Receive(int socket, byte* buffer, nint length, int flags);

    [LibraryImport(Library, EntryPoint = "send")]
    internal static partial nint Send(int socket, byte* buffer, nint length, int flags);

    [LibraryImport(Library, EntryPoint = "splice")]
    internal static partial nint Splice(int from, long* fromOffset, int to, long* toOffset, nint length, uint flags);

    [LibraryImport(Library, EntryPoint = "pipe2")]
    internal static partial int Pipe(int* descriptors, int flags);

    // Whatever close and shutdown say, there is nothing else to do: their results are not asked for.
    [LibraryImport(Library, EntryPoint = "shutdown")]
    internal static partial void Shutdown(int socket, int how);

    [LibraryImport(Library, EntryPoint = "close")]
    internal static partial void Close(int descriptor);

    [LibraryImport(Library, EntryPoint = "read")]
    internal static partial nint Read(int descriptor, void* buffer, nint length);

    [LibraryImport(Library, EntryPoint = "write")]
    internal static partial nint Write(int descriptor, void* buffer, nint length);

    [LibraryImport(Library, EntryPoint = "fcntl")]
    internal static partial int Fcntl(int descriptor, int command, nint argument);

    [LibraryImport(Library, EntryPoint = "getrlimit")]
    internal static partial int GetLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "setrlimit")]
    internal static partial int SetLimit(int resource, ulong* softAndHard);

    [LibraryImport(Library, EntryPoint = "getsockopt")]
    internal static partial int GetSocketOption(int socket, int level, int option, void* value, uint* length);

    [LibraryImport(Library, EntryPoint = "setsockopt")]
    private static partial int SetSocketOption(int socket, int level, int option, void* value, uint length);

    [LibraryImport(Library, EntryPoint = "mmap")]
    private static partial byte* MemoryMap(byte* address, nint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport(Library, EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint first, nint second, nint third, nint fourth, nint fifth, nint sixth);

    [LibraryImport(Library, EntryPoint = "epoll_ctl")]
    private static partial int EPollControl(int epoll, int operation, int descriptor, byte* entry);

    [LibraryImport(Library, EntryPoint = "ppoll")]
    private static partial int PPoll(PollEntry* entries, nuint count, TimeSpecification* time, void* signals);

    // struct pollfd
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    // struct timespec of the 64-bit ABIs
    private struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
