// The cloud's own services, in one process for each instance: Object Storage behind pre-authenticated requests, Monitoring for
// custom metrics, the package mirror, instance metadata, and the balancers' health checks. The process lives in the host's namespace, its
// sockets in the lab's: each service is where the cloud has it, so that routes and rules decide who reaches it.

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RedisHaLab.Network;
using RedisHaLab.State;
using RedisHaProcesses;

namespace RedisHaLab.Services;

/// <summary>The services of one instance.</summary>
internal sealed class CloudServices
{
    private readonly LabPaths _paths;
    private readonly StateFeed _feed;
    private readonly ObjectService _objects;

    public CloudServices(LabPaths paths)
    {
        _paths = paths;
        _feed = new StateFeed(paths);
        _objects = new ObjectService(paths, _feed);
    }

    /// <summary>Serves until the process is asked to end.</summary>
    public async Task RunAsync()
    {
        var sockets = new[]
        {
            Listen(VcnNetwork.NetworkRole, $"{Addresses.LinkLocalService}:80"),
            Listen(VcnNetwork.OutsideRole, $"{Addresses.ObjectStorage}:80"),
            Listen(VcnNetwork.OutsideRole, $"{Addresses.PackageMirror}:80"),
        };
        using var monitoring = new MonitoringService(_paths);
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = "/" });
        builder.Logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true).SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // A part of a backup has a gigabyte.
            kestrel.Limits.MaxRequestBodySize = null;
            foreach (var socket in sockets)
            {
                kestrel.ListenHandle((ulong)socket.Handle);
            }
        });
        await using var application = builder.Build();
        application.Run(context => AnswerAsync(context, monitoring));
        await application.StartAsync();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(application.Lifetime.ApplicationStopping);
        var health = new HealthChecker(_paths, _feed).RunAsync(ending.Token);
        await application.WaitForShutdownAsync();
        await ending.CancelAsync();
        await health;
        GC.KeepAlive(sockets);
    }

    private Socket Listen(string role, string address)
    {
        var socket = NetworkNamespace.Named(_paths.Namespace(role)).Socket();
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(IPEndPoint.Parse(address));
        socket.Listen(512);
        return socket;
    }

    // The address that was asked says which service is meant: each has its own.
    private Task AnswerAsync(HttpContext context, MonitoringService monitoring) => context.Connection.LocalIpAddress?.ToString() switch
    {
        Addresses.LinkLocalService => MetadataAsync(context, monitoring),
        Addresses.ObjectStorage when MonitoringService.Has(context.Request.Path) => monitoring.AnswerAsync(context),
        Addresses.ObjectStorage => _objects.AnswerAsync(context),
        _ => PackageAsync(context),
    };

    private async Task PackageAsync(HttpContext context)
    {
        var directory = _feed.Current.PackagesDirectory;
        var name = Path.GetFileName(context.Request.Path.Value ?? "");
        var file = directory is null || name.Length == 0 ? null : Path.Combine(directory, name);
        if (file is null || !File.Exists(file))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        await SendAsync(context, file);
    }

    private async Task MetadataAsync(HttpContext context, MonitoringService monitoring)
    {
        var caller = context.Connection.RemoteIpAddress?.ToString();
        var state = _feed.Current;
        var vnic = state.Network.Vnics.FirstOrDefault(vnic => vnic.Address == caller);
        var machine = state.Machines.FirstOrDefault(machine => machine.Name == vnic?.Name);
        const string root = "/opc/v2/instance";
        var path = (context.Request.Path.Value ?? "").TrimEnd('/');
        if (machine is not null && context.Request.Headers.Authorization == "Bearer Oracle" && path.StartsWith("/opc/v2/", StringComparison.Ordinal)
            && monitoring.Metadata(machine.InstanceId, path["/opc/v2/".Length..]) is { } text)
        {
            await context.Response.WriteAsync(text);
            return;
        }

        // Version 2 answers only to who asks on purpose.
        if (machine is null || !path.StartsWith(root, StringComparison.Ordinal) || context.Request.Headers.Authorization != "Bearer Oracle")
        {
            context.Response.StatusCode = machine is null || path.StartsWith(root, StringComparison.Ordinal) ? StatusCodes.Status403Forbidden
                : StatusCodes.Status404NotFound;
            return;
        }

        var size = machine.Facts.Where(fact => fact.Key.StartsWith(MachineSpec.SizePrefix, StringComparison.Ordinal)).ToDictionary();
        object? answer = new Dictionary<string, object>(machine.Facts.Except(size).Select(fact => KeyValuePair.Create(fact.Key, (object)fact.Value)))
        {
            ["id"] = machine.InstanceId,
            ["hostname"] = machine.Name,
            ["metadata"] = machine.Metadata,
            ["shapeConfig"] = size.ToDictionary(fact => fact.Key[MachineSpec.SizePrefix.Length..], fact => fact.Value),
        };
        foreach (var part in path[root.Length..].Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            answer = answer switch
            {
                Dictionary<string, object> all => all.GetValueOrDefault(part),
                IReadOnlyDictionary<string, string> metadata => metadata.GetValueOrDefault(part),
                _ => null,
            };
        }

        if (answer is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        await context.Response.WriteAsync(answer as string ?? JsonSerializer.Serialize(answer));
    }

    internal static async Task SendAsync(HttpContext context, string file)
    {
        var info = new FileInfo(file);
        context.Response.ContentLength = info.Length;
        context.Response.Headers.LastModified = info.LastWriteTimeUtc.ToString("R", CultureInfo.InvariantCulture);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.SendFileAsync(file);
        }
    }
}
