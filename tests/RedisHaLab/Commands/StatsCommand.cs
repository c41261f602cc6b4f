// `lab stats`: a proxy's stats page for a browser on this machine, by the way an operator has.
// The only door from the host into the lab, on the loopback address and open only while the command runs.

using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Provider;
using RedisHaProcesses;

namespace RedisHaLab.Commands;

/// <summary>stats.</summary>
internal static class StatsCommand
{
    /// <summary>stats [PROXY] [--port N].</summary>
    public static Command Create()
    {
        var machine = new Argument<string?>("proxy") { Description = "The proxy; the first one when not given", Arity = ArgumentArity.ZeroOrOne };
        var port = new Option<int>("--port") { Description = "Port on 127.0.0.1 of this machine", DefaultValueFactory = _ => 1936 };
        var command = new Command("stats", Verbs.All["stats"]) { machine, port };
        command.SetAction((parsed, cancellation) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            using var lab = CommandLineProgram.Open(paths);
            var stack = lab.State.Stack ?? throw new LabException("`up` has not run to its end; run it again.");
            var name = parsed.GetValue(machine) ?? stack.Nodes.First(node => node.Role == "proxy").Name;
            var proxy = stack.Nodes.FirstOrDefault(node => node.Role == "proxy" && node.Name == name) ?? throw new LabException(
                $"\"{name}\" is not a proxy; the proxies are {string.Join(", ", stack.Nodes.Where(node => node.Role == "proxy").Select(node => node.Name))}.",
                    LabException.Unusable);
            await ServeAsync(lab, $"{proxy.Address}:{new Uri(stack.StatsPage).Port}", parsed.GetValue(port), new Uri(stack.StatsPage), cancellation);
            return 0;
        }));
        return command;
    }

    private static async Task ServeAsync(Lab lab, string target, int port, Uri page, CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
        }
        catch (SocketException e)
        {
            throw new LabException($"127.0.0.1:{port} cannot be used ({e.Message}); choose another by --port.", LabException.Failed, e);
        }

        var bound = ((IPEndPoint)listener.LocalEndpoint).Port;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{page.Scheme}://127.0.0.1:{bound}{page.AbsolutePath}   (user admin, password in {lab.Paths.AdminPasswordFile}; Ctrl-C ends it)"));
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(cancellation);
                _ = RelayAsync(lab, client, target, cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C.
        }
    }

    private static async Task RelayAsync(Lab lab, TcpClient client, string target, CancellationToken cancellation)
    {
        var command = lab.Network.In(lab.DeskRole, ["ssh", "-F", OperatorKey.Config(lab.Paths), "-o", "BatchMode=yes", "-W", target, OperatorKey.Gate(lab)]);
        using var owner = client;
        using var tunnel = Process.Start(new ProcessStartInfo(Installed.Path(command[0])!,
            command.Skip(1))
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            var stream = client.GetStream();
            var up = CopyAsync(stream, tunnel.StandardInput.BaseStream, cancellation);
            await tunnel.StandardOutput.BaseStream.CopyToAsync(stream, cancellation);
            client.Client.Shutdown(SocketShutdown.Both);
            await up;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // The browser left, or the tunnel ended: either ends the connection.
        }
        finally
        {
            if (!tunnel.HasExited)
            {
                tunnel.Kill(entireProcessTree: true);
            }

            await tunnel.WaitForExitAsync(CancellationToken.None);
        }
    }

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken cancellation)
    {
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await from.ReadAsync(buffer, cancellation)) > 0)
        {
            await to.WriteAsync(buffer.AsMemory(0, count), cancellation);
            // The pipe's stream buffers; a request must not wait in it.
            await to.FlushAsync(cancellation);
        }

        to.Close();
    }
}
