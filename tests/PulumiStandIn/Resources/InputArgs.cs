// Argument classes: their [Input] members become the resource's inputs.

using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Reflection;

namespace Pulumi;

public abstract class InputArgs
{
    private static readonly ConcurrentDictionary<Type, ImmutableArray<(InputAttribute Input, MemberInfo Member)>> Members = new();

    private protected InputArgs()
    {
    }

    /// <summary>The inputs under their wire names; null for those not given.</summary>
    /// <exception cref="ArgumentNullException">A required input was not given.</exception>
    internal ImmutableDictionary<string, object?> ToDictionary()
    {
        ImmutableDictionary<string, object?>.Builder inputs = ImmutableDictionary.CreateBuilder<string, object?>();
        foreach ((InputAttribute input, MemberInfo member) in Members.GetOrAdd(GetType(), FindMembers))
        {
            object? value = member is FieldInfo field ? field.GetValue(this) : ((PropertyInfo)member).GetValue(this);
            if (value is null && input.IsRequired)
            {
                throw new ArgumentNullException(
                    member.Name, $"[Input] {GetType().FullName}.{member.Name} is required but was not given a value");
            }

            inputs.Add(input.Name, value);
        }

        return inputs.ToImmutable();
    }

    private static ImmutableArray<(InputAttribute, MemberInfo)> FindMembers(Type type)
    {
        const BindingFlags All = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;
        return
        [
            .. from member in type.GetFields(All).Concat<MemberInfo>(type.GetProperties(All))
               let input = member.GetCustomAttribute<InputAttribute>()
               where input is not null
               select (input, member),
        ];
    }
}

public abstract class ResourceArgs : InputArgs
{
    public static readonly ResourceArgs Empty = new NoArgs();

    private sealed class NoArgs : ResourceArgs;
}

public abstract class InvokeArgs : InputArgs
{
    public static readonly InvokeArgs Empty = new NoArgs();

    private sealed class NoArgs : InvokeArgs;
}
