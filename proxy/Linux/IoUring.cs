// One io_uring of one thread, by raw system calls: the submission and completion queues in shared memory, and one ring of
// provided receive buffers. Numbers and layouts are in IoUring.Layout.cs.
//
// The thread that calls Enable owns the ring from then on. With DEFER_TASKRUN (Linux 6.1) completions are made only while it is in
// io_uring_enter, so that no interrupt disturbs it; an older kernel that has the rest (6.0) makes them as it likes.

using System.ComponentModel;

namespace RedisHaProxy.Linux;

/// <summary>The kernel has no io_uring that suffices, or does not permit it. The message says which call failed, and how.</summary>
internal sealed class IoUringUnavailableException(string message) : Exception(message);

internal sealed unsafe partial class IoUring
{
    private const long SubmissionsOffset = 0x10000000;
    private const ushort BufferGroup = 0;
    private const int MaxAttempts = 1000;

    private readonly int _descriptor;
    private readonly byte* _queues;
    private readonly nint _queuesLength;
    private readonly Submission* _submissions;
    private readonly nint _submissionsLength;
    private readonly uint* _submissionHead;
    private readonly uint* _submissionTail;
    private readonly uint _submissionEntries;
    private readonly uint* _completionHead;
    private readonly uint* _completionTail;
    private readonly Completion* _completions;
    private readonly uint _completionMask;
    private uint _tail;

    private readonly byte* _buffers;
    private readonly nint _buffersLength;
    private readonly BufferEntry* _bufferRing;
    private readonly int _bufferMask;
    private ushort _bufferTail;

