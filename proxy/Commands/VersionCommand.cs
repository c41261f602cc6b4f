// The verb "version".

using System.CommandLine;
using System.Runtime.InteropServices;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Prints what is running.</summary>
internal static class VersionCommand
{
    public static Command Create()
    {
        var command = new Command("version", "Show the version of the program, the runtime and the machine.");
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(
            $"{ProxyCommandLine.Name} {ProductVersion.Text} ({RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier})"));
        return command;
    }
}
