// Mocks that remember what they were asked, and answer as the test says.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using Pulumi.Testing;

namespace PulumiStandIn.Tests;

/// <summary>Mocks for the tests: by default a resource's id is its name with "-id", and its state its inputs.</summary>
internal sealed class RecordingMocks : IMocks
{
    public Func<MockResourceArgs, Task<(string? Id, object State)>> Create { get; init; } =
        args => Task.FromResult<(string?, object)>((args.Name + "-id", args.Inputs));

    public Func<MockCallArgs, Task<object>> Call { get; init; } = args => Task.FromResult<object>(args.Args);

    public ConcurrentQueue<MockResourceArgs> Created { get; } = new();

    public ConcurrentQueue<MockCallArgs> Called { get; } = new();

    public ConcurrentQueue<MockRegisterResourceOutputsRequest> Outputs { get; } = new();

    public IEnumerable<string?> CreatedNames => Created.Select(c => c.Name);

    public async Task<(string? id, object state)> NewResourceAsync(MockResourceArgs args)
    {
        Created.Enqueue(args);
        return await Create(args);
    }

    public Task<object> CallAsync(MockCallArgs args)
    {
        Called.Enqueue(args);
        return Call(args);
    }

    public Task RegisterResourceOutputs(MockRegisterResourceOutputsRequest args)
    {
        Outputs.Enqueue(args);
        return Task.CompletedTask;
    }

    /// <summary>A state of the given properties.</summary>
    public static ImmutableDictionary<string, object> State(params (string Name, object Value)[] properties) =>
        properties.ToImmutableDictionary(p => p.Name, p => p.Value);

    /// <summary>Inputs of the resource of that name.</summary>
    public ImmutableDictionary<string, object> InputsOf(string name) => Created.Single(c => c.Name == name).Inputs;
}
