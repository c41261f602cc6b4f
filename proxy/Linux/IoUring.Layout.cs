// What io_uring's system calls and queues are made of: numbers and layouts of include/uapi/linux/io_uring.h, the same on x64 and arm64.

using System.Runtime.InteropServices;

namespace RedisHaProxy.Linux;

internal sealed unsafe partial class IoUring
{
    internal const byte OpPollAdd = 6;
    internal const byte OpAsyncCancel = 14;
    internal const byte OpClose = 19;
    internal const byte OpSend = 26;
    internal const byte OpReceive = 27;

    /// <summary>Of <see cref="Completion.Flags"/> of a receive: the socket has more.</summary>
    internal const uint MoreInSocket = 1 << 2;

    /// <summary>Of <see cref="Submission.Flags"/>: takes a provided buffer; success makes no completion.</summary>
    internal const byte SelectBuffer = 1 << 5;
    internal const byte SkipSuccess = 1 << 6;

    /// <summary>Of <see cref="Submission.Priority"/> of a receive: goes on after a completion.</summary>
    internal const ushort ReceiveMultishot = 1 << 1;

    /// <summary>Of <see cref="Submission.Length"/> of a poll: goes on after a completion, edge-triggered.</summary>
    internal const uint PollMultishot = 1 << 0;

    /// <summary>
    /// Of <see cref="Completion.Flags"/>: a provided buffer was taken, whose number is above <see cref="BufferShift"/>; the submission goes on.
    /// </summary>
    internal const uint HasBuffer = 1 << 0;
    internal const uint HasMore = 1 << 1;
    internal const int BufferShift = 16;

    private const uint SetupClamp = 1 << 4;
    private const uint SetupCompletionSize = 1 << 3;
    private const uint SetupDisabled = 1 << 6;
    private const uint SetupSubmitAll = 1 << 7;
    private const uint SetupCooperative = 1 << 8;
    private const uint SetupSingleIssuer = 1 << 12;
    private const uint SetupDeferTaskRun = 1 << 13;

    private const uint FeatureSingleMap = 1 << 0;
    private const uint FeatureNoDrop = 1 << 1;
    private const uint FeatureExtendedArgument = 1 << 8;

    private const uint EnterGetEvents = 1 << 0;
    private const uint EnterExtendedArgument = 1 << 3;

    private const uint RegisterEnable = 12;
    private const uint RegisterBufferRing = 22;

    /// <summary>struct io_uring_sqe, as far as it is used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    internal struct Submission
    {
        [FieldOffset(0)]
        public byte Operation;
        [FieldOffset(1)]
        public byte Flags;
        [FieldOffset(2)]
        public ushort Priority;
        [FieldOffset(4)]
        public int Descriptor;
        [FieldOffset(16)]
        public ulong Address;
        [FieldOffset(24)]
        public uint Length;

        /// <summary>Meant by the operation: events of a poll, flags of a cancel, of a receive.</summary>
        [FieldOffset(28)]
        public uint Detail;
        [FieldOffset(32)]
        public ulong Token;
        [FieldOffset(40)]
        public ushort BufferGroup;

        /// <summary>Of a receive: optlen.</summary>
        [FieldOffset(44)]
        public uint Limit;
    }

    /// <summary>struct io_uring_cqe.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Completion
    {
        public ulong Token;

        /// <summary>What the system call would have returned, or a negated errno.</summary>
        public int Result;
        public uint Flags;
    }

    // struct io_uring_params with its two tables of offsets.
    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct Parameters
    {
        [FieldOffset(0)]
        public uint SubmissionEntries;
        [FieldOffset(4)]
        public uint CompletionEntries;
        [FieldOffset(8)]
        public uint Flags;
        [FieldOffset(20)]
        public uint Features;
        [FieldOffset(40)]
        public uint SubmissionHead;
        [FieldOffset(44)]
        public uint SubmissionTail;
        [FieldOffset(64)]
        public uint SubmissionArray;
        [FieldOffset(80)]
        public uint CompletionHead;
        [FieldOffset(84)]
        public uint CompletionTail;
        [FieldOffset(100)]
        public uint Completions;
    }

    // struct io_uring_buf; in the first one of a ring the last field is the ring's tail.
    [StructLayout(LayoutKind.Sequential)]
    private struct BufferEntry
    {
        public ulong Address;
        public uint Length;
        public ushort Number;
        public ushort Tail;
    }

    // struct io_uring_buf_reg.
    [StructLayout(LayoutKind.Explicit, Size = 40)]
    private struct BufferRegistration
    {
        [FieldOffset(0)]
        public ulong Address;
        [FieldOffset(8)]
        public uint Entries;
        [FieldOffset(12)]
        public ushort Group;
    }

    // struct io_uring_getevents_arg.
    [StructLayout(LayoutKind.Explicit, Size = 24)]
    private struct GetEventsArgument
    {
        [FieldOffset(8)]
        public uint SignalMaskLength;
        [FieldOffset(16)]
        public ulong Time;
    }
}
