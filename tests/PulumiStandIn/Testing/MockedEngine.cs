// Pulumi's engine as far as mocks need one: passes registrations on, makes URNs, keeps the list of resources.

using System.Collections.Immutable;
using Pulumi.Serialization;

namespace Pulumi.Testing;

/// <summary>A registered resource.</summary>
internal sealed record Registered(string Urn, string? Id, ImmutableDictionary<string, object?> State);

/// <summary>The engine of one run.</summary>
internal sealed class MockedEngine(IMocks mocks, DeploymentInstance instance)
{
    private readonly Lock _lock = new();
    private readonly List<Resource> _resources = [];

    /// <summary>All resources, in the order of their registration.</summary>
    public ImmutableArray<Resource> Resources
    {
        get
        {
            lock (_lock)
            {
                return [.. _resources];
            }
        }
    }

    public async Task<Registered> RegisterAsync(
        Resource resource, string? parentUrn, ImmutableDictionary<string, object?> inputs, string importId)
    {
        Remember(resource);
        if (resource.GetResourceType() == Stack.TypeToken)
        {
            return new(Urn(resource, parentUrn), null, ImmutableDictionary<string, object?>.Empty);
        }

        (string? id, ImmutableDictionary<string, object?> state) = await CreateAsync(resource, inputs, importId);
        return new(Urn(resource, parentUrn), id ?? importId, state);
    }

    public async Task<Registered> ReadAsync(
        Resource resource, string? parentUrn, ImmutableDictionary<string, object?> inputs, string id)
    {
        (_, ImmutableDictionary<string, object?> state) = await CreateAsync(resource, inputs, id);
        Remember(resource);
        return new(Urn(resource, parentUrn), id, state);
    }

    public async Task<ImmutableDictionary<string, object?>> CallAsync(string token, ImmutableDictionary<string, object?> arguments) =>
        await ToTreeAsync(await mocks.CallAsync(new MockCallArgs { Token = token, Args = Plain(arguments), Provider = "" }));

    public Task RegisterOutputsAsync(string urn, ImmutableDictionary<string, object?> outputs) =>
        mocks.RegisterResourceOutputs(new(urn, outputs.ToImmutableDictionary(
            output => output.Key, output => new Output<object?>(Task.FromResult(PropertyTree.Read(output.Value))))));

    private void Remember(Resource resource)
    {
        lock (_lock)
        {
            _resources.Add(resource);
        }
    }

    private async Task<(string? Id, ImmutableDictionary<string, object?> State)> CreateAsync(
        Resource resource, ImmutableDictionary<string, object?> inputs, string id)
    {
        (string? newId, object state) = await mocks.NewResourceAsync(new MockResourceArgs
        {
            Type = resource.GetResourceType(),
            Name = resource.GetResourceName(),
            Inputs = Plain(inputs),
            Provider = "",
            Id = id,
        });
        return (newId, await ToTreeAsync(state));
    }

    /// <summary>URN of a resource: stack, project, types of the topmost ancestor and of itself, name.</summary>
    private string Urn(Resource resource, string? parentUrn)
    {
        string type = resource.GetResourceType();
        string qualified = string.IsNullOrEmpty(parentUrn) ? type : $"{parentUrn.Split("::")[2].Split('$')[0]}${type}";
        return $"urn:pulumi:{instance.StackName}::{instance.ProjectName}::{qualified}::{resource.GetResourceName()}";
    }

    /// <summary>The properties as a mock sees them.</summary>
    private static ImmutableDictionary<string, object> Plain(ImmutableDictionary<string, object?> tree) =>
        tree.Select(property => (property.Key, Data: PropertyTree.Read(property.Value)))
            .Where(property => property.Data is { IsKnown: true, Value: not null })
            .ToImmutableDictionary(property => property.Key, property => property.Data.Value!);

    private static async Task<ImmutableDictionary<string, object?>> ToTreeAsync(object state) =>
        await new PropertyTree().BuildAsync("", state is IDictionary<string, object> map ? map.ToImmutableDictionary() : state)
            as ImmutableDictionary<string, object?>
        ?? throw new InvalidOperationException($"{state.GetType().FullName} is not a supported argument type");
}
