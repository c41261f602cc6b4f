// This program once more, in another role.

using System.Diagnostics;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Hosting;

/// <summary>How processes of this program are started.</summary>
internal static class OwnProgram
{
    /// <summary>This program with a verb and its arguments; its standard input is a pipe.</summary>
    public static ProcessStartInfo With(params ReadOnlySpan<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true };
        if (Path.GetFileNameWithoutExtension(program) == "dotnet")
        {
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return start;
    }

    /// <summary>This process becomes this program with a verb and its arguments, without these capabilities unless it is root's.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">It cannot be run.</exception>
    public static void Become(ReadOnlySpan<string> arguments, ReadOnlySpan<int> without)
    {
        ProcessStartInfo start = With(arguments);
        Execution.Become(start.FileName, start.ArgumentList, without);
    }
}
