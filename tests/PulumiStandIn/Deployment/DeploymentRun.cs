// One run: registers resources as soon as their inputs and dependencies are there, and ends with the first failure.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using Pulumi.Serialization;
using Pulumi.Testing;

namespace Pulumi;

public sealed partial class Deployment
{
    /// <summary>Exit code of a program that has said what is wrong.</summary>
    private const int ExitCodeOfFailedRun = 32;

    private readonly DeploymentInstance _instance;
    private readonly MockedEngine _mocks;
    private Stack? _stack;

    private Deployment(IMocks mocks, TestOptions? options)
    {
        _instance = new DeploymentInstance(this, options);
        _mocks = new MockedEngine(mocks, _instance);
        Config = ReadConfig(Environment.GetEnvironmentVariable("PULUMI_CONFIG"));
    }

    /// <summary>Configuration values by full key.</summary>
    internal ImmutableDictionary<string, string> Config { get; }

    /// <summary>What the run waits for.</summary>
    internal RunningTasks Tasks { get; } = new();

    /// <summary>Errors logged; they fail the run when it ends.</summary>
    internal ConcurrentQueue<string> Errors { get; } = new();

    internal Stack Stack
    {
        get => _stack ?? throw new InvalidOperationException("Trying to acquire Deployment.Stack before 'Run' was called.");
        set => _stack = value;
    }

    /// <summary>Begins the registration of a resource.</summary>
    internal void Register(Resource resource, ResourceArgs args, ResourceOptions options, ResourceOutputs outputs)
    {
        Tasks.Add(CompleteAsync());
        async Task CompleteAsync()
        {
            try
            {
                Registered registered = await RegisterAsync(resource, args, options);
                outputs.Resolve(registered.Urn, registered.Id, registered.State);
                outputs.ResolveRest(_instance.IsDryRun);
            }
            catch (Exception e)
            {
                outputs.Fail(e);
                throw;
            }
        }
    }

    /// <summary>Hands the outputs of a component or of the stack to the mocks, when they are there.</summary>
    internal void RegisterOutputs(Resource resource, Output<IDictionary<string, object?>> outputs)
    {
        Tasks.Add(CompleteAsync());
        async Task CompleteAsync()
        {
            string urn = (await resource.Urn.Data).Value;
            ImmutableDictionary<string, object?> tree = await BuildAsync(new PropertyTree(), "outputs", (await outputs.Data).Value);
            await _mocks.RegisterOutputsAsync(urn, tree);
        }
    }

    /// <summary>Calls a look-up; unknown when an argument is, or when a resource it depends on is not there yet.</summary>
    internal async Task<OutputData<T>> InvokeAsync<T>(string token, InvokeArgs args, InvokeOptions? options)
    {
        var unknown = new OutputData<T>(default!, IsKnown: false, IsSecret: false, []);
        var tree = new PropertyTree();
        ImmutableDictionary<string, object?> arguments;
        try
        {
            arguments = await BuildAsync(tree, $"invoke:{token}", args.ToDictionary());
        }
        catch (Exception e)
        {
            Errors.Enqueue($"Error serializing arguments for invoke {token}: {e}");
            throw;
        }

        if (!PropertyTree.Read(arguments).IsKnown)
        {
            return unknown;
        }

        ImmutableArray<Resource> dependencies = await ResolveAsync((options as InvokeOutputOptions)?.DependsOn);
        foreach (CustomResource resource in tree.Origins.Concat(dependencies).SelectMany(r => r.CustomResources()))
        {
            if (!(await resource.Id.Data).IsKnown)
            {
                return unknown;
            }
        }

        OutputData<object?> answer = PropertyTree.Read(await _mocks.CallAsync(token, arguments));
        return new(
            (T)TypedValue.Convert(answer.Value, typeof(T))!, answer.IsKnown, answer.IsSecret, [.. tree.Origins, .. dependencies]);
    }

    private async Task RunAsync(Func<Stack> createStack)
    {
        IReadOnlyCollection<Exception> failures;
        try
        {
            createStack().RegisterStackOutputs();
            failures = await Tasks.EndAsync();
        }
        catch (Exception e)
        {
            failures = [e];
        }

        foreach (Exception failure in failures)
        {
            Environment.ExitCode = ExitCodeOfFailedRun;
            Errors.Enqueue(failure switch
            {
                RunException or ResourceException { HideStack: true } => failure.Message,
                ResourceException => failure.ToString(),
                _ => $"Running program '{Assembly.GetEntryAssembly()?.Location}' failed with an unhandled exception:\n{failure}",
            });
        }
    }

    private async Task<Registered> RegisterAsync(Resource resource, ResourceArgs args, ResourceOptions options)
    {
        string type = resource.GetResourceType();
        string name = resource.GetResourceName();
        if (options.DeletedWith is not null)
        {
            await options.DeletedWith.Urn.Data;
        }

        ImmutableArray<Resource> dependencies = await ResolveAsync(options.DependsOn);
        var tree = new PropertyTree();
        ImmutableDictionary<string, object?> inputs = await BuildAsync(tree, $"resource:{name}[{type}]", args.ToDictionary());
        Resource? parent = type == Stack.TypeToken ? null : options.Parent ?? Stack;
        string? parentUrn = parent is null ? null : (await parent.Urn.Data).Value;
        foreach (CustomResource dependency in dependencies.Concat(tree.Origins).SelectMany(r => r.CustomResources()).Distinct())
        {
            await dependency.Urn.Data;
        }

        OutputData<string>? id = options.Id is null ? null : await options.Id.ToOutput().Data;
        return id is { IsKnown: true, Value.Length: > 0 }
            ? await _mocks.ReadAsync(resource, parentUrn, inputs, id.Value.Value)
            : await _mocks.RegisterAsync(resource, parentUrn, inputs, (options as CustomResourceOptions)?.ImportId ?? "");
    }

    private static async Task<ImmutableArray<Resource>> ResolveAsync(InputList<Resource>? resources)
    {
        if (resources is null)
        {
            return [];
        }

        OutputData<ImmutableArray<Resource>> data = await resources.ToOutput().Data;
        return data.IsKnown ? data.Value : [];
    }

    /// <summary>The tree of each property; those without a value are left out.</summary>
    private static async Task<ImmutableDictionary<string, object?>> BuildAsync(
        PropertyTree tree, string place, IDictionary<string, object?> properties)
    {
        ImmutableDictionary<string, object?>.Builder built = ImmutableDictionary.CreateBuilder<string, object?>();
        foreach ((string name, object? property) in properties)
        {
            try
            {
                if (await tree.BuildAsync($"{place}.{name}", property) is { } value)
                {
                    built.Add(name, value);
                }
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"error serializing property \"{name}\": {e.Message}", e);
            }
        }

        return built.ToImmutable();
    }

    /// <summary>Values of the environment variable; a key may be written project:config:key, too.</summary>
    private static ImmutableDictionary<string, string> ReadConfig(string? json)
    {
        if (json is null)
        {
            return ImmutableDictionary<string, string>.Empty;
        }

        using var document = JsonDocument.Parse(json);
        return document.RootElement.EnumerateObject().ToImmutableDictionary(
            value => value.Name.Split(':', 2) is [{ Length: > 0 } project, var key] && key.StartsWith("config:", StringComparison.Ordinal)
                ? $"{project}:{key["config:".Length..]}"
                : value.Name,
            value => value.Value.ToString());
    }
}
