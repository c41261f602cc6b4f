// A run that is told to make a part only, with --target, gets nothing of the rest: where the rest does not exist yet, its outputs are
// missing. This is where the program notices, before somebody stumbles over an empty address.

using Pulumi;
using Pulumi.Utilities;

namespace RedisHaInfra.Components;

/// <summary>Outputs that must be there.</summary>
internal static class Partial
{
    private const string Message = "--target needs a stack that is complete: what it leaves out does not exist yet. Run `pulumi up` without it first.";

    /// <summary>The output, or the end of the run when the resource was left out.</summary>
    public static Output<string> Required(Output<string> output) =>
        output.Apply(value => string.IsNullOrEmpty(value) ? throw new RunException(Message) : value);

    /// <summary>
    /// Ends the first run of a stack, when it is partial, before most of it is registered: by one message. Waits for the outputs,
    /// which are among the first to be made; in a preview they are not known, and there is nothing to wait for.
    /// </summary>
    /// <exception cref="RunException">The outputs were left out.</exception>
    public static void RefuseFirst<T>(Output<T> outputs)
    {
        if (!Deployment.Instance.IsDryRun)
        {
            // A constructor cannot await.
            Task.Run(() => OutputUtilities.GetValueAsync(outputs)).GetAwaiter().GetResult();
        }
    }
}
