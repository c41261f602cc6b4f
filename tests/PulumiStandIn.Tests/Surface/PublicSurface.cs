// The public surface of an assembly as text: one line a member, with types, nullability and wire names.

using System.Reflection;

namespace PulumiStandIn.Tests.Surface;

/// <summary>Describes the members of types in a form that can be compared between assemblies.</summary>
internal static class PublicSurface
{
    private const BindingFlags Declared =
        BindingFlags.DeclaredOnly | BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Lines for everything that a user of the type can see, and for the inputs, which are private fields at times.</summary>
    public static IEnumerable<string> Describe(Type type)
    {
        yield return $"{type.FullName}: {Kind(type)} of {Name(type.BaseType)}";
        var nullability = new NullabilityInfoContext();
        foreach (MemberInfo member in type.GetMembers(Declared))
        {
            string? line = member switch
            {
                ConstructorInfo c when Visible(c) && !c.IsStatic => $"new({Parameters(c, nullability)})",
                MethodInfo m when Visible(m) && !IsAccessor(m) =>
                    $"{Static(m)}{Type(nullability.Create(m.ReturnParameter))} {m.Name}{Generics(m)}({Parameters(m, nullability)})",
                PropertyInfo p when p.GetAccessors(nonPublic: true).Any(Visible) =>
                    $"{Static(p.GetAccessors(nonPublic: true)[0])}{Type(nullability.Create(p))} {p.Name} "
                        + $"{Accessor(p.GetMethod, "get")}{Accessor(p.SetMethod, "set")}",
                FieldInfo f when f.IsPublic && !f.IsSpecialName =>
                    $"{(f.IsStatic ? "static " : "")}{(f.IsInitOnly ? "readonly " : "")}{Type(nullability.Create(f))} {f.Name}",
                _ => null,
            };
            if (line is not null)
            {
                yield return $"{type.FullName}: {line}";
            }

            if (WireName(member) is { } wire)
            {
                yield return $"{type.FullName}: {wire}";
            }
        }
    }

    private static string? WireName(MemberInfo member)
    {
        foreach (CustomAttributeData attribute in member.GetCustomAttributesData())
        {
            object?[] values = [.. attribute.ConstructorArguments.Select(a => a.Value)];
            switch (attribute.AttributeType.FullName)
            {
                case "Pulumi.InputAttribute":
                    return $"{member.Name} is input {values[0]}{(values[1] is true ? ", required" : "")}";
                case "Pulumi.OutputAttribute":
                    return $"{member.Name} is output {values[0]}";
                default:
                    break;
            }
        }

        return null;
    }

    private static bool Visible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsAccessor(MethodInfo method) => method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static string Accessor(MethodInfo? method, string name) => method is not null && Visible(method) ? name + ";" : "";

    private static string Static(MethodBase method) => method.IsStatic ? "static " : "";

    private static string Kind(Type type) =>
        (type.IsInterface, type.IsValueType, type.IsAbstract, type.IsSealed) switch
        {
            (true, _, _, _) => "interface",
            (_, true, _, _) => "struct",
            (_, _, true, true) => "static class",
            (_, _, true, _) => "abstract class",
            (_, _, _, true) => "sealed class",
            _ => "class",
        };

    private static string Generics(MethodInfo method) => !method.IsGenericMethodDefinition
        ? ""
        : $"<{string.Join(", ", method.GetGenericArguments().Select(Generic))}>";

    private static string Generic(Type argument) => argument.Name + ":" + string.Join("+", argument.GetGenericParameterConstraints().Select(Name))
        + (argument.GenericParameterAttributes & GenericParameterAttributes.SpecialConstraintMask);

    private static string Parameters(MethodBase method, NullabilityInfoContext nullability) =>
        string.Join(", ",
            method.GetParameters().Select(p => $"{Type(nullability.Create(p))} {p.Name}{(p.IsOptional ? " = " + (p.DefaultValue ?? "null") : "")}"));

    private static string Type(NullabilityInfo info)
    {
        string arguments = info.GenericTypeArguments.Length > 0
            ? $"<{string.Join(", ", info.GenericTypeArguments.Select(Type))}>"
            : info.ElementType is { } element ? $"<{Type(element)}>" : "";
        string name = info.Type.IsArray ? "array" : info.Type.IsGenericType ? info.Type.GetGenericTypeDefinition().FullName! : Name(info.Type);
        return name + arguments + (info.ReadState == NullabilityState.Nullable || info.WriteState == NullabilityState.Nullable ? "?" : "");
    }

    private static string Name(Type? type) => type switch
    {
        null => "nothing",
        { IsGenericParameter: true } => type.Name,
        { IsGenericType: true } => $"{type.GetGenericTypeDefinition().FullName}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>",
        _ => type.FullName ?? type.Name,
    };
}
