// Options of resources and look-ups. A mock never sees them; transformations do.

namespace Pulumi;

public abstract class ResourceOptions
{
    private InputList<Resource>? _dependsOn;
    private List<string>? _ignoreChanges;
    private List<ResourceTransformation>? _resourceTransformations;
    private List<string>? _replaceOnChanges;

    public Input<string>? Id { get; set; }

    public Resource? Parent { get; set; }

    public InputList<Resource> DependsOn { get => _dependsOn ??= []; set => _dependsOn = value; }

    public bool? Protect { get; set; }

    public List<string> IgnoreChanges { get => _ignoreChanges ??= []; set => _ignoreChanges = value; }

    public string? Version { get; set; }

    public CustomTimeouts? CustomTimeouts { get; set; }

    public List<ResourceTransformation> ResourceTransformations { get => _resourceTransformations ??= []; set => _resourceTransformations = value; }

    public List<string> ReplaceOnChanges { get => _replaceOnChanges ??= []; set => _replaceOnChanges = value; }

    public bool? RetainOnDelete { get; set; }

    public Resource? DeletedWith { get; set; }

    /// <summary>Puts <paramref name="more"/> over these options; lists are joined.</summary>
    private protected void Take(ResourceOptions? more)
    {
        if (more is null)
        {
            return;
        }

        Id = more.Id ?? Id;
        Parent = more.Parent ?? Parent;
        DependsOn = DependsOn.Concat(more.DependsOn);
        Protect = more.Protect ?? Protect;
        IgnoreChanges.AddRange(more.IgnoreChanges);
        Version = more.Version ?? Version;
        CustomTimeouts = more.CustomTimeouts ?? CustomTimeouts;
        ResourceTransformations.AddRange(more.ResourceTransformations);
        ReplaceOnChanges.AddRange(more.ReplaceOnChanges);
        RetainOnDelete = more.RetainOnDelete ?? RetainOnDelete;
        DeletedWith = more.DeletedWith ?? DeletedWith;
    }
}

public sealed class CustomResourceOptions : ResourceOptions
{
    private List<string>? _additionalSecretOutputs;

    public bool? DeleteBeforeReplace { get; set; }

    public List<string> AdditionalSecretOutputs { get => _additionalSecretOutputs ??= []; set => _additionalSecretOutputs = value; }

    public string? ImportId { get; set; }

    public static CustomResourceOptions Merge(CustomResourceOptions? options1, CustomResourceOptions? options2)
    {
        var merged = new CustomResourceOptions();
        foreach (CustomResourceOptions options in new[] { options1, options2 }.OfType<CustomResourceOptions>())
        {
            merged.Take(options);
            merged.DeleteBeforeReplace = options.DeleteBeforeReplace ?? merged.DeleteBeforeReplace;
            merged.AdditionalSecretOutputs.AddRange(options.AdditionalSecretOutputs);
            merged.ImportId = options.ImportId ?? merged.ImportId;
        }

        return merged;
    }
}

public sealed class ComponentResourceOptions : ResourceOptions
{
    public static ComponentResourceOptions Merge(ComponentResourceOptions? options1, ComponentResourceOptions? options2)
    {
        var merged = new ComponentResourceOptions();
        merged.Take(options1);
        merged.Take(options2);
        return merged;
    }
}

public class StackOptions
{
    private List<ResourceTransformation>? _resourceTransformations;

    public List<ResourceTransformation> ResourceTransformations { get => _resourceTransformations ??= []; set => _resourceTransformations = value; }
}

public sealed class CustomTimeouts
{
    public TimeSpan? Create { get; set; }

    public TimeSpan? Update { get; set; }

    public TimeSpan? Delete { get; set; }
}

public class InvokeOptions
{
    public Resource? Parent { get; set; }

    public string? Version { get; set; }
}

public class InvokeOutputOptions : InvokeOptions
{
    private InputList<Resource>? _dependsOn;

    public InputList<Resource> DependsOn { get => _dependsOn ??= []; set => _dependsOn = value; }
}
