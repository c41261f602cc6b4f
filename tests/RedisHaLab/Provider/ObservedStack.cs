// The stack with its resources' options noted: a mock sees inputs only, and the engine acts on options too.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using Pulumi;
using RedisHaInfra;

namespace RedisHaLab.Provider;

/// <summary>The program's stack, observed. One run at a time in a process, as the SDK has it.</summary>
internal sealed class ObservedStack : RedisHaStack
{
    private static readonly ConcurrentDictionary<(string Type, string Name), ImmutableArray<string>> Ignored = new();

    public ObservedStack()
        : base([Note])
    {
    }

    /// <summary>Paths of the inputs whose changes the program ignores.</summary>
    public static ImmutableArray<string> IgnoredChanges(string type, string name) => Ignored.GetValueOrDefault((type, name), []);

    private static ResourceTransformationResult? Note(ResourceTransformationArgs args)
    {
        Ignored[(args.Resource.GetResourceType(), args.Resource.GetResourceName())] = [.. args.Options.IgnoreChanges];
        return null;
    }
}
