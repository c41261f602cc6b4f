// What end-to-end tests need of the machine; where it is missing they skip and say so.

using RedisHaLab.Host;
using Xunit;

namespace RedisHaLab.Tests;

/// <summary>Skips a test on machines that cannot run a lab.</summary>
internal static class NeedsRoot
{
    /// <summary>Skips unless this is Linux, the user root, and the host has the lab's packages.</summary>
    public static void OrSkip()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root: namespaces and mounts");
        var reason = MissingFeature();
        Skip.If(reason is not null, reason ?? "");
    }

    private static string? MissingFeature()
    {
        try
        {
            Preflight.RequireKernelAsync().GetAwaiter().GetResult();
            return null;
        }
        catch (LabException e)
        {
            return e.Message;
        }
    }
}
