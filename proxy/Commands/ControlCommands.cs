// The verbs that ask a running proxy: status, explain, timeline, sessions, drain, ready, maintenance, reload.

using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using System.Net;
using System.Text.Json;
using RedisHaProxy.Admin;
using Spectre.Console;

namespace RedisHaProxy.Commands;

/// <summary>Creates the verbs of the control socket.</summary>
internal static class ControlCommands
{
    /// <summary>Where the machines' unit has it.</summary>
    public const string DefaultSocket = "/run/redis-ha-proxy/control.sock";

    public static IEnumerable<Command> Create() =>
    [
        Show("status", "Show the master, the nodes, the Sentinels and the sessions.", "stats.json", StatusText.Write, "control/status"),
        Show("explain", "Show why sessions go where they go, or why the gate is shut.", "explain", ExplainText.Write, "control/status"),
        Show("timeline", "Show the last failovers: when, why, how long.", "timeline", TimelineText.Write),
        Sessions(),
        Order("drain", "Fail /healthz, so that the load balancer sends new sessions elsewhere; open sessions go on.", "control/drain"),
        Maintenance(),
        Ready(),
        Order("reload", "Read the configuration file again and apply what can change live, as SIGHUP does.", "control/reload"),
    ];

    // JSON is what everybody gets at the path; the text may need more.
    private static Command Show(string name, string description, string path, Action<IAnsiConsole, JsonElement> write, string? textPath = null)
    {
        var (socket, json) = (SocketOption(), JsonOption());
        var command = new Command(name, description) { socket, json };
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
        {
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(json))
            {
                await output.WriteAsync(await client.GetTextAsync(path, cancellationToken));
            }
            else
            {
                write(Terminal.Console(output), await client.GetAsync(textPath ?? path, cancellationToken));
            }
        }));
        return command;
    }

    private static Command Order(string name, string description, string path)
    {
        var socket = SocketOption();
        var command = new Command(name, description) { socket };
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
            await parsed.InvocationConfiguration.Output.WriteLineAsync(await client.OrderAsync(path, cancellationToken))));
        return command;
    }

    private static Command Maintenance()
    {
        var socket = SocketOption();
        var node = NodeArgument("The node's name in redis.nodes.", ArgumentArity.ExactlyOne, socket);
        var force = new Option<bool>("--force") { Description = "Also when sessions go to the node: they end, and new ones wait for another master." };
        var command = new Command("maintenance", "Take a node out: it gets no sessions whatever its role, and its failures are no news. Until 'ready NODE' "
            + "or a restart.") { node, force, socket };
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
            await parsed.InvocationConfiguration.Output.WriteLineAsync(await client.OrderAsync(
                $"control/maintenance?node={Uri.EscapeDataString(parsed.GetRequiredValue(node)!)}{(parsed.GetValue(force) ? "&force=true" : "")}",
                    cancellationToken))));
        return command;
    }

    private static Command Ready()
    {
        var socket = SocketOption();
        var node = NodeArgument("The node to take back from maintenance; without it, the drain of this proxy is taken back.", ArgumentArity.ZeroOrOne, socket);
        var command = new Command("ready", "Take a drain back, or a node back from maintenance.") { node, socket };
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
            await parsed.InvocationConfiguration.Output.WriteLineAsync(await client.OrderAsync(
                parsed.GetValue(node) is { } name ? $"control/ready?node={Uri.EscapeDataString(name)}" : "control/ready", cancellationToken))));
        return command;
    }

    // Completed with the names that the running proxy has, where one can be asked.
    private static Argument<string?> NodeArgument(string description, ArgumentArity arity, Option<string> socket)
    {
        var node = new Argument<string?>("NODE") { Description = description, Arity = arity };
        node.CompletionSources.Add(context =>
        {
            try
            {
                using var client = new ControlClient(context.ParseResult.GetValue(socket) ?? DefaultSocket);
                var status = client.GetAsync("stats.json", CancellationToken.None).GetAwaiter().GetResult();
                return status.List("nodes").Select(n => new CompletionItem(n.Text("name")!));
            }
            catch (ControlException)
            {
                return [];
            }
        });
        return node;
    }

    private static Command Sessions()
    {
        var (socket, json) = (SocketOption(), JsonOption());
        var end = new Option<long?>("--end") { Description = "End the session with this number.", HelpName = "ID" };
        var source = new Option<IPAddress?>("--source")
        {
            Description = "End all sessions from this address.",
            HelpName = "ADDRESS",
            CustomParser = ParseAddress,
        };
        var command = new Command("sessions", "List the open sessions, or end some of them.") { end, source, socket, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(end) is not null && result.GetResult(source) is not null)
            {
                result.AddError("--end and --source exclude each other.");
            }
        });
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
        {
            var output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(end) is { } id)
            {
                await output.WriteLineAsync(await client.OrderAsync($"control/sessions/end?id={id}", cancellationToken));
            }
            else if (parsed.GetValue(source) is { } address)
            {
                await output.WriteLineAsync(await client.OrderAsync($"control/sessions/end?source={Uri.EscapeDataString(address.ToString())}",
                    cancellationToken));
            }
            else if (parsed.GetValue(json))
            {
                await output.WriteAsync(await client.GetTextAsync("control/sessions", cancellationToken));
            }
            else
            {
                SessionsText.Write(Terminal.Console(output), await client.GetAsync("control/sessions", cancellationToken));
            }
        }));
        return command;
    }

    private static IPAddress? ParseAddress(ArgumentResult result)
    {
        if (IPAddress.TryParse(result.Tokens[0].Value, out var address))
        {
            return address;
        }

        result.AddError($"'{result.Tokens[0].Value}' is not a valid address; an IPv4 or IPv6 literal is expected.");
        return null;
    }

    private static Option<string> SocketOption() => new("--socket", "-s")
    {
        Description = "The control socket of the proxy (admin.socket).",
        HelpName = "PATH",
        DefaultValueFactory = _ => DefaultSocket,
    };

    private static Option<bool> JsonOption() => new("--json") { Description = "Write JSON." };

    private static async Task<int> AskAsync(string socket, Func<ControlClient, Task> ask)
    {
        using var client = new ControlClient(socket);
        try
        {
            await ask(client);
            return ExitCode.Ok;
        }
        catch (ControlException e)
        {
            throw new CommandFailedException(ExitCode.Failed, e.Message);
        }
    }
}
