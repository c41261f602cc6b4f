// Attributes that say which members of a class are inputs and outputs, and under which name.

namespace Pulumi;

[AttributeUsage(AttributeTargets.Property)]
public sealed class OutputAttribute(string? name = null) : Attribute
{
    public string? Name { get; } = name;
}

[AttributeUsage(AttributeTargets.Field | AttributeTargets.Property)]
public sealed class InputAttribute(string name, bool required = false) : Attribute
{
    internal string Name { get; } = name;

    internal bool IsRequired { get; } = required;
}

[AttributeUsage(AttributeTargets.Class)]
public sealed class OutputTypeAttribute : Attribute;

[AttributeUsage(AttributeTargets.Constructor)]
public sealed class OutputConstructorAttribute : Attribute;

[AttributeUsage(AttributeTargets.Struct)]
public sealed class EnumTypeAttribute : Attribute;
