// Output<T>: a value that comes later, with what is known about it (secret, unknown in a preview, origin).

namespace Pulumi;

public sealed class Output<T> : IOutput
{
    internal Output(Task<OutputData<T>> data)
    {
        Data = data;
        Deployment.Current?.Tasks.Add(data); // the run waits for every output and fails with it
    }

    internal Task<OutputData<T>> Data { get; }

    public static Output<T> Create(Task<T> value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return new(Resolve());
        async Task<OutputData<T>> Resolve() => new(await value);
    }

    public Output<ValueTuple> Apply(Func<T, Task> func) => Apply(async value =>
    {
        await func(value);
        return default(ValueTuple);
    });

    public Output<TResult> Apply<TResult>(Func<T, TResult> func) => Apply(value => Output.Create(func(value)));

    public Output<TResult> Apply<TResult>(Func<T, Task<TResult>> func) => Apply(value => Output.Create(func(value)));

    public Output<TResult> Apply<TResult>(Func<T, Input<TResult>?> func) => Apply(value => func(value).ToOutput());

    public Output<TResult> Apply<TResult>(Func<T, Output<TResult>?> func)
    {
        return new(Resolve());
        async Task<OutputData<TResult>> Resolve()
        {
            OutputData<T> data = await Data;
            // What is unknown is never passed to the function.
            Output<TResult>? inner = data.IsKnown ? func(data.Value) : null;
            return inner is null
                ? new(default!, data.IsKnown, data.IsSecret, data.Resources)
                : data.Then(await inner.Data);
        }
    }

    /// <summary>The output with its circumstances changed.</summary>
    internal Output<TResult> With<TResult>(Func<OutputData<T>, OutputData<TResult>> change)
    {
        return new(Resolve());
        async Task<OutputData<TResult>> Resolve() => change(await Data);
    }

    Task<OutputData<object?>> IOutput.ResolveAsync()
    {
        return Resolve();
        async Task<OutputData<object?>> Resolve()
        {
            OutputData<T> data = await Data;
            return new(data.Value, data.IsKnown, data.IsSecret, data.Resources);
        }
    }

    /// <summary>Not the value: a text that says so, or an error when PULUMI_ERROR_OUTPUT_STRING is set.</summary>
    public override string ToString()
    {
        const string Message = "Calling [ToString] on an [Output<T>] is not supported. Use o.Apply(v => $\"{v}\") or Output.Format($\"{o}\").";
        string? fail = Environment.GetEnvironmentVariable("PULUMI_ERROR_OUTPUT_STRING");
        return fail == "1" || string.Equals(fail, "true", StringComparison.OrdinalIgnoreCase)
            ? throw new InvalidOperationException(Message)
            : Message;
    }
}
