// `lab status`: the machines and what each of them does now, the services and the balancer's view, as a table or as JSON.

using System.CommandLine;
using RedisHaLab.Cluster;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Services;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>A machine's line of the status; <paramref name="Does"/> is its part in the cluster by its own word.</summary>
internal sealed record MachineStatus(string Name, string Address, string? PublicAddress, string Phase, bool IsCut, string Does, int? Pid);

/// <summary>A service's line of the status.</summary>
internal sealed record ServiceStatus(string Name, bool Runs);

/// <summary>The status.</summary>
internal sealed record LabStatus(
    string Name, bool IsComplete, IReadOnlyList<MachineStatus> Machines, IReadOnlyList<ServiceStatus> Services, IReadOnlyList<BackendHealth> Backends);

/// <summary>status.</summary>
internal static class StatusCommand
{
    /// <summary>status [--json].</summary>
    public static Command Create()
    {
        var command = new Command("status", Verbs.All["status"]) { CommandLineProgram.Json };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var status = await ReadAsync(lab);
            CommandLineProgram.Write(parsed, status, () => Show(status));
            return status is { IsComplete: true } && status.Machines.All(machine => machine.Phase == "ready" && !machine.IsCut)
                && status.Services.All(service => service.Runs) ? 0 : 1;
        }));
        return command;
    }

    /// <summary>Reads the status.</summary>
    public static async Task<LabStatus> ReadAsync(Lab lab) => new(
        lab.Paths.Name,
        lab.State.Stack is not null,
        await Task.WhenAll(lab.Machines().Select(machine => LineAsync(lab, machine))),
        [new(ServiceProcesses.NameService, lab.Services.Runs(ServiceProcesses.NameService)),
            new(ServiceProcesses.CloudServices, lab.Services.Runs(ServiceProcesses.CloudServices))],
        BackendHealth.Read(lab.Paths));

    private static async Task<MachineStatus> LineAsync(Lab lab, Machine machine)
    {
        var vnic = lab.State.Vnic(machine.Spec.Name);
        return new MachineStatus(
            machine.Spec.Name,
            machine.Spec.Address,
            vnic?.PublicAddress,
            machine.Phase().ToString().ToLowerInvariant(),
            vnic?.IsCut ?? false,
            machine.Leader is null || lab.State.Stack is null ? "" : await DoesAsync(new ClusterView(lab), machine.Spec.Name),
            machine.Leader?.Pid);
    }

    // Asked inside the machine, so that a machine that is cut off still answers.
    private static async Task<string> DoesAsync(ClusterView cluster, string name)
    {
        try
        {
            if (cluster.Redis.FirstOrDefault(node => node.Name == name) is { } redis)
            {
                using var session = await cluster.OnNodeAsync(redis);
                var role = await session.AskAsync("ROLE");
                var does = role.First switch
                {
                    "master" => "master",
                    "slave" => $"replica of {cluster.Redis.FirstOrDefault(node => node.Address == role.Items[1].Text)?.Name ?? role.Items[1].Text}, link "
                        + $"{role.Items[3].Text}",
                    _ => role.ToString(),
                };
                var found = (await cluster.ShellAsync(name, "systemctl show --property StatusText --value redis-ha-watch")).Output.Trim();
                return found is "" or "nothing found" ? does : $"{does}; its watch says: {found}";
            }

            return cluster.Proxies.Any(node => node.Name == name)
                ? (await cluster.ShellAsync(name, "curl --silent --max-time 2 http://127.0.0.1:1936/readyz || echo does not answer")).Output.Trim()
                : "";
        }
        catch (Exception e) when (ClusterView.IsRefusal(e))
        {
            return "does not answer";
        }
    }

    private static void Show(LabStatus status)
    {
        var machines = new Table().RoundedBorder().AddColumns("machine", "address", "public", "state", "network", "does");
        foreach (var machine in status.Machines)
        {
            machines.AddRow(machine.Name, machine.Address, machine.PublicAddress ?? "", machine.Phase, machine.IsCut ? "cut" : "connected",
                Markup.Escape(machine.Does));
        }

        AnsiConsole.Write(machines);
        if (status.Backends.Count > 0)
        {
            var backends = new Table().RoundedBorder().AddColumns("backend", "address", "health", "last check");
            foreach (var backend in status.Backends)
            {
                backends.AddRow(Markup.Escape(backend.Name), backend.Address, backend.Healthy ? "healthy" : "unhealthy", Markup.Escape(backend.Detail));
            }

            AnsiConsole.Write(backends);
        }

        foreach (var service in status.Services.Where(service => !service.Runs))
        {
            AnsiConsole.WriteLine($"{service.Name} does not run; `scripts/lab up` repairs it");
        }

        if (!status.IsComplete)
        {
            AnsiConsole.WriteLine("`up` has not run to its end; run it again");
        }
    }
}
