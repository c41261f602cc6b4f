// One step of an update: what engine and provider make of a registration, given what the last run registered.

using System.Collections.Immutable;

namespace RedisHaCloud;

/// <summary>What is going to happen to a resource.</summary>
public sealed record ResourceStep
{
    private const string AvoidDowntime = "AVOID_DOWNTIME";

    /// <summary>Whether the resource is new.</summary>
    public bool IsNew { get; private init; }

    /// <summary>The inputs that reach the provider: with the old values of what the program ignores, unless the resource is made again.</summary>
    public required ImmutableDictionary<string, object> Inputs { get; init; }

    /// <summary>What differs from the last run.</summary>
    public ImmutableArray<Change> Changes { get; private init; } = [];

    /// <summary>What the changes do together; null when nothing changes.</summary>
    public Effect? Effect { get; private init; }

    /// <summary>The provider's or OCI's error; null when it accepts the step.</summary>
    public string? Error { get; private init; }

    /// <summary>Plans a step.</summary>
    /// <param name="type">Pulumi's type.</param>
    /// <param name="old">Inputs that the last run ended with; null when the resource is new.</param>
    /// <param name="now">Inputs as the program registers them.</param>
    /// <param name="ignored">The resource's ignoreChanges.</param>
    public static ResourceStep Plan(
        string type, ImmutableDictionary<string, object>? old, ImmutableDictionary<string, object> now, IEnumerable<string> ignored)
    {
        if (old is null)
        {
            return new ResourceStep { IsNew = true, Inputs = now, Error = Check(type, now) };
        }
        ImmutableDictionary<string, object> inputs = PropertyPaths.Restore(old, now, ignored);
        if (Check(type, inputs) is { } problem)
        {
            return new ResourceStep { Inputs = inputs, Error = problem };
        }
        ImmutableArray<Change> changes = PropertyPaths.Changes(old, inputs);
        if (changes.IsEmpty)
        {
            return new ResourceStep { Inputs = inputs };
        }
        Row row = changes
            .Select(change => ProviderTable.For(type, change.Path, change.Old, change.New) ?? new Row(type, change.Path, RedisHaCloud.Effect.InPlace))
            .MaxBy(found => found.Effect)!;
        Effect effect = row.Effect;
        if (effect == RedisHaCloud.Effect.None)
        {
            return new ResourceStep { Inputs = inputs };
        }
        string? refusal = effect switch
        {
            RedisHaCloud.Effect.Refused => $"400-InvalidParameter: {row.Why} ({row.Path}).",
            RedisHaCloud.Effect.Reboot when inputs.GetValueOrDefault("updateOperationConstraint") as string == AvoidDowntime =>
                $"409-Conflict: the change of {row.Path} needs a reboot, and updateOperationConstraint is {AvoidDowntime}.",
            _ => null,
        };
        return new ResourceStep
        {
            // The successor is checked again, with what the program itself says: new user data, the newest image.
            Inputs = effect == RedisHaCloud.Effect.Replace ? now : inputs,
            Changes = changes,
            Effect = effect,
            Error = refusal ?? (effect == RedisHaCloud.Effect.Replace ? Check(type, now) : null),
        };
    }

    // The one check of the provider that looks at this machine: an object's file is asked for its time (objectstorage_object_resource.go).
    private static string? Check(string type, ImmutableDictionary<string, object> inputs) =>
        type == ProviderTable.StorageObject && inputs.GetValueOrDefault("source") is string source && !File.Exists(source)
            ? $"source: the file '{source}' cannot be read: no such file."
            : null;
}
