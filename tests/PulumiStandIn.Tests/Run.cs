// One run of a program in a test.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Testing;

namespace PulumiStandIn.Tests;

internal static class Run
{
    /// <summary>Runs the program against the mocks, as an update.</summary>
    public static Task<ImmutableArray<Resource>> UpdateAsync(IMocks mocks, Action program) =>
        Deployment.TestAsync(mocks, new TestOptions { IsPreview = false }, program);

    /// <summary>Runs the program against the mocks, as a preview.</summary>
    public static Task<ImmutableArray<Resource>> PreviewAsync(IMocks mocks, Action program) =>
        Deployment.TestAsync(mocks, new TestOptions { IsPreview = true }, program);
}

/// <summary>A component without anything of its own.</summary>
internal sealed class Group(string name, ComponentResourceOptions? options = null) : ComponentResource("test:index:Group", name, options)
{
    public void Publish(IDictionary<string, object?> outputs) => RegisterOutputs(outputs);
}
