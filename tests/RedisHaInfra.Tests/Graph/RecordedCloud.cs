// A cloud that gives every resource what it asks for and writes down what it was asked: in what order, with which inputs.

using System.Collections.Immutable;
using Pulumi.Testing;
using RedisHaCloud;

namespace RedisHaInfra.Tests.Graph;

/// <summary>A resource as the provider would have seen it.</summary>
public sealed record RecordedResource(string Type, string Name, ImmutableDictionary<string, object> Inputs)
{
    /// <summary>The cloud's id.</summary>
    public string Id { get; init; } = $"{Name}-id";

    /// <summary>What this run does to it.</summary>
    public ResourceStep? Step { get; init; }

    /// <summary>An input by its path, such as "createVnicDetails.nsgIds.0"; null when there is none.</summary>
    public object? this[string path] => path.Split('.').Aggregate<string, object?>(Inputs, (value, step) => value switch
    {
        ImmutableDictionary<string, object> map => map.GetValueOrDefault(step),
        ImmutableArray<object> list => list[int.Parse(step, System.Globalization.CultureInfo.InvariantCulture)],
        _ => null,
    });

    /// <summary>A textual input by its path.</summary>
    public string Text(string path) => Assert.IsType<string>(this[path]);
}

/// <summary>The recording provider.</summary>
public sealed class RecordedCloud : IMocks
{
    private readonly List<RecordedResource> _resources = [];
    private readonly List<MockCallArgs> _calls = [];

    /// <summary>Names of the region's availability domains, in the order in which it lists them.</summary>
    public IReadOnlyList<string> AvailabilityDomains { get; init; } = ["lab:AD-1", "lab:AD-2", "lab:AD-3"];

    /// <summary>Resources that fail, by name.</summary>
    public Func<RecordedResource, bool> Fails { get; init; } = _ => false;

    /// <summary>The image that instances report to run; null for the one that they asked for.</summary>
    public string? RunningImage { get; init; }

    /// <summary>The run before, as the engine's state has it; null for a new stack.</summary>
    public RecordedCloud? Before { get; init; }

    /// <summary>What this run does to what was there before, and what it adds: "same" left out.</summary>
    public IReadOnlyList<string> Plan =>
    [
        .. _resources.Where(resource => resource.Step is { IsNew: true } && Before is not null).Select(resource => $"{resource.Name}: create"),
        .. _resources.Where(resource => resource.Step?.Effect is not null)
            .Select(resource => $"{resource.Name}: {resource.Step!.Error ?? $"{resource.Step.Effect}"}"),
        .. (Before?._resources ?? []).Where(old => !_resources.Any(resource => (resource.Type, resource.Name) == (old.Type, old.Name)))
            .Select(old => $"{old.Name}: delete"),
    ];

    /// <summary>The stack's last outputs.</summary>
    public IReadOnlyDictionary<string, object> LastOutputs { get; init; } = new Dictionary<string, object>();

    /// <summary>This cloud before a run, without the stack's last outputs.</summary>
    public RecordedCloud Forgetful() => new() { Before = Before, NewestImage = NewestImage };

    /// <summary>This cloud before a run, with resources that fail.</summary>
    public RecordedCloud Failing(Func<RecordedResource, bool> fails) =>
        new() { Before = Before, NewestImage = NewestImage, LastOutputs = LastOutputs, Fails = fails };

    /// <summary>The state after a refresh, which found each resource as this says.</summary>
    public RecordedCloud Refreshed(Func<RecordedResource, RecordedResource> found)
    {
        var refreshed = new RecordedCloud();
        refreshed._resources.AddRange(_resources.Select(found));
        return refreshed;
    }

    /// <summary>Look-ups that fail, by a part of their token, and the provider's words.</summary>
    public IReadOnlyDictionary<string, string> FailingLookUps { get; init; } = new Dictionary<string, string>();

    /// <summary>Names of images of the compartment's own, newer than all others.</summary>
    public IReadOnlyList<string> OwnImages { get; init; } = [];

    /// <summary>Whether the region has platform images.</summary>
    public bool HasPlatformImages { get; init; } = true;

    /// <summary>The network that exists besides the stack's.</summary>
    public ExistingVcn ExistingVcn { get; init; } = new();

    /// <summary>Whether the cloud makes nothing, as for what --target leaves out in a new stack.</summary>
    public bool LeavesOut { get; init; }

    /// <summary>The newest image's version.</summary>
    public string NewestImage { get; init; } = "2026";

    /// <summary>The SSH agent's socket in the environment of the run; null for none.</summary>
    public string? SshAgent { get; init; }

    /// <summary>Whether outputs that only the cloud knows are left out, as in a preview.</summary>
    public bool IsPreview { get; init; }

