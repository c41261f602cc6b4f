// Reads providers.schema: the provider types of the Pulumi stand-in, one short paragraph a type.

using System;
using System.Collections.Generic;
using System.Linq;

namespace PulumiStandIn.Generator;

/// <summary>What a paragraph of the schema declares.</summary>
internal enum DeclarationKind
{
    /// <summary>A resource: its class and its argument class.</summary>
    Resource,

    /// <summary>A look-up: its static class, its argument class and its result class.</summary>
    Function,

    /// <summary>A nested object of a resource: argument class and output class.</summary>
    Type,

    /// <summary>A nested object of a function's result: output class only.</summary>
    Result,

    /// <summary>Named string values.</summary>
    Enum,
}

/// <summary>How a property may be given and read.</summary>
internal enum PropertyRole
{
    /// <summary>A required input, readable as an output.</summary>
    Required,

    /// <summary>An optional input, readable as an output.</summary>
    Optional,

    /// <summary>Only an output.</summary>
    Output,
}

/// <summary>One property: a line's item such as <c>privateKey*: string?</c>.</summary>
internal sealed class Property(PropertyRole role, string wireName, string type, bool secret, bool replaces, string? defaultValue)
{
    public PropertyRole Role { get; } = role;
    public string WireName { get; } = wireName;
    public string Name { get; } = char.ToUpperInvariant(wireName[0]) + wireName.Substring(1);

    /// <summary>Element type without brackets and question mark.</summary>
    public string ElementType { get; } = type.Trim('[', ']', '{', '}', '?');

    public bool IsList { get; } = type[0] == '[';
    public bool IsMap { get; } = type[0] == '{';

    /// <summary>Whether the output may be null.</summary>
    public bool Nullable { get; } = type[type.Length - 1] == '?';

    /// <summary>Whether the value is always a secret.</summary>
    public bool Secret { get; } = secret;

    /// <summary>Whether a change of the value replaces the resource.</summary>
    public bool Replaces { get; } = replaces;

    /// <summary>What the argument class sets it to, as C#; null for nothing.</summary>
    public string? Default { get; } = defaultValue;
}

/// <summary>One paragraph of the schema.</summary>
internal sealed class Declaration(DeclarationKind kind, string package, string module, string name, string token)
{
    public DeclarationKind Kind { get; } = kind;
    public string Package { get; } = package;

    /// <summary>Namespace of the class.</summary>
    public string Namespace { get; } = "Pulumi." + package + (module.Length == 0 ? "" : "." + module);

    public string Name { get; } = name;

    /// <summary>The provider's type token.</summary>
    public string Token { get; } = token;

    public List<Property> Properties { get; } = [];

    /// <summary>An enum's values.</summary>
    public List<string> Values { get; } = [];

    public IEnumerable<Property> Inputs => Properties.Where(p => p.Role != PropertyRole.Output);
}

/// <summary>The schema, parsed.</summary>
internal static class ProviderSchema
{
    /// <summary>Parses the schema's text.</summary>
    /// <exception cref="FormatException">A line breaks the grammar at the head of providers.schema; the message names it.</exception>
    public static List<Declaration> Parse(string text)
    {
        var declarations = new List<Declaration>();
        string role = "";
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string content = line.Trim();
            if (content.Length == 0 || content[0] == '#')
            {
                continue;
            }

            if (line[0] != ' ')
            {
                declarations.Add(ParseHead(content, number));
                role = "";
                continue;
            }

            if (declarations.Count == 0)
            {
                throw Error(number, "a property without a declaration above it");
            }

            // A line indented by two begins with its role; one indented deeper goes on with the role above.
            if (line[2] != ' ')
            {
                int end = content.IndexOf(' ');
                role = content.Substring(0, end < 0 ? content.Length : end);
                content = content.Substring(role.Length).Trim();
            }

            foreach (string item in content.Split([','], StringSplitOptions.RemoveEmptyEntries))
            {
                Add(declarations[declarations.Count - 1], role, item.Trim(), number);
            }
        }

        return declarations;
    }

    private static Declaration ParseHead(string content, int number)
    {
        string[] words = content.Split(' ');
        if (words.Length < 2 || !System.Enum.TryParse(words[0], ignoreCase: true, out DeclarationKind kind))
        {
            throw Error(number, "expected \"resource|function|type|result|enum Package.Module.Name [token]\"");
        }

        string[] names = words[1].Split('.');
        bool needsToken = kind is DeclarationKind.Resource or DeclarationKind.Function;
        if (names.Length is < 2 or > 3 || words.Length != (needsToken ? 3 : 2))
        {
            throw Error(number, "expected Package.Module.Name or Package.Name, and a token for resources and functions only");
        }

        return new Declaration(kind, names[0], names.Length == 3 ? names[1] : "", names[names.Length - 1], needsToken ? words[2] : "");
    }

    private static void Add(Declaration declaration, string role, string item, int number)
    {
        if (role == "is")
        {
            declaration.Values.Add(item);
            return;
        }

        PropertyRole propertyRole = role switch
        {
            "in!" => PropertyRole.Required,
            "in" => PropertyRole.Optional,
            "out" => PropertyRole.Output,
            _ => throw Error(number, $"unknown role \"{role}\""),
        };
        int colon = item.IndexOf(':');
        if (colon < 1)
        {
            throw Error(number, $"expected \"name: type\" but found \"{item}\"");
        }

        string name = item.Substring(0, colon);
        string[] typeAndDefault = item.Substring(colon + 1).Split('=');
        declaration.Properties.Add(new Property(
            propertyRole,
            name.TrimEnd('*', '^'),
            typeAndDefault[0].Trim(),
            secret: name.IndexOf('*') >= 0,
            replaces: name.IndexOf('^') >= 0,
            defaultValue: typeAndDefault.Length > 1 ? typeAndDefault[1].Trim() : null));
    }

    private static FormatException Error(int line, string what) => new($"providers.schema, line {line}: {what}");
}
