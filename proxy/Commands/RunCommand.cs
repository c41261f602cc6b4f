// The verb "run": the proxy itself.

using System.CommandLine;
using System.Net.Sockets;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;
using RedisHaProxy.Hosting;

namespace RedisHaProxy.Commands;

/// <summary>Runs the proxy until a signal ends it.</summary>
internal static class RunCommand
{
    public static Command Create()
    {
        var config = new Option<string>("--config", "-c") { Description = "The configuration file.", HelpName = "FILE", Required = true };
        var command = new Command("run", "Run the proxy until SIGTERM (which drains first) or SIGINT (which does not wait).") { config };
        command.SetAction(async (parsed, _) =>
        {
            string file = parsed.GetRequiredValue(config);
            ProxyConfiguration? configuration = await ConfigurationFile.ReadAsync(file, parsed.InvocationConfiguration.Error);
            if (configuration is null)
            {
                return ExitCode.Usage;
            }

            using var logging = new ProxyLogging(configuration.Log, TimeProvider.System);
            using var notifier = ServiceNotifier.FromEnvironment();
            try
            {
                await using var host = new ProxyHost(file, configuration, notifier, TimeProvider.System, logging, PageTexts.Forms);
                return await host.RunAsync() ? ExitCode.Ok : ExitCode.Failed;
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                throw new CommandFailedException(ExitCode.Failed, e.Message);
            }
            catch (TooFewFilesException e)
            {
                throw new CommandFailedException(ExitCode.Failed, e.Message);
            }
            catch (EngineUnavailableException e)
            {
                throw new CommandFailedException(ExitCode.Usage, $"{file}: {e.Message}");
            }
        });
        return command;
    }
}
