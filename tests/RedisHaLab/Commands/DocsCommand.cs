// `lab docs`: runs the commands that the documents mark for it. A block that begins with ```sh lab is a promise: its lines work, one after the
// other, on a lab that is up.

using System.CommandLine;
using RedisHaLab.Host;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Commands;

/// <summary>docs.</summary>
internal static class DocsCommand
{
    private const string Fence = "```";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>docs.</summary>
    public static Command Create()
    {
        var command = new Command("docs", Verbs.All["docs"]);
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var failed = 0;
            foreach (var (file, line, text) in Blocks(Repository.Root))
            {
                await lab.Progress.StepAsync($"{file}:{line}", async () =>
                {
                    var result = await Shell.RunAsync("bash", ["-euo", "pipefail", "-c", Script(text, paths)], timeout: Limit);
                    Console.Write(result.Output);
                    if (result.ExitCode != 0)
                    {
                        failed++;
                        await Console.Error.WriteLineAsync($"{file}:{line}: {result}");
                    }
                });
            }

            return failed == 0 ? 0 : LabException.Failed;
        }));
        return command;
    }

    /// <summary>The marked blocks of README.md and docs/, with their places.</summary>
    /// <param name="root">The repository.</param>
    public static IEnumerable<(string File, int Line, string Text)> Blocks(string root)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(root, "docs"), "*.md").Order(StringComparer.Ordinal).Prepend(Path.Combine(root, "README.md")))
        {
            List<string>? block = null;
            foreach (var (index, line) in File.ReadLines(file).Index())
            {
                if (block is null && line.Trim() == Fence + "sh lab")
                {
                    block = [];
                }
                else if (block is not null && line.Trim() == Fence)
                {
                    yield return (Path.GetRelativePath(root, file), index + 1 - block.Count, string.Join('\n', block));
                    block = null;
                }
                else
                {
                    block?.Add(line);
                }
            }
        }
    }

    // As root already, in the repository's folder, on this lab whatever its name, and by this program, which is built.
    private static string Script(string text, LabPaths paths) => $$"""
        cd '{{Repository.Root}}'
        sudo() { "$@"; }
        lab() { dotnet exec '{{typeof(DocsCommand).Assembly.Location}}' --name {{paths.Name}} "$@"; }
        {{text.Replace("./scripts/lab ", "lab ", StringComparison.Ordinal)}}
        """;
}