    /// <summary>All resources, in the order of registration.</summary>
    public IReadOnlyList<RecordedResource> Resources => _resources;

    /// <summary>All look-ups.</summary>
    public IReadOnlyList<MockCallArgs> Calls => _calls;

    /// <summary>The only resource with this type and name.</summary>
    public RecordedResource One(string type, string name) => _resources.Single(resource => resource.Type == type && resource.Name == name);

    /// <summary>All resources of a type.</summary>
    public IReadOnlyList<RecordedResource> All(string type) => _resources.Where(resource => resource.Type == type).ToList();

    public Task<(string? id, object state)> NewResourceAsync(MockResourceArgs args)
    {
        RecordedResource? old = Before?._resources.SingleOrDefault(known => (known.Type, known.Name) == (args.Type, args.Name));
        IEnumerable<string> ignored = ObservedDeployment.Options.GetValueOrDefault((args.Type!, args.Name!))?.IgnoreChanges ?? [];
        var step = ResourceStep.Plan(args.Type!, old?.Inputs, args.Inputs, ignored);
        var resource = new RecordedResource(args.Type!, args.Name!, step.Inputs) { Step = step };
        resource = old is null ? resource : resource with { Id = step.Effect == Effect.Replace ? $"{old.Id}-next" : old.Id };
        lock (_resources)
        {
            _resources.Add(resource);
        }
        if (Fails(resource))
        {
            throw new InvalidOperationException($"{args.Name} fails, as this test wants");
        }
        if (step.Error is not null)
        {
            throw new InvalidOperationException($"{args.Name}: {step.Error}");
        }
        ImmutableDictionary<string, object> state = step.Inputs;
        if (!IsPreview && !LeavesOut)
        {
            state = args.Type switch
            {
                Types.Instance => Instance(resource, state),
                Types.LoadBalancer => state.SetItem("ipAddresses", new[]
                {
                    new Dictionary<string, object> { ["ipAddress"] = "203.0.113.9", ["isPublic"] = true },
                    new Dictionary<string, object> { ["ipAddress"] = resource.Text("assignedPrivateIpv4"), ["isPublic"] = false },
                }),
                Types.Preauthrequest when !state.ContainsKey("objectName") => state
                    .SetItem("fullPath", $"https://objects.example/p/{Secrets.BackupToken(resource.Name)}/n/ns/b/backups/o/")
                    .SetItem("accessUri", $"/p/{Secrets.BackupToken(resource.Name)}/n/ns/b/backups/o/"),
                Types.Preauthrequest => state
                    .SetItem("fullPath", $"https://objects.example/p/{Secrets.BundleToken}/{resource.Text("objectName")}")
                    .SetItem("accessUri", $"/p/{Secrets.BundleToken}/{resource.Text("objectName")}"),
                Types.Bastion => state.SetItem("privateEndpointIpAddress", "172.31.235.200"),
                Types.Password => state.SetItem("result", Secrets.PasswordOf(resource.Name)),
                Types.Command => state.SetItem("stdout", string.Empty).SetItem("stderr", string.Empty),
                _ => state,
            };
        }
        return Task.FromResult<(string?, object)>((IsPreview ? null : resource.Id, state));
    }

