// Typed values out of the plain values that a provider, or a mock, answers with.

using System.Collections.Immutable;
using System.Reflection;

namespace Pulumi.Serialization;

/// <summary>Conversion to the types of output properties. What does not fit becomes the type's default, as in the real SDK (which warns).</summary>
internal static class TypedValue
{
    private static readonly MethodInfo ToListMethod = Method(nameof(ToList));
    private static readonly MethodInfo ToMapMethod = Method(nameof(ToMap));

    public static object? Convert(object? value, Type type)
    {
        if (value is null)
        {
            return type.IsValueType ? Activator.CreateInstance(type) : null;
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Convert(value, underlying);
        }

        if (type == typeof(int))
        {
            return value is double number ? (int)number : null;
        }

        if (type.IsDefined(typeof(EnumTypeAttribute)))
        {
            return value is string ? Activator.CreateInstance(type, BindingFlags.Instance | BindingFlags.NonPublic, null, [value], null) : null;
        }

        if (type.IsConstructedGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableArray<>))
        {
            return value is ImmutableArray<object?> ? ToListMethod.MakeGenericMethod(type.GenericTypeArguments).Invoke(null, [value]) : null;
        }

        if (type.IsConstructedGenericType && type.GetGenericTypeDefinition() == typeof(ImmutableDictionary<,>))
        {
            return value is ImmutableDictionary<string, object?>
                ? ToMapMethod.MakeGenericMethod(type.GenericTypeArguments[1]).Invoke(null, [value])
                : null;
        }

        if (type.IsDefined(typeof(OutputTypeAttribute)))
        {
            return value is ImmutableDictionary<string, object?> fields ? Construct(type, fields) : null;
        }

        return type.IsInstanceOfType(value) ? value : null;
    }

    private static object Construct(Type type, ImmutableDictionary<string, object?> fields)
    {
        ConstructorInfo constructor = type
            .GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Single(c => c.IsDefined(typeof(OutputConstructorAttribute)));
        return constructor.Invoke(
            [.. constructor.GetParameters().Select(p => Convert(fields.GetValueOrDefault(p.Name!), p.ParameterType))]);
    }

    private static ImmutableArray<T> ToList<T>(ImmutableArray<object?> values) => [.. values.Select(Element<T>)];

    private static ImmutableDictionary<string, T> ToMap<T>(ImmutableDictionary<string, object?> values) =>
        values.ToImmutableDictionary(entry => entry.Key, entry => Element<T>(entry.Value));

    private static T Element<T>(object? value) => Convert(value, typeof(T)) is T element ? element : default!;

    private static MethodInfo Method(string name) =>
        typeof(TypedValue).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!;
}
