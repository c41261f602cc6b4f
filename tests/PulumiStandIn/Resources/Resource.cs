// Resources: constructing one registers it.

using System.Collections.Immutable;
using Pulumi.Serialization;

namespace Pulumi;

public class Resource
{
    private readonly string _type;
    private readonly string _name;
    private readonly ImmutableArray<ResourceTransformation> _transformations = [];
    private readonly HashSet<Resource> _children = [];

    private protected Resource(string type, string name, ResourceArgs args, ResourceOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        ArgumentException.ThrowIfNullOrEmpty(name);
        _type = type;
        _name = name;
        var outputs = ResourceOutputs.Attach(this);

        // A resource without a parent belongs to the stack, which therefore transforms all resources.
        Resource? parent = options.Parent ?? (type == Stack.TypeToken ? null : Deployment.Require().Stack);
        _transformations = [.. options.ResourceTransformations, .. parent?._transformations ?? []];
        foreach (ResourceTransformation transformation in _transformations)
        {
            if (transformation(new ResourceTransformationArgs(this, args, options)) is { } result)
            {
                if (result.Options.Parent != options.Parent)
                {
                    throw new ArgumentException("Transformations cannot currently be used to change the 'parent' of a resource.");
                }

                (args, options) = (result.Args, result.Options);
            }
        }

        if (options.Parent is not null)
        {
            lock (options.Parent._children)
            {
                options.Parent._children.Add(this);
            }
        }

        Deployment.Require().Register(this, args, options, outputs);
    }

    [Output("urn")]
    public Output<string> Urn { get; private protected set; } = null!;

    public string GetResourceType() => _type;

    public string GetResourceName() => _name;

    /// <summary>What to wait for on behalf of this resource: itself, or the custom resources below a component.</summary>
    internal IEnumerable<CustomResource> CustomResources()
    {
        if (this is CustomResource self)
        {
            return [self];
        }

        lock (_children)
        {
            return [.. _children.SelectMany(child => child.CustomResources())];
        }
    }
}

public class CustomResource : Resource
{
    public CustomResource(string type, string name, ResourceArgs? args, CustomResourceOptions? options = null)
        : base(type, name, args ?? ResourceArgs.Empty, options ?? new CustomResourceOptions())
    {
    }

    [Output("id")]
    public Output<string> Id { get; private protected set; } = null!;
}
