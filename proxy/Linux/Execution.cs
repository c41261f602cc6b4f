// This process becomes another program: execve(2), and the capabilities that it has then (capabilities(7), "Transformation of capabilities during
// execve()": of a file without capabilities, the ambient ones; root has all that its bounding set has).

using System.ComponentModel;
using System.Runtime.InteropServices;

namespace RedisHaProxy.Linux;

/// <summary>Becoming another program.</summary>
internal static unsafe partial class Execution
{
    /// <summary>CAP_PERFMON: no precautions against speculation, and more, in programs that the kernel runs.</summary>
    public const int CapabilityPerformance = 38;

    /// <summary>CAP_BPF: making programs and maps for the kernel.</summary>
    public const int CapabilityBpf = 39;

    private const int ProcessAmbient = 47; // PR_CAP_AMBIENT
    private const int AmbientLower = 3;

    /// <summary>Becomes another program, without these capabilities unless it is root's. All threads end.</summary>
    /// <param name="program">Its path.</param>
    /// <param name="arguments">What follows its name.</param>
    /// <param name="without">Capabilities.</param>
    /// <exception cref="Win32Exception">The program cannot be run; the capabilities are not passed on any more.</exception>
    public static void Become(string program, IEnumerable<string> arguments, ReadOnlySpan<int> without)
    {
        foreach (int capability in without)
        {
            _ = Control(ProcessAmbient, AmbientLower, capability, 0, 0); // it fails for one that is not known here, which nobody has then
        }

        nint[] words = [.. arguments.Prepend(program).Select(Marshal.StringToCoTaskMemUTF8), 0];
        fixed (nint* at = words)
        {
            _ = Execute(words[0], at);
        }

        int errno = LibC.Errno;
        Array.ForEach(words, Marshal.FreeCoTaskMem);
        throw new Win32Exception(errno);
    }

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, nint second, nint third, nint fourth, nint fifth);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true)]
    private static partial int Execute(nint path, nint* words);
}
