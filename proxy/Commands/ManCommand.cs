// The verb "man": the manual page in groff's macros (man(7)), from the same descriptions as --help. The nodes' files install it.

using System.CommandLine;
using System.Text;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Prints the manual page.</summary>
internal static class ManCommand
{
    public static Command Create()
    {
        var command = new Command("man", "Print the manual page, for man(1).") { Hidden = true };
        command.SetAction(parsed => parsed.InvocationConfiguration.Output.Write(Page(parsed.RootCommandResult.Command)));
        return command;
    }

    private static string Page(Command root)
    {
        var page = new StringBuilder();
        page.Append($".TH REDIS-HA-PROXY 8 \"\" \"redis-ha-proxy {ProductVersion.Text}\"\n.SH NAME\nredis-ha-proxy \\- routes every Redis session to the one "
            + "true master\n");
        page.Append(".SH SYNOPSIS\n.B redis-ha-proxy\n.I VERB\n[options]\n.SH VERBS\n");
        foreach (var verb in root.Subcommands.Where(verb => !verb.Hidden))
        {
            page.Append(".TP\n.B ").Append(Escaped(string.Join(' ', [verb.Name, .. verb.Arguments.Select(a => a.Name)]))).Append('\n')
                .Append(Escaped(verb.Description ?? "")).Append('\n');
            foreach (var option in verb.Options.Where(option => !option.Hidden && option.Name != "--help"))
            {
                page.Append(".RS\n.TP\n.B ").Append(Escaped(string.Join(", ", [option.Name, .. option.Aliases]))).Append(Escaped(option.HelpName is { } value
                    ? $" {value}" : ""))
                    .Append('\n').Append(Escaped(option.Description ?? "")).Append("\n.RE\n");
            }
        }

        page.Append(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong command line or configuration.\n.SH FILES\n")
            .Append(".TP\n.I /etc/redis-ha-proxy/proxy.json\nThe configuration.\n.TP\n.I ").Append(Escaped(ControlCommands.DefaultSocket))
            .Append("\nThe control socket; root and the proxy's group may use it.\n.SH SEE ALSO\njournalctl(1), systemctl(1)\n");
        return page.ToString();
    }

    // A point or an apostrophe at the beginning of a line is a request (groff(7)); a dash alone is a hyphen.
    private static string Escaped(string text)
    {
        string line = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal).ReplaceLineEndings(" ");
        return line.StartsWith('.') || line.StartsWith('\'') ? "\\&" + line : line;
    }
}
