// Whether this machine lets a test hand sessions over.

using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal static class HandOverRights
{
    /// <summary>Why not; null when it does.</summary>
    public static string? Missing { get; } = Find();

    private static string? Find()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root for bpf(2)";
        }

        try
        {
            using var translation = new Translation(1);
            return null;
        }
        catch (BpfException e) when (e.Errno is 1 or 38)
        {
            return e.Message; // a container without the right, or a kernel without bpf(2); what the verifier says is no reason to skip
        }
    }
}
