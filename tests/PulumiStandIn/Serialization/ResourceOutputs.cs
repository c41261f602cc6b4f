// The [Output] properties of a resource: attached when it is constructed, resolved when it is registered.

using System.Collections.Immutable;
using System.Reflection;

namespace Pulumi.Serialization;

/// <summary>The output properties of one resource.</summary>
internal sealed class ResourceOutputs
{
    private readonly Dictionary<string, IPending> _outputs = [];

    private interface IPending
    {
        object Output { get; }

        void Set(OutputData<object?> data);

        void SetDefault(bool isKnown);

        void Fail(Exception exception);
    }

    /// <summary>Gives every [Output] property of the resource an output that is yet to come. A component keeps its own for itself, but for the URN.</summary>
    public static ResourceOutputs Attach(Resource resource)
    {
        var outputs = new ResourceOutputs();
        foreach (PropertyInfo property in resource.GetType().GetProperties(BindingFlags.Instance | BindingFlags.Public))
        {
            if (property.GetCustomAttribute<OutputAttribute>() is not { } attribute ||
                (resource is ComponentResource && property.DeclaringType != typeof(Resource)))
            {
                continue;
            }

            string name = attribute.Name ?? property.Name;
            if (!property.PropertyType.IsConstructedGenericType || property.PropertyType.GetGenericTypeDefinition() != typeof(Output<>))
            {
                throw RunException.OutputsHaveIncorrectType([name]);
            }

            var pending = (IPending)Activator.CreateInstance(
                typeof(Pending<>).MakeGenericType(property.PropertyType.GenericTypeArguments), resource)!;
            property.DeclaringType!.GetProperty(property.Name)!.SetValue(resource, pending.Output);
            outputs._outputs.Add(name, pending);
        }

        return outputs;
    }

    /// <summary>Resolves the outputs that have a value in <paramref name="state"/>.</summary>
    public void Resolve(string urn, string? id, ImmutableDictionary<string, object?> state)
    {
        _outputs["urn"].Set(new(urn));
        foreach ((string name, IPending output) in _outputs)
        {
            if (name == "id")
            {
                output.Set(new(id ?? "") { IsKnown = !string.IsNullOrEmpty(id) });
            }
            else if (name != "urn" && state.TryGetValue(name, out object? value))
            {
                output.Set(PropertyTree.Read(value));
            }
        }
    }

    /// <summary>Resolves the outputs left over: to their type's default, which is unknown in a preview.</summary>
    public void ResolveRest(bool isPreview)
    {
        foreach (IPending output in _outputs.Values)
        {
            output.SetDefault(isKnown: !isPreview);
        }
    }

    /// <summary>Ends the outputs, and whoever waits for them, with the failure of the registration.</summary>
    public void Fail(Exception exception)
    {
        foreach (IPending output in _outputs.Values)
        {
            output.Fail(exception);
        }
    }

    private sealed class Pending<T> : IPending
    {
        private readonly TaskCompletionSource<OutputData<T>> _source = new();
        private readonly Output<T> _output;
        private readonly Resource _resource;

        public Pending(Resource resource)
        {
            _resource = resource;
            _output = new(_source.Task);
        }

        public object Output => _output;

        public void Set(OutputData<object?> data) => _source.SetResult(new(
            TypedValue.Convert(data.Value, typeof(T)) is T value ? value : default!, data.IsKnown, data.IsSecret, [_resource]));

        public void SetDefault(bool isKnown) => _source.TrySetResult(new(default!, isKnown, IsSecret: false, [_resource]));

        public void Fail(Exception exception) => _source.TrySetException(exception);
    }
}
