// The verb "completion": scripts that let a shell ask this program for completions.

using System.CommandLine;

namespace RedisHaProxy.Commands;

/// <summary>Prints a completion script.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        _redis_ha_proxy() {
          local IFS=$'\n'
          mapfile -t COMPREPLY < <(compgen -W "$(redis-ha-proxy "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}")
        }
        complete -o default -F _redis_ha_proxy redis-ha-proxy
        """;

    private const string Zsh = """
        #compdef redis-ha-proxy
        _redis_ha_proxy() {
          local -a found
          found=("${(@f)$(redis-ha-proxy "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
          compadd -a found || _files
        }
        compdef _redis_ha_proxy redis-ha-proxy
        """;

    private const string Fish = """
        complete -c redis-ha-proxy -a '(redis-ha-proxy "[suggest:"(commandline -C)"]" (commandline) 2>/dev/null)'
        """;

    public static Command Create()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a completion script, for example: source <(redis-ha-proxy completion bash)") { shell };
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.WriteLine(parsed.GetRequiredValue(shell) switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            _ => Fish,
        }));
        return command;
    }
}
