// The number of files the process may open. A session needs two descriptors, bulk transfers borrow two more for a moment.

using System.ComponentModel;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

/// <summary>RLIMIT_NOFILE of this process.</summary>
public static class FileDescriptorLimit
{
    /// <summary>Descriptors that listeners, probes, the admin server and the runtime need besides sessions.</summary>
    public const int Reserve = 512;

    /// <summary>The most clients over a limit that are told so at the same time: memory of the kernel, not descriptors, is the reason.</summary>
    internal const int MaxRefusals = 2048;

    /// <summary>Raises the soft limit to the hard limit, which needs no privilege, and returns it.</summary>
    /// <exception cref="Win32Exception">The kernel refused.</exception>
    public static unsafe long RaiseToHardLimit()
    {
        ulong* limit = stackalloc ulong[2];
        if (LibC.GetLimit(LibC.LimitOpenFiles, limit) < 0)
        {
            throw new Win32Exception(LibC.Errno);
        }

        if (limit[0] < limit[1])
        {
            limit[0] = limit[1];
            if (LibC.SetLimit(LibC.LimitOpenFiles, limit) < 0)
            {
                throw new Win32Exception(LibC.Errno);
            }
        }

        return (long)Math.Min(limit[0], long.MaxValue);
    }

    /// <summary>Descriptors of one session: its two sockets, and a socket pair for each side that may be behind TLS.</summary>
    public static int PerSession(ProxyConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return 2 + (configuration.Tls is null ? 0 : 2) + (configuration.Redis.Tls is null ? 0 : 2);
    }

    /// <summary>Descriptors needed for so many sessions at once.</summary>
    public static long NeededFor(int connections, int perSession = 2) => ((long)perSession * connections) + Reserve;

    /// <summary>Why a process with so many descriptors cannot serve at all; null when it can.</summary>
    public static string? Problem(long files, int connections, int perSession = 2) => files >= Reserve + perSession
        ? null
        : $"this process may open only {files} files, which is too few to serve a single client: {Reserve} are for listeners, probes and administration. "
            + $"Raise the limit (LimitNOFILE of the service, ulimit -n) to {NeededFor(connections, perSession)}, "
            + $"which limits.connections = {connections} needs, or at least to {NeededFor(64, perSession)}";

    /// <summary>That limits.connections was lowered at the start, with what to do, for log and pages.</summary>
    public static string Lowered(int wanted, int fits, int perSession) =>
        $"limits.connections is lowered from {wanted} to {fits}, because this process may open too few files: {wanted} connections need "
        + $"{NeededFor(wanted, perSession)}. Raise LimitNOFILE of the service, or lower the setting.";

    /// <summary>
    /// Clients over a limit that may be held at once, to be told so, when so many connections are allowed: half of the reserve, and what no session needs.
    /// </summary>
    internal static int RefusalsFor(long files, int connections, int perSession = 2) =>
        (int)Math.Clamp((Reserve / 2) + files - NeededFor(connections, perSession), Reserve / 2, MaxRefusals);

    /// <summary>Sessions for which so many descriptors suffice; at least one.</summary>
    public static int ConnectionsFor(long files, int perSession = 2) => (int)Math.Clamp((files - Reserve) / perSession, 1, int.MaxValue);
}
