// Output: makes and combines outputs.

using System.Collections.Immutable;
using System.Globalization;

namespace Pulumi;

public static partial class Output
{
    public static Output<T> Create<T>(T value) => new(Task.FromResult(new OutputData<T>(value)));

    public static Output<T> Create<T>(Task<T> value) => Output<T>.Create(value);

    public static Output<T> CreateSecret<T>(T value) => CreateSecret(Create(value));

    public static Output<T> CreateSecret<T>(Task<T> value) => CreateSecret(Create(value));

    public static Output<T> CreateSecret<T>(Output<T> value) => value.With(data => data with { IsSecret = true });

    public static Output<T> Unsecret<T>(Output<T> output) => output.With(data => data with { IsSecret = false });

    public static async Task<bool> IsSecretAsync<T>(Output<T> output) => (await output.Data).IsSecret;

    public static Output<ImmutableArray<T>> All<T>(params Input<T>[] inputs) => All(inputs.AsEnumerable());

    public static Output<ImmutableArray<T>> All<T>(params Output<T>[] outputs) => All(outputs.AsEnumerable());

    public static Output<ImmutableArray<T>> All<T>(IEnumerable<Input<T>> inputs) => All(inputs.Select(input => input.ToOutput()));

    public static Output<ImmutableArray<T>> All<T>(IEnumerable<Output<T>> outputs)
    {
        return new(Resolve([.. outputs]));
        static async Task<OutputData<ImmutableArray<T>>> Resolve(Output<T>[] outputs)
        {
            ImmutableArray<T>.Builder values = ImmutableArray.CreateBuilder<T>(outputs.Length);
            var all = new OutputData<ImmutableArray<T>>([]);
            foreach (Output<T> output in outputs)
            {
                OutputData<T> data = await output.Data;
                values.Add(data.Value);
                all = data.Then(all);
            }

            return all with { Value = values.MoveToImmutable() };
        }
    }

    /// <summary>The interpolated string, with the arguments' outputs resolved, in the invariant culture.</summary>
    public static Output<string> Format(FormattableString formattableString) =>
        All(formattableString.GetArguments().Select(ToObject)).Apply(arguments =>
            string.Format(CultureInfo.InvariantCulture, formattableString.Format, [.. arguments]));

    private static Output<object?> ToObject(object? argument) => argument switch
    {
        IInput input => new(input.ToOutput().ResolveAsync()),
        IOutput output => new(output.ResolveAsync()),
        _ => Create(argument),
    };
}
