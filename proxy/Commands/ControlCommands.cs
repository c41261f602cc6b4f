// The verbs that ask a running proxy: status, explain, timeline, sessions, drain, ready, maintenance, reload.

using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Creates the verbs of the control socket.</summary>
internal static class ControlCommands
{
    /// <summary>Where the machines' unit has it.</summary>
    public const string DefaultSocket = "/run/redis-ha-proxy/control.sock";

    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    public static IEnumerable<Command> Create() =>
    [
        Show("status", "Show the master, the nodes, the Sentinels and the sessions.", "stats.json", StatusText.Write, "control/status"),
        Show("explain", "Show why sessions go where they go, or why the gate is shut.", "explain",
            (screen, explain, _) => ExplainText.Write(screen, explain), "control/status"),
        Show("timeline", "Show the last failovers: when, why, how long.", "timeline", (screen, timeline, _) => TimelineText.Write(screen, timeline)),
        SessionsCommand.Create(),
        Order("drain", "Fail /healthz, so that the load balancer sends new sessions elsewhere; open sessions go on.", "control/drain"),
        Maintenance(),
        Ready(),
        Order("reload", "Read the configuration file again and apply what can change live, as SIGHUP does.", "control/reload"),
    ];

    // JSON is what everybody gets at the path; the text may need more.
    private static Command Show(string name, string description, string path, Action<Screen, JsonElement, bool> write, string? textPath = null)
    {
        var (socket, form) = (SocketOption(), new FormOptions());
        var watch = new Option<bool>("--watch", "-w") { Description = "Show it again each second, until Ctrl-C." };
        var command = new Command(name, description) { watch, socket, form.Json, form.Output };
        command.SetAction((parsed, cancellationToken) => AskAsync(parsed.GetRequiredValue(socket), async client =>
        {
            var output = parsed.InvocationConfiguration.Output;
            bool watches = parsed.GetValue(watch);
            using var again = new PeriodicTimer(WatchInterval);
            do
            {
                try
                {
                    await ShowAsync();
                }
                catch (ControlException e) when (watches)
                {
                    // It is started again, perhaps: who watches wants to see that.
                    await output.WriteLineAsync($"{Terminal.Start(output, watches)}{e.Message}");
                }

                await output.FlushAsync(cancellationToken);
            }
            while (watches && await again.WaitForNextTickAsync(cancellationToken));

            async Task ShowAsync()
            {
                if (form.IsJson(parsed))
                {
                    await output.WriteAsync(client.GetText(path));
                    return;
                }

                using JsonDocument document = client.Get(textPath ?? path);
                var screen = Screen.For(output);
                write(screen, document.RootElement, form.IsWide(parsed));
                await output.WriteAsync($"{Terminal.Start(output, watches)}{screen}");
            }
        }));
        return command;
    }

    private static Command Order(string name, string description, string path)
    {
        Option<string> socket = SocketOption();
        var command = new Command(name, description) { socket };
        command.SetAction(parsed => AskAsync(parsed.GetRequiredValue(socket), async client =>
            await parsed.InvocationConfiguration.Output.WriteLineAsync(client.Order(path))));
        return command;
    }

    private static Command Maintenance()
    {
        Option<string> socket = SocketOption();
        Argument<string?> node = NodeArgument("The node's name in redis.nodes.", ArgumentArity.ExactlyOne, socket);
        var force = new Option<bool>("--force") { Description = "Also when sessions go to the node: they end, and new ones wait for another master." };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask on a terminal." };
        var command = new Command("maintenance", "Take a node out: it gets no sessions whatever its role, and its failures are no news. Until 'ready NODE' "
            + "or a restart.") { node, force, yes, socket };
        command.SetAction(parsed => AskAsync(parsed.GetRequiredValue(socket), async client =>
        {
            string name = parsed.GetRequiredValue(node)!;
            bool forced = parsed.GetValue(force);
            if (forced && !parsed.GetValue(yes) && !Console.IsInputRedirected && !await ConfirmedAsync(client, name, parsed.InvocationConfiguration.Error))
            {
                throw new CommandFailedException(ExitCode.Failed, "nothing was changed");
            }

            await parsed.InvocationConfiguration.Output.WriteLineAsync(
                client.Order($"control/maintenance?node={Uri.EscapeDataString(name)}{(forced ? "&force=true" : "")}"));
        }));
        return command;
    }

    // Only where something would be lost: a node that has no sessions needs no question.
    private static async Task<bool> ConfirmedAsync(ControlClient client, string name, TextWriter error)
    {
        using JsonDocument status = client.Get("stats.json");
        if (status.RootElement.List("nodes").FirstOrDefault(n => n.Text("name") == name) is not { ValueKind: JsonValueKind.Object } node || !node.Is("routed"))
        {
            return true;
        }

        await error.WriteAsync($"{name} is the master: its {node.Number("sessions"):0} sessions end, and new ones wait until another node is master. Go on? "
            + "[y/N] ");
        return Console.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    private static Command Ready()
    {
        Option<string> socket = SocketOption();
        Argument<string?> node = NodeArgument(
            "The node to take back from maintenance; without it, the drain of this proxy is taken back.", ArgumentArity.ZeroOrOne, socket);
        var command = new Command("ready", "Take a drain back, or a node back from maintenance.") { node, socket };
        command.SetAction(parsed => AskAsync(parsed.GetRequiredValue(socket), async client =>
            await parsed.InvocationConfiguration.Output.WriteLineAsync(client.Order(
                parsed.GetValue(node) is { } name ? $"control/ready?node={Uri.EscapeDataString(name)}" : "control/ready"))));
        return command;
    }

    // Completed with the names that the running proxy has, where one can be asked.
    private static Argument<string?> NodeArgument(string description, ArgumentArity arity, Option<string> socket)
    {
        // With a name for help: without one, help lists the completions, and asks a running proxy for them.
        var node = new Argument<string?>("NODE") { Description = description, Arity = arity, HelpName = "NODE" };
        node.CompletionSources.Add(context =>
        {
            try
            {
                var client = new ControlClient(context.ParseResult.GetValue(socket) ?? DefaultSocket);
                using JsonDocument status = client.Get("stats.json");
                return [.. status.RootElement.List("nodes").Select(n => new CompletionItem(n.Text("name")!))];
            }
            catch (ControlException)
            {
                return [];
            }
        });
        return node;
    }

    internal static Option<string> SocketOption() => new("--socket", "-s")
    {
        Description = "The control socket of the proxy (admin.socket).",
        HelpName = "PATH",
        DefaultValueFactory = _ => DefaultSocket,
    };

    internal static async Task<int> AskAsync(string socket, Func<ControlClient, Task> ask)
    {
        try
        {
            await ask(new ControlClient(socket));
            return ExitCode.Ok;
        }
        catch (ControlException e)
        {
            throw new CommandFailedException(ExitCode.Failed, e.Message);
        }
    }
}
