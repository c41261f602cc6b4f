// `lab status`: the machines, the services and the balancer's view, as a table or as JSON.

using System.CommandLine;
using System.Text.Json;
using RedisHaLab.Instance;
using RedisHaLab.Machines;
using RedisHaLab.Services;
using Spectre.Console;

namespace RedisHaLab.Commands;

/// <summary>A machine's line of the status.</summary>
internal sealed record MachineStatus(string Name, string Address, string? PublicAddress, string Phase, bool IsCut, int? Pid);

/// <summary>A service's line of the status.</summary>
internal sealed record ServiceStatus(string Name, bool Runs);

/// <summary>The status.</summary>
internal sealed record LabStatus(
    string Name, bool IsComplete, IReadOnlyList<MachineStatus> Machines, IReadOnlyList<ServiceStatus> Services, IReadOnlyList<BackendHealth> Backends);

/// <summary>status.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions Format = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    /// <summary>status [--json].</summary>
    public static Command Create(Option<bool> json)
    {
        var command = new Command("status", "Show machines, services and the load balancer's view; exit code 0 when all is up") { json };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = ChaosCommands.Open(paths);
            var status = Read(lab);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(status, Format));
            }
            else
            {
                Show(status);
            }

            await Task.CompletedTask;
            return status is { IsComplete: true } && status.Machines.All(machine => machine.Phase == "ready" && !machine.IsCut) && status.Services.All(service => service.Runs) ? 0 : 1;
        }));
        return command;
    }

    /// <summary>Reads the status.</summary>
    public static LabStatus Read(Lab lab) => new(
        lab.Paths.Name,
        lab.State.Stack is not null,
        lab.Machines().Select(machine => Line(lab, machine)).ToList(),
        [new(ServiceProcesses.NameService, lab.Services.Runs(ServiceProcesses.NameService)), new(ServiceProcesses.CloudServices, lab.Services.Runs(ServiceProcesses.CloudServices))],
        File.Exists(lab.Paths.HealthFile) ? JsonSerializer.Deserialize<List<BackendHealth>>(File.ReadAllText(lab.Paths.HealthFile)) ?? [] : []);

    private static MachineStatus Line(Lab lab, Machine machine)
    {
        var vnic = lab.State.Vnic(machine.Spec.Name);
        return new MachineStatus(machine.Spec.Name, machine.Spec.Address, vnic?.PublicAddress, machine.Phase().ToString().ToLowerInvariant(), vnic?.IsCut ?? false, machine.Leader?.Pid);
    }

    private static void Show(LabStatus status)
    {
        var machines = new Table().RoundedBorder().AddColumns("machine", "address", "public", "state", "network", "pid");
        foreach (var machine in status.Machines)
        {
            machines.AddRow(machine.Name, machine.Address, machine.PublicAddress ?? "", machine.Phase, machine.IsCut ? "cut" : "connected", machine.Pid?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "");
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
