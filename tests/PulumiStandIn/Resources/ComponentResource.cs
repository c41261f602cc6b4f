// Components: resources that only group others.

using System.Reflection;

namespace Pulumi;

public class ComponentResource : Resource
{
    public ComponentResource(string type, string name, ComponentResourceOptions? options = null)
        : this(type, name, ResourceArgs.Empty, options)
    {
    }

    public ComponentResource(string type, string name, ResourceArgs? args, ComponentResourceOptions? options = null, bool remote = false)
        : base(type, name, args ?? ResourceArgs.Empty, options ?? new ComponentResourceOptions())
    {
        if (remote)
        {
            throw new NotSupportedException("The stand-in for Pulumi's packages has no remote components.");
        }
    }

    /// <summary>Registers the [Output] properties of the component.</summary>
    protected void RegisterOutputs() => RegisterOutputs(
        (from property in GetType().GetProperties()
         let output = property.GetCustomAttribute<OutputAttribute>()
         where output is not null && property.Name != nameof(Urn)
         select (Name: string.IsNullOrWhiteSpace(output.Name) ? property.Name : output.Name, Value: property.GetValue(this)))
        .ToDictionary(output => output.Name, object? (output) => output.Value));

    protected void RegisterOutputs(IDictionary<string, object?> outputs) => RegisterOutputs(Output.Create(outputs));

    protected void RegisterOutputs(Task<IDictionary<string, object?>> outputs) => RegisterOutputs(Output.Create(outputs));

    protected void RegisterOutputs(Output<IDictionary<string, object?>> outputs) => Deployment.Require().RegisterOutputs(this, outputs);
}
