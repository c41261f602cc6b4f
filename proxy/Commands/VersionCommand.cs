// The verb "version".

using System.CommandLine;
using System.Reflection;
using System.Runtime.InteropServices;

namespace RedisHaProxy.Commands;

/// <summary>Prints what is running.</summary>
internal static class VersionCommand
{
    /// <summary>The product's version, without the build's commit.</summary>
    public static string Version { get; } =
        (typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown").Split('+')[0];

    public static Command Create()
    {
        var command = new Command("version", "Show the version of the program, the runtime and the machine.");
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(
            $"{ProxyCommandLine.Name} {Version} ({RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier})"));
        return command;
    }
}
