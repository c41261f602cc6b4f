// Transformations: callbacks that see, and may change, the arguments and options of a resource before it is registered.

namespace Pulumi;

public delegate ResourceTransformationResult? ResourceTransformation(ResourceTransformationArgs args);

public readonly struct ResourceTransformationArgs(Resource resource, ResourceArgs args, ResourceOptions options)
{
    public Resource Resource { get; } = resource;

    public ResourceArgs Args { get; } = args;

    public ResourceOptions Options { get; } = options;
}

public readonly struct ResourceTransformationResult(ResourceArgs args, ResourceOptions options)
{
    public ResourceArgs Args { get; } = args;

    public ResourceOptions Options { get; } = options;
}
