// What an output resolves to.

using System.Collections.Immutable;

namespace Pulumi;

/// <summary>A resolved output: its value, whether that is known, whether it is secret, and the resources it came from.</summary>
internal readonly record struct OutputData<T>(T Value, bool IsKnown, bool IsSecret, ImmutableHashSet<Resource> Resources)
{
    public OutputData(T value) : this(value, IsKnown: true, IsSecret: false, [])
    {
    }

    /// <summary>The same circumstances around another value, together with those of <paramref name="inner"/>.</summary>
    public OutputData<TResult> Then<TResult>(OutputData<TResult> inner) => new(
        inner.Value, IsKnown && inner.IsKnown, IsSecret || inner.IsSecret, Resources.Union(inner.Resources));
}

/// <summary>An output of whatever type.</summary>
internal interface IOutput
{
    Task<OutputData<object?>> ResolveAsync();
}

/// <summary>An input of whatever type.</summary>
internal interface IInput
{
    IOutput ToOutput();
}
