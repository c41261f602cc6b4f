// The verb "schema".

using System.CommandLine;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Commands;

/// <summary>Prints the JSON Schema of the configuration file.</summary>
internal static class SchemaCommand
{
    public static Command Create()
    {
        var command = new Command("schema", "Print the JSON Schema of the configuration file, for editors.");
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.Write(IndentedJson.Write(SettingsSchema.Create())));
        return command;
    }
}