    /// <summary>Creates a ring that is not enabled yet.</summary>
    /// <param name="submissions">Entries of the submission queue; a power of two.</param>
    /// <param name="completions">Entries of the completion queue; a power of two. More are kept by the kernel until there is room.</param>
    /// <param name="buffers">Provided receive buffers; a power of two.</param>
    /// <param name="bufferSize">Bytes of each. They touch in the order of their numbers.</param>
    /// <exception cref="IoUringUnavailableException">The kernel does not have or not permit what is needed.</exception>
    public IoUring(uint submissions, uint completions, int buffers, int bufferSize)
    {
        BufferSize = bufferSize;
        uint[] attempts =
        [
            SetupSingleIssuer | SetupDeferTaskRun,
            SetupSingleIssuer | SetupCooperative,
        ];
        var parameters = default(Parameters);
        int errno = 0;
        _descriptor = -1;
        foreach (uint flags in attempts)
        {
            parameters = new Parameters { Flags = flags | SetupClamp | SetupCompletionSize | SetupDisabled | SetupSubmitAll, CompletionEntries = completions };
            _descriptor = (int)LibC.IoUringSetup(submissions, &parameters);
            errno = _descriptor < 0 ? LibC.Errno : 0;
            if (errno != LibC.EINVAL)
            {
                break;
            }
        }

        ThrowIf(_descriptor < 0, "io_uring_setup", errno);
        try
        {
            const uint Needed = FeatureSingleMap | FeatureNoDrop | FeatureExtendedArgument;
            if ((parameters.Features & Needed) != Needed)
            {
                throw new IoUringUnavailableException($"io_uring has only the features 0x{parameters.Features:x}");
            }

            _queuesLength = (nint)Math.Max(
                parameters.SubmissionArray + (parameters.SubmissionEntries * sizeof(uint)),
                parameters.Completions + (parameters.CompletionEntries * sizeof(Completion)));
            _queues = Map(_queuesLength, _descriptor, 0, "the queues");
            _submissionsLength = (nint)parameters.SubmissionEntries * sizeof(Submission);
            _submissions = (Submission*)Map(_submissionsLength, _descriptor, SubmissionsOffset, "the submissions");
            _submissionHead = (uint*)(_queues + parameters.SubmissionHead);
            _submissionTail = (uint*)(_queues + parameters.SubmissionTail);
            _submissionEntries = parameters.SubmissionEntries;
            uint* array = (uint*)(_queues + parameters.SubmissionArray);
            for (uint i = 0; i < _submissionEntries; i++)
            {
                array[i] = i; // entries are used in their order
            }

            _completionHead = (uint*)(_queues + parameters.CompletionHead);
            _completionTail = (uint*)(_queues + parameters.CompletionTail);
            _completionMask = parameters.CompletionEntries - 1;
            _completions = (Completion*)(_queues + parameters.Completions);

            _bufferMask = buffers - 1;
            nint ringLength = buffers * sizeof(BufferEntry);
            _buffersLength = ((nint)buffers * bufferSize) + ringLength;
            _buffers = Map(_buffersLength, -1, 0, "the buffers");
            _bufferRing = (BufferEntry*)(_buffers + ((nint)buffers * bufferSize));
            var registration = new BufferRegistration { Address = (ulong)_bufferRing, Entries = (uint)buffers, Group = BufferGroup };
            ThrowIf(LibC.IoUringRegister(_descriptor, RegisterBufferRing, &registration, 1) < 0, "io_uring_register of a buffer ring", LibC.Errno);
            for (int i = 0; i < buffers; i++)
            {
                GiveBuffer(i);
            }

            PublishBuffers();
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <summary>Bytes of a receive buffer.</summary>
    public int BufferSize { get; }

    /// <summary>Makes the calling thread the owner; only it may enter from now on.</summary>
    /// <exception cref="IoUringUnavailableException">The kernel refuses.</exception>
    public void Enable() =>
        ThrowIf(LibC.IoUringRegister(_descriptor, RegisterEnable, null, 0) < 0, "io_uring_register", LibC.Errno);

    /// <summary>A new submission, cleared but for its code, descriptor and token.</summary>
    public ref Submission Submit(byte operation, int descriptor, ulong token)
    {
        if (_tail - Volatile.Read(ref *_submissionHead) == _submissionEntries)
        {
            Submit(); // full
        }

        ref Submission entry = ref _submissions[_tail & (_submissionEntries - 1)];
        entry = new Submission { Operation = operation, Descriptor = descriptor, Token = token };
        _tail++;
        return ref entry;
    }

    /// <summary>Submits a multishot receive into provided buffers.</summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="token">Comes back with each completion.</param>
    /// <param name="limit">Bytes after which it ends, or 0. Not every kernel accepts a limit.</param>
    public void Receive(int descriptor, ulong token, uint limit)
    {
        ref Submission entry = ref Submit(OpReceive, descriptor, token);
        entry.Flags = SelectBuffer;
        entry.Priority = ReceiveMultishot;
        entry.Limit = limit;
    }

    /// <summary>
    /// Submits a send of all the bytes, which is tried once: it completes when it is handed over, silently if the socket took all,
    /// and otherwise with the number of bytes taken or a negated errno (EAGAIN: none). Until then the bytes must stay.
    /// </summary>
    /// <param name="descriptor">The socket.</param>
    /// <param name="token">Comes back with the completion.</param>
    /// <param name="bytes">Where they are.</param>
    /// <param name="length">How many.</param>
    public void Send(int descriptor, ulong token, byte* bytes, int length)
    {
        ref Submission entry = ref Submit(OpSend, descriptor, token);
        entry.Flags = SkipSuccess;
        entry.Address = (ulong)bytes;
        entry.Length = (uint)length;
        // All or a failure (WAITALL), so that a send of a part is told; and without it being waited for (DONTWAIT).
        entry.Detail = LibC.MessageNoSignal | LibC.MessageDoNotWait | LibC.MessageWaitAll;
    }

    /// <summary>Hands all new submissions over and waits for nothing. Makes completions of these alone, if the ring defers task work.</summary>
    /// <exception cref="InvalidOperationException">The kernel does not take them.</exception>
    public void Submit()
    {
        for (int attempts = 0; ; attempts++)
        {
            int errno = Enter(0, null);
            if (_tail == Volatile.Read(ref *_submissionHead))
            {
                return;
            }

            if (attempts == MaxAttempts)
            {
                throw new InvalidOperationException($"io_uring_enter takes no submissions: errno {errno}");
            }
        }
    }

    /// <summary>Hands all new submissions over and waits until there are completions, at most so long.</summary>
    /// <param name="nanoseconds">Longest wait; 0 only looks.</param>
    /// <param name="least">How many completions to wait for.</param>
    /// <returns>0, or errno: EINTR, ETIME and EBUSY are no failures.</returns>
    public int SubmitAndWait(long nanoseconds, uint least = 1)
    {
        long* time = stackalloc long[2] { nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 };
        var argument = new GetEventsArgument { SignalMaskLength = 8, Time = (ulong)time };
        return Enter(nanoseconds > 0 ? least : 0, &argument);
    }

    /// <summary>Where the completions end that have come so far.</summary>
    public uint LastCompletion => Volatile.Read(ref *_completionTail);

    /// <summary>How many completions there are that were not released yet.</summary>
    public uint WaitingCompletions => LastCompletion - FirstCompletion;

    /// <summary>The completion at a position from <see cref="FirstCompletion"/> to before <see cref="LastCompletion"/>.</summary>
    public Completion CompletionAt(uint position) => _completions[position & _completionMask];

    /// <summary>The next completion, if there is one. It must be released by <see cref="ReleaseCompletions"/>, alone or with others.</summary>
    public bool TryNext(ref uint head, out Completion completion)
    {
        if (head == Volatile.Read(ref *_completionTail))
        {
            completion = default;
            return false;
        }

        completion = _completions[head++ & _completionMask];
        return true;
    }

    /// <summary>Where the completions begin that were not released yet.</summary>
    public uint FirstCompletion => *_completionHead;

    /// <summary>Gives the kernel the room of the completions before this one.</summary>
    public void ReleaseCompletions(uint head) => Volatile.Write(ref *_completionHead, head);

    /// <summary>The bytes of a receive buffer.</summary>
    public byte* Buffer(int number) => _buffers + ((nint)number * BufferSize);

    /// <summary>Gives a receive buffer back; the kernel sees it after <see cref="PublishBuffers"/>.</summary>
    public void GiveBuffer(int number)
    {
        BufferEntry* entry = _bufferRing + (_bufferTail & _bufferMask);
        entry->Address = (ulong)Buffer(number);
        entry->Length = (uint)BufferSize;
        entry->Number = (ushort)number; // the fourth field is not touched: in the first entry it is the ring's tail
        _bufferTail++;
    }

    public void PublishBuffers() => Volatile.Write(ref _bufferRing->Tail, _bufferTail);

    /// <summary>Closes the ring. Its memory is freed only if nothing is under way any more that the kernel could write.</summary>
    public void Close(bool idle = true)
    {
        LibC.Close(_descriptor);
        Unmap(_queues, _queuesLength);
        Unmap((byte*)_submissions, _submissionsLength);
        if (idle)
        {
            Unmap(_buffers, _buffersLength);
        }
    }

    private int Enter(uint least, GetEventsArgument* argument)
    {
        Volatile.Write(ref *_submissionTail, _tail);
        uint submissions = _tail - Volatile.Read(ref *_submissionHead);
        nint result = argument is null
            ? LibC.IoUringEnter(_descriptor, submissions, 0, 0, null, 0)
            : LibC.IoUringEnter(_descriptor, submissions, least, EnterGetEvents | EnterExtendedArgument, argument, sizeof(GetEventsArgument));
        return result < 0 ? LibC.Errno : 0;
    }

    private static byte* Map(nint length, int descriptor, long offset, string what)
    {
        byte* memory = LibC.MemoryMap(length, descriptor, offset);
        ThrowIf(memory == (byte*)-1, $"mmap of {what}", LibC.Errno);
        return memory;
    }

    private static void Unmap(byte* memory, nint length)
    {
        if (memory is not null)
        {
            LibC.MemoryUnmap(memory, length);
        }
    }

    private static void ThrowIf(bool failed, string call, int errno)
    {
        if (failed)
        {
            // Without CAP_IPC_LOCK the queues, some 150 kB a loop, count as locked memory.
            string hint = errno == LibC.ENOMEM ? " (LimitMEMLOCK may be too low)" : "";
            throw new IoUringUnavailableException($"{call} failed: {new Win32Exception(errno).Message}{hint}");
        }
    }
}
