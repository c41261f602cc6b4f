// `lab docs`: runs the commands that the documents mark for it. A block that begins with ```sh lab is a promise: its lines work, one after the
// other, at the desk, on a lab that is up. One that begins with ```sh lab proxy1 holds on that machine, for who has come there by ssh.

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
            foreach (var (file, line, machine, text) in Blocks(Repository.Root))
            {
                await lab.Progress.StepAsync($"{file}:{line}", async () =>
                {
                    await Shell.RunAsync("bash", ["-euo", "pipefail", "-c", AllIsWell(paths)], timeout: Limit);
                    var result = await Shell.RunAsync("bash", ["-euo", "pipefail", "-c", machine is null ? Desk(text, paths) : On(machine, text, paths)],
                        timeout: Limit);
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

    /// <summary>The marked blocks of README.md and docs/, with their places, and the machine that they are for; null for the desk.</summary>
    /// <param name="root">The repository.</param>
    public static IEnumerable<(string File, int Line, string? Machine, string Text)> Blocks(string root)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(root, "docs"), "*.md").Order(StringComparer.Ordinal).Prepend(Path.Combine(root, "README.md")))
        {
            List<string>? block = null;
            string? machine = null;
            foreach (var (index, line) in File.ReadLines(file).Index())
            {
                if (block is null && line.Trim().Split(' ') is [Fence + "sh", "lab", .. { Length: <= 1 } on])
                {
                    (block, machine) = ([], on.FirstOrDefault());
                }
                else if (block is not null && line.Trim() == Fence)
                {
                    yield return (Path.GetRelativePath(root, file), index + 1 - block.Count, machine, string.Join('\n', block));
                    block = null;
                }
                else
                {
                    block?.Add(line);
                }
            }
        }
    }

    // What a block before has broken comes back first.
    private static string AllIsWell(LabPaths paths) =>
        $"cd '{Repository.Root}'; until ./scripts/status --lab {paths.Name} >/dev/null 2>&1; do sleep 1; done";

    // As root already, in the repository's folder, on this lab whatever its name, and by this program, which is built.
    private static string Desk(string text, LabPaths paths) => $$"""
        cd '{{Repository.Root}}'
        sudo() { "$@"; }
        {{Lab(paths)}}
        {{text.Replace("./scripts/lab ", "lab ", StringComparison.Ordinal).Replace(" --lab", $" --lab {paths.Name}", StringComparison.Ordinal)}}
        """;

    // As the operator who logs in by ssh, with sudo only where the text says so.
    private static string On(string machine, string text, LabPaths paths) => $$"""
        {{Lab(paths)}}
        lab ssh {{machine}} -- bash -euo pipefail <<'THE-BLOCK'
        {{text}}
        THE-BLOCK
        """;

    private static string Lab(LabPaths paths) => $$"""lab() { dotnet exec '{{typeof(DocsCommand).Assembly.Location}}' --name {{paths.Name}} "$@"; }""";
}
