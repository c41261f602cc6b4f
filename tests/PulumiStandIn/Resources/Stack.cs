// The stack: root of all resources; its [Output] properties are the stack's outputs.

using System.Reflection;

namespace Pulumi;

public class Stack : ComponentResource
{
    internal const string TypeToken = "pulumi:pulumi:Stack";

    public Stack(StackOptions? options = null)
        : base(
            TypeToken,
            $"{Deployment.Instance.ProjectName}-{Deployment.Instance.StackName}",
            new ComponentResourceOptions { ResourceTransformations = options?.ResourceTransformations ?? [] })
    {
        Deployment.Require().Stack = this;
    }

    /// <summary>Registers the outputs when the constructor has run.</summary>
    /// <exception cref="RunException">A property has no value, or is no output.</exception>
    internal void RegisterStackOutputs()
    {
        var outputs =
            (from property in GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
             let output = property.GetCustomAttribute<OutputAttribute>()
             where output is not null && !property.DeclaringType!.IsAssignableFrom(typeof(Stack))
             select (Name: output.Name ?? property.Name, Value: property.GetValue(this)))
            .ToDictionary(output => output.Name, object? (output) => output.Value);
        string[] missing = [.. outputs.Where(o => o.Value is null).Select(o => o.Key)];
        if (missing.Length > 0)
        {
            throw new RunException($"Output(s) '{string.Join(", ", missing)}' have no value assigned. " +
                "[Output] attributed properties must be assigned inside Stack constructor.");
        }

        string[] wrong = [.. outputs.Where(o => o.Value is not IOutput).Select(o => o.Key)];
        if (wrong.Length > 0)
        {
            throw RunException.OutputsHaveIncorrectType(wrong);
        }

        RegisterOutputs(outputs);
    }
}
