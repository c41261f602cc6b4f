// Messages that may bring sockets (SCM_RIGHTS; unix(7), cmsg(3)), which .NET's own sockets cannot.

using System.Runtime.InteropServices;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Sends and receives on a connected Unix socket, without waiting.</summary>
internal static unsafe partial class DescriptorSocket
{
    /// <summary>Sockets that one message may bring.</summary>
    public const int MostDescriptors = 2;

    private const int Rights = 1; // SCM_RIGHTS
    private const int HeaderBytes = 16; // struct cmsghdr of the 64-bit ABIs
    private const int ControlBytes = HeaderBytes + (MostDescriptors * sizeof(int));
    private const int ControlTruncated = 8; // MSG_CTRUNC
    private const int CloseOnExec = 0x40000000; // MSG_CMSG_CLOEXEC

    /// <summary>Sends a message, and copies of two sockets or none. 0, or errno; EAGAIN when there is no room now.</summary>
    public static int Send(int socket, in HandOverMessage message, ReadOnlySpan<int> descriptors)
    {
        fixed (HandOverMessage* at = &message)
        {
            var part = new Part { At = at, Length = sizeof(HandOverMessage) };
            byte* control = stackalloc byte[ControlBytes];
            var header = new Header { Parts = &part, PartCount = 1 };
            if (descriptors.Length > 0)
            {
                *(nint*)control = HeaderBytes + (descriptors.Length * sizeof(int));
                *(int*)(control + 8) = LibC.LevelSocket;
                *(int*)(control + 12) = Rights;
                descriptors.CopyTo(new Span<int>(control + HeaderBytes, MostDescriptors));
                header.Control = control;
                header.ControlLength = *(nint*)control;
            }

            return SendMessage(socket, &header, LibC.MessageNoSignal | LibC.MessageDoNotWait) < 0 ? LibC.Errno : 0;
        }
    }

    /// <summary>Receives a message. The sockets that come with it belong to the caller, all or none of <see cref="MostDescriptors"/>.</summary>
    /// <param name="socket">Of a pair of SOCK_SEQPACKET.</param>
    /// <param name="message">What was said.</param>
    /// <param name="descriptors">-1 where none came.</param>
    /// <param name="lost">There were more sockets than this process may open at the moment, or than a message may bring; none of them is left.</param>
    /// <returns>True with a message; false when there is none now; null when the other side is gone, or does not keep to the form.</returns>
    public static bool? Receive(int socket, out HandOverMessage message, Span<int> descriptors, out bool lost)
    {
        lost = false;
        message = default;
        descriptors.Fill(-1);
        fixed (HandOverMessage* at = &message)
        {
            var part = new Part { At = at, Length = sizeof(HandOverMessage) };
            byte* control = stackalloc byte[ControlBytes];
            var header = new Header { Parts = &part, PartCount = 1, Control = control, ControlLength = ControlBytes };
            nint length = ReceiveMessage(socket, &header, LibC.MessageDoNotWait | CloseOnExec);
            if (length < 0)
            {
                return LibC.Errno is LibC.EAGAIN or LibC.EINTR ? false : null;
            }

            int count = 0;
            if (header.ControlLength >= HeaderBytes && *(int*)(control + 8) == LibC.LevelSocket && *(int*)(control + 12) == Rights)
            {
                count = (int)(*(nint*)control - HeaderBytes) / sizeof(int);
                new ReadOnlySpan<int>(control + HeaderBytes, count).CopyTo(descriptors);
            }

            lost = (header.Flags & ControlTruncated) != 0;
            if (length == sizeof(HandOverMessage) && count is 0 or MostDescriptors && !lost)
            {
                return true;
            }

            foreach (int descriptor in descriptors[..count])
            {
                LibC.Close(descriptor);
            }

            descriptors.Fill(-1);
            return length == sizeof(HandOverMessage) && lost ? true : null;
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg")]
    private static partial nint SendMessage(int socket, Header* header, int flags);

    [LibraryImport("libc", EntryPoint = "recvmsg")]
    private static partial nint ReceiveMessage(int socket, Header* header, int flags);

    // struct iovec
    private struct Part
    {
        public void* At;
        public nint Length;
    }

    // struct msghdr
    private struct Header
    {
        public void* Name;
        public nint NameLength;
        public Part* Parts;
        public nint PartCount;
        public void* Control;
        public nint ControlLength;
        public int Flags;
    }
}
