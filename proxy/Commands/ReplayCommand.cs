// The verb "replay": decides a recorded night again.

using System.CommandLine;
using System.Globalization;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Commands;

/// <summary>Replays a recording (section "recording" of the configuration).</summary>
internal static class ReplayCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "The recording." };
        var command = new Command("replay", "Decide again what a recording saw, and compare the decisions.") { file };
        command.SetAction(parsed =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            string path = parsed.GetRequiredValue(file);
            ReplayResult result;
            try
            {
                using FileStream recording = File.OpenRead(path);
                result = Replay.Run(recording);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
            {
                throw new CommandFailedException(ExitCode.Usage, $"{path}: {Describe(path, e)}");
            }

            foreach (ReplayedDecision decision in result.Decisions)
            {
                string target = decision.Decision.Node >= 0 ? result.Names.Node(decision.Decision.Node) : "-";
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"{decision.At.TotalSeconds,12:0.000} s  {decision.Decision.Action.ToString().ToLowerInvariant(),-6} {target,-10} rule "
                        + $"{decision.Decision.RuleName,-2}  {result.Names.Describe(decision.Decision.Situation)}"));
            }

            foreach (string difference in result.Differences)
            {
                output.WriteLine($"different from the recording: {difference}");
            }

            output.WriteLine($"{result.Reports} reports, {result.Decisions.Count} decisions, "
                + $"{(result.Differences.Count == 0 ? "all as recorded" : $"{result.Differences.Count} not as recorded")}");
            return result.Differences.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static string Describe(string path, Exception e) => e switch
    {
        InvalidDataException => e.Message,
        FileNotFoundException or DirectoryNotFoundException => "does not exist",
        UnauthorizedAccessException when Directory.Exists(path) => "is a folder; a file is expected",
        UnauthorizedAccessException => $"cannot be read by user {Environment.UserName}: permission denied; use sudo",
        _ => "cannot be read",
    };
}
