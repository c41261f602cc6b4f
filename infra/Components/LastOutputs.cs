// The outputs that the stack's last successful run ended with: what exists already.

using System.Collections.Immutable;
using Pulumi;

namespace RedisHaInfra.Components;

/// <summary>Reads them.</summary>
public static class LastOutputs
{
    // The engine's own function behind StackReference (pulumi, pkg/resource/deploy/builtins.go): of the function nothing stays in the
    // stack, while a reference would be one more resource.
    private const string ReadStackOutputs = "pulumi:pulumi:readStackOutputs";

    /// <summary>The last value of an output that is a table of text; empty for a new stack, and when it cannot be read.</summary>
    public static async Task<ImmutableDictionary<string, string>> TableAsync(string output)
    {
        DeploymentInstance run = Deployment.Instance;
        // Stacks in a folder or bucket that has the layout of before 2023 are known by their own name only.
        string[] names = [$"{run.OrganizationName}/{run.ProjectName}/{run.StackName}", run.StackName];
        string problem = string.Empty;
        foreach (string name in names)
        {
            try
            {
                var which = new Arguments { Name = name };
                return Table(await run.InvokeAsync<ImmutableDictionary<string, object>>(ReadStackOutputs, which).ConfigureAwait(false), output);
            }
            catch (Exception error) when (error is not OutOfMemoryException)
            {
                problem = error.Message;
            }
        }
        Log.Warn($"The stack's last outputs cannot be read ({problem}), so settings that must not change are not compared with what was built.");
        return ImmutableDictionary<string, string>.Empty;
    }

    private static ImmutableDictionary<string, string> Table(ImmutableDictionary<string, object> answer, string output) =>
        answer.GetValueOrDefault("outputs") is IReadOnlyDictionary<string, object?> outputs
        && outputs.GetValueOrDefault(output) is IReadOnlyDictionary<string, object?> table
            ? table.Where(pair => pair.Value is string).ToImmutableDictionary(pair => pair.Key, pair => (string)pair.Value!)
            : ImmutableDictionary<string, string>.Empty;

    private sealed class Arguments : InvokeArgs
    {
        [Input("name", required: true)]
        public string Name { get; set; } = null!;
    }
}
