// What takes the provider's place in a test, and in the lab.

using System.Collections.Immutable;

namespace Pulumi.Testing;

public interface IMocks
{
    /// <summary>Creates a resource: its id and its state by wire names.</summary>
    Task<(string? id, object state)> NewResourceAsync(MockResourceArgs args);

    /// <summary>Answers a look-up, by wire names.</summary>
    Task<object> CallAsync(MockCallArgs args);

    /// <summary>Takes the outputs of a component or of the stack.</summary>
    Task RegisterResourceOutputs(MockRegisterResourceOutputsRequest args) => Task.CompletedTask;
}

public class MockResourceArgs
{
    public string? Type { get; set; }

    public string? Name { get; set; }

    /// <summary>
    /// The inputs by wire names: bool, double, string, ImmutableArray, ImmutableDictionary, assets. Unknown ones are absent, secrets unwrapped.
    /// </summary>
    public ImmutableDictionary<string, object> Inputs { get; set; } = null!;

    public string? Provider { get; set; }

    public string? Id { get; set; }
}

public class MockCallArgs
{
    public string? Token { get; set; }

    public ImmutableDictionary<string, object> Args { get; set; } = null!;

    public string? Provider { get; set; }
}

public class MockRegisterResourceOutputsRequest(string urn, ImmutableDictionary<string, Output<object?>> outputs)
{
    public readonly string Urn = urn;
    public readonly ImmutableDictionary<string, Output<object?>> Outputs = outputs;
}

public class TestOptions
{
    public string? ProjectName { get; set; }

    public string? StackName { get; set; }

    /// <summary>Whether to run as a preview; true when null.</summary>
    public bool? IsPreview { get; set; }

    public string? OrganizationName { get; set; }
}
