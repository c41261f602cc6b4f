// The verb "check": is this configuration file good?

using System.CommandLine;
using RedisHaProxy.Configuration;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Commands;

/// <summary>Validates a configuration file and shows what it means.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "The configuration file." };
        var connect = new Option<bool>("--connect") { Description = "Ask every node and Sentinel as the proxy would, and show what it would decide." };
        var command = new Command("check", "Validate a configuration file and the secrets it names; nothing is started.") { file, connect };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            (TextWriter output, TextWriter error) = (parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);
            string path = parsed.GetRequiredValue(file);
            if (await ConfigurationFile.ReadAsync(path, error) is not { } configuration)
            {
                return ExitCode.Usage;
            }

            var machine = MachineCheck.Problems(configuration).ToList();
            foreach (string misfit in machine)
            {
                await error.WriteLineAsync($"{ProxyCommandLine.Name}: {path}: {misfit}");
            }

            if (machine.Count > 0)
            {
                return ExitCode.Usage;
            }

            await output.WriteLineAsync($"{path} is valid.");
            foreach ((string name, string value) in Describe(configuration))
            {
                await output.WriteLineAsync($"  {name,-10} {value}");
            }

            if (configuration.Recording is { } recording && RecordingFile.Try(recording.File) is { } problem)
            {
                await error.WriteLineAsync($"{ProxyCommandLine.Name}: {path}: recording.file: {recording.File} cannot be written: {problem}. The proxy would "
                    + "serve all the same, and record nothing.");
                return ExitCode.Failed;
            }

            return !parsed.GetValue(connect) || await ConnectionCheck.RunAsync(configuration, output, cancellationToken) ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }

    private static IEnumerable<(string Name, string Value)> Describe(ProxyConfiguration configuration)
    {
        yield return ("clients", configuration.Listen.Count == 0 ? "over TLS only" : string.Join(", ", configuration.Listen));
        if (configuration.Tls is { } tls)
        {
            yield return ("tls", $"{string.Join(", ", tls.Listen)}, "
                + $"{Certificate(tls.Identity)}{(tls.ClientAuthorities is null ? "" : ", clients need a certificate")}");
        }

        if (configuration.ReadOnly is { } reads)
        {
            IEnumerable<string> at = reads.Listen.Select(l => $"{l}").Concat(reads.TlsListen.Select(l => $"{l} (TLS)"));
            yield return ("read-only", $"{string.Join(", ", at)}, to replicas at most {Durations.Format(reads.MaxLag)} "
                + $"behind{(reads.Master ? ", or to the master" : "")}");
        }

        if (configuration.ProxyProtocol is { } header)
        {
            yield return ("", $"with a PROXY protocol header from {string.Join(", ", header.From)}, within {Durations.Format(header.Timeout)}");
        }

        foreach (RedisNode node in configuration.Redis.Nodes)
        {
            yield return (node == configuration.Redis.Nodes[0] ? "nodes" : "", $"{node.Name} {node.EndPoint}");
        }

        yield return ("probe", $"every {Durations.Format(configuration.Redis.ProbeInterval)}, "
            + $"{User(configuration.Redis.Credentials)}{Peer(configuration.Redis.Tls)}");
        if (configuration.Sentinel is { } sentinel)
        {
            yield return ("sentinels", $"{sentinel.Master} at {string.Join(", ", sentinel.Nodes)}");
            yield return ("", $"every {Durations.Format(sentinel.PollInterval)}, down after {Durations.Format(sentinel.DownAfter)}, "
                + $"{User(sentinel.Credentials)}{Peer(sentinel.Tls)}");
        }
        else
        {
            yield return ("sentinels", "none: only followers and observed promotions decide");
        }

        yield return ("admin", (configuration.Admin is { } admin ? (admin.Listen, admin.Socket) : (null, null)) switch
        {
            (null, null) => "none",
            (null, { } socket) => socket,
            ({ } listen, null) => $"{Scheme(configuration)}://{listen} {Authentication(configuration)}",
            ({ } listen, { } socket) => $"{Scheme(configuration)}://{listen} {Authentication(configuration)}, {socket}",
        });
        TimeoutConfiguration timeouts = configuration.Timeouts;
        yield return ("timeouts", $"connect {Durations.Format(timeouts.Connect)}, park {Durations.Format(timeouts.Park)}, idle "
            + $"{(timeouts.Idle == TimeSpan.Zero ? "none" : Durations.Format(timeouts.Idle))}, "
            + $"drain {Durations.Format(timeouts.DrainDelay)} + {Durations.Format(timeouts.Drain)}");
        if (configuration.Recording is { } recording)
        {
            yield return ("recording", $"{recording.File}, at most {recording.MaxBytes} bytes with the part before it");
        }

        LimitConfiguration limits = configuration.Limits;
        yield return ("limits", $"{limits.Connections} connections, {(limits.PerSource == 0 ? "any number" : limits.PerSource)} per source, {limits.Parked} "
            + "parked");
    }

    private static string User(RedisCredentials? credentials) =>
        credentials is null ? "no password" : $"as {credentials.User ?? "the default user"} with a password";

    private static string Authentication(ProxyConfiguration configuration) =>
        configuration.Admin!.Password is null ? "without a password" : $"(user {configuration.Admin.User})";

    private static string Scheme(ProxyConfiguration configuration) => configuration.Admin!.Tls is null ? "http" : "https";

    private static string Peer(TlsPeerConfiguration? tls) =>
        tls is null ? "" : $", over TLS{(tls.ServerName is null ? "" : $" as {tls.ServerName}")}"
            + $"{(tls.Identity is null ? "" : $" with {Certificate(tls.Identity)}")}";

    private static string Certificate(TlsIdentity identity) =>
        $"certificate for {CertificateText.Names(identity.Certificate)} until {CertificateText.Time(identity.NotAfter)}";
}