    public Task<object> CallAsync(MockCallArgs args)
    {
        lock (_calls)
        {
            _calls.Add(args);
        }
        if (FailingLookUps.FirstOrDefault(pair => args.Token!.Contains(pair.Key, StringComparison.Ordinal)).Value is { } words)
        {
            throw new InvalidOperationException(words);
        }
        object result = args.Token switch
        {
            "pulumi:pulumi:readStackOutputs" => new Dictionary<string,
                object>
            { ["name"] = args.Args["name"], ["outputs"] = LastOutputs.ToImmutableDictionary() },
            "oci:Identity/getAvailabilityDomains:getAvailabilityDomains" => new Dictionary<string, object>
            {
                ["availabilityDomains"] = AvailabilityDomains.Select(
                    name => new Dictionary<string, object> { ["name"] = name, ["id"] = name, ["compartmentId"] = "root" }).ToArray(),
            },
            "oci:Limits/getResourceAvailability:getResourceAvailability" =>
                new Dictionary<string, object> { ["available"] = "0", ["used"] = "0", ["id"] = "limit" },
            "oci:Core/getServices:getServices" => new Dictionary<string, object>
            {
                ["services"] = new[]
                {
                    new Dictionary<string,
                        object> { ["id"] = "service-objects", ["cidrBlock"] = "oci-fra-objectstorage", ["name"] = "Object Storage", ["description"] = "" },
                    new Dictionary<string, object> { ["id"] = "service-all", ["cidrBlock"] = "all-fra-services-in-oracle-services-network", ["name"] = "All",
                        ["description"] = "" },
                },
            },
            "oci:Core/getVolumeBackupPolicies:getVolumeBackupPolicies" => new Dictionary<string, object>
            {
                ["volumeBackupPolicies"] = new[] { "bronze", "silver", "gold" }
                    .Select(name => new Dictionary<string, object> { ["id"] = $"policy-{name}", ["displayName"] = name }).ToArray(),
            },
            "oci:Core/getImages:getImages" => new Dictionary<string, object>
            {
                ["images"] = OwnImages.Select(name => new Dictionary<string, object>
                {
                    ["id"] = $"ocid1.image.own.{name}",
                    ["displayName"] = name,
                    ["compartmentId"] = args.Args["compartmentId"],
                    ["baseImageId"] = "ocid1.image.base"
                })
                    .Concat((HasPlatformImages ? new[] { "GPU-2026", NewestImage, "2025" } : []).Select(version => new Dictionary<string, object>
                    {
                        ["id"] = $"ocid1.image.{args.Args["operatingSystem"]}.{args.Args["shape"]}.{version}",
                        ["displayName"] = $"{args.Args["operatingSystem"]}-{args.Args["operatingSystemVersion"]}-{version}",
                    })).ToArray(),
            },
            { } token when ExistingVcn.Answer(token, args.Args) is { } answer => answer,
            "oci:ObjectStorage/getNamespace:getNamespace" => new Dictionary<string, object> { ["namespace"] = "namespace" },
            _ => throw new InvalidOperationException($"the program asks {args.Token}, which this cloud does not know"),
        };
        return Task.FromResult(result);
    }

    private ImmutableDictionary<string, object> Instance(RecordedResource resource, ImmutableDictionary<string, object> state)
    {
        if (RunningImage is not null)
        {
            var source = (ImmutableDictionary<string, object>)resource["sourceDetails"]!;
            state = state.SetItem("sourceDetails", source.SetItem("sourceId", RunningImage));
        }
        return state
            .SetItem("privateIp", resource.Text("createVnicDetails.privateIp"))
            .SetItem("publicIp", resource.Text("createVnicDetails.assignPublicIp") == "true" ? "198.51.100.4" : string.Empty);
    }
}

/// <summary>Pulumi's names of the resource types used.</summary>
public static class Types
{
    public const string Vcn = "oci:Core/vcn:Vcn";
    public const string InternetGateway = "oci:Core/internetGateway:InternetGateway";
    public const string NatGateway = "oci:Core/natGateway:NatGateway";
    public const string ServiceGateway = "oci:Core/serviceGateway:ServiceGateway";
    public const string RouteTable = "oci:Core/routeTable:RouteTable";
    public const string SecurityList = "oci:Core/securityList:SecurityList";
    public const string Subnet = "oci:Core/subnet:Subnet";
    public const string Group = "oci:Core/networkSecurityGroup:NetworkSecurityGroup";
    public const string Rule = "oci:Core/networkSecurityGroupSecurityRule:NetworkSecurityGroupSecurityRule";
    public const string Zone = "oci:Dns/zone:Zone";
    public const string Rrset = "oci:Dns/rrset:Rrset";
    public const string Bastion = "oci:Bastion/bastion:Bastion";
    public const string Instance = "oci:Core/instance:Instance";
    public const string LoadBalancer = "oci:NetworkLoadBalancer/networkLoadBalancer:NetworkLoadBalancer";
    public const string BackendSet = "oci:NetworkLoadBalancer/networkLoadBalancersBackendSetsUnified:NetworkLoadBalancersBackendSetsUnified";
    public const string Listener = "oci:NetworkLoadBalancer/listener:Listener";
    public const string Bucket = "oci:ObjectStorage/bucket:Bucket";
    public const string StorageObject = "oci:ObjectStorage/storageObject:StorageObject";
    public const string LifecyclePolicy = "oci:ObjectStorage/objectLifecyclePolicy:ObjectLifecyclePolicy";
    public const string Preauthrequest = "oci:ObjectStorage/preauthrequest:Preauthrequest";
    public const string Password = "random:index/randomPassword:RandomPassword";
    public const string Command = "command:remote:Command";
}

/// <summary>The secrets that this cloud hands out, each recognisable wherever it turns up.</summary>
public static class Secrets
{
    public const string BundleToken = "Tok3nOfTheBundle0123456789";

    public static string BackupToken(string name) => $"Tok3nOf{name}";

    public static string PasswordOf(string name) => $"Passw0rd{name.Replace("-", "", StringComparison.Ordinal)}".PadRight(32, 'x');
}
