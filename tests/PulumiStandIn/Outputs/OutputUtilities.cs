// What tests and the lab ask of an output: its value, whether it is known, where it came from.

using System.Collections.Immutable;

namespace Pulumi.Utilities;

public static class OutputUtilities
{
    public static Output<T> CreateUnknown<T>(T value) =>
        new(Task.FromResult(new OutputData<T>(value, IsKnown: false, IsSecret: false, [])));

    public static Output<T> WithDependency<T>(Output<T> output, Resource resource) =>
        output.With(data => data with { Resources = data.Resources.Add(resource) });

    public static async Task<bool> GetIsKnownAsync<T>(Output<T> output) => (await output.Data).IsKnown;

    /// <summary>The value; the type's default when it is unknown.</summary>
    public static async Task<T> GetValueAsync<T>(Output<T> output)
    {
        OutputData<T> data = await output.Data;
        return data.IsKnown ? data.Value : default!;
    }

    public static async Task<ImmutableHashSet<Resource>> GetDependenciesAsync<T>(Output<T> output) => (await output.Data).Resources;
}
