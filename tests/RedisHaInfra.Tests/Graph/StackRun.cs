// Runs the whole stack against the recording cloud, with a configuration as `pulumi up` would pass it.

using System.Collections.Immutable;
using System.Text.Json;
using Pulumi;
using Pulumi.Testing;
using Pulumi.Utilities;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

/// <summary>The stack, with every resource's options noted.</summary>
public sealed class ObservedDeployment : RedisHaStack
{
    public ObservedDeployment()
        : base([Note])
    {
    }

    /// <summary>Options by resource type and name. One run at a time, as Pulumi's tests require.</summary>
    public static Dictionary<(string Type, string Name), ResourceOptions> Options { get; } = [];

    /// <summary>Arguments by resource type and name.</summary>
    public static Dictionary<(string Type, string Name), ResourceArgs> Args { get; } = [];

    private static ResourceTransformationResult? Note(ResourceTransformationArgs args)
    {
        lock (Options)
        {
            Options[(args.Resource.GetResourceType(), args.Resource.GetResourceName())] = args.Options;
            Args[(args.Resource.GetResourceType(), args.Resource.GetResourceName())] = args.Args;
        }
        return null;
    }
}

/// <summary>One run of the stack.</summary>
public sealed class StackRun
{
    private StackRun(RecordedCloud cloud, ImmutableArray<Resource> resources)
    {
        Cloud = cloud;
        Stack = resources.OfType<RedisHaStack>().Single();
        Options = new(ObservedDeployment.Options);
        Args = new(ObservedDeployment.Args);
        Resources = resources;
    }

    public RecordedCloud Cloud { get; }

    public RedisHaStack Stack { get; }

    public ImmutableArray<Resource> Resources { get; }

    public Dictionary<(string Type, string Name), ResourceOptions> Options { get; }

    public Dictionary<(string Type, string Name), ResourceArgs> Args { get; }

    /// <summary>Runs the stack.</summary>
    /// <param name="settings">Settings besides the required ones; null takes one away.</param>
    /// <param name="cloud">The cloud.</param>
    public static async Task<StackRun> Of(Dictionary<string, string?>? settings = null, RecordedCloud? cloud = null)
    {
        cloud ??= new RecordedCloud();
        ImmutableArray<Resource> resources = await Run(settings, cloud);
        return new StackRun(cloud, resources);
    }

    /// <summary>Runs the stack again, over what this run made.</summary>
    /// <param name="settings">Settings besides the required ones; null takes one away.</param>
    /// <param name="newestImage">The newest image's version.</param>
    public async Task<StackRun> Again(Dictionary<string, string?>? settings = null, string newestImage = "2026") => await Of(settings, await Next(newestImage));

    /// <summary>Runs the stack again after `pulumi refresh`, which found each resource as this says.</summary>
    /// <param name="settings">Settings besides the required ones.</param>
    /// <param name="found">What became of a resource meanwhile.</param>
    public async Task<StackRun> Again(Dictionary<string, string?> settings, Func<RecordedResource, RecordedResource> found) =>
        await Of(settings, await Next(before: Cloud.Refreshed(found)));

    /// <summary>The cloud of a further run.</summary>
    public async Task<RecordedCloud> Next(string newestImage = "2026", RecordedCloud? before = null) => new()
    {
        Before = before ?? Cloud,
        NewestImage = newestImage,
        LastOutputs = new Dictionary<string, object>
        {
            ["builtWith"] = (await OutputUtilities.GetValueAsync(Stack.BuiltWith))
            .ToImmutableDictionary(pair => pair.Key, pair => (object)pair.Value)
        },
    };

    /// <summary>Runs the stack and hands back what it ended with.</summary>
    public static async Task<ImmutableArray<Resource>> Run(Dictionary<string, string?>? settings, RecordedCloud cloud)
    {
        Dictionary<string, string> all = GoodSettings.With(settings ?? []);
        all.TryAdd("proxyBundlePath", GoodSettings.BundlePath);
        ObservedDeployment.Options.Clear();
        ObservedDeployment.Args.Clear();
        Environment.SetEnvironmentVariable("PULUMI_CONFIG", JsonSerializer.Serialize(all.ToDictionary(pair => $"redis-ha:{pair.Key}", pair => pair.Value)));
        Environment.SetEnvironmentVariable("PULUMI_CONFIG_SECRET_KEYS",
            JsonSerializer.Serialize(GoodSettings.SecretKeys.Select(key => $"redis-ha:{key}")));
        // The tester's own agent is no part of the program.
        string? agent = Environment.GetEnvironmentVariable("SSH_AUTH_SOCK");
        Environment.SetEnvironmentVariable("SSH_AUTH_SOCK", cloud.SshAgent);
        try
        {
            return await Deployment.TestAsync<ObservedDeployment>(
                cloud, new TestOptions { ProjectName = "redis-ha", StackName = "test", IsPreview = cloud.IsPreview });
        }
        finally
        {
            Environment.SetEnvironmentVariable("SSH_AUTH_SOCK", agent);
            Environment.SetEnvironmentVariable("PULUMI_CONFIG", null);
            Environment.SetEnvironmentVariable("PULUMI_CONFIG_SECRET_KEYS", null);
        }
    }
}

/// <summary>Pulumi runs one deployment at a time in a process.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class PulumiRuns : ICollectionFixture<DefaultDeployment>
{
    public const string Name = "Pulumi";
}

/// <summary>The stack with nothing but the required settings, run once for all tests.</summary>
public sealed class DefaultDeployment : IAsyncLifetime
{
    public StackRun Run { get; private set; } = null!;

    public async Task InitializeAsync() => Run = await StackRun.Of();

    public Task DisposeAsync() => Task.CompletedTask;
}
