// Deployment: the entry points. A program runs against mocks here; running it for real is refused.

using System.Collections.Immutable;
using System.Reflection;
using Pulumi.Testing;

namespace Pulumi;

public sealed partial class Deployment
{
    private const string Refusal =
        "error: this build of the program uses the stand-in for Pulumi's packages (PulumiPackages=stand-in), which creates nothing: " +
        "it is for tests and the lab, where the packages cannot be restored. To deploy, delete the file PulumiPackages.props and build " +
        "where Pulumi, Pulumi.Oci, Pulumi.Command and Pulumi.Random can be restored; see docs/development.md.";

    private static readonly AsyncLocal<Deployment?> CurrentDeployment = new();

    /// <summary>The run that the calling code belongs to.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static DeploymentInstance Instance => Require()._instance;

    /// <summary>The run that the calling code belongs to, if any.</summary>
    internal static Deployment? Current => CurrentDeployment.Value;

    internal static Deployment Require() => CurrentDeployment.Value
        ?? throw new InvalidOperationException("Trying to acquire Deployment.Instance before 'Run' was called.");

    public static Task<int> RunAsync(Action action) => RefuseAsync();

    public static Task<int> RunAsync(Func<IDictionary<string, object?>> func) => RefuseAsync();

    public static Task<int> RunAsync(Func<Task> func) => RefuseAsync();

    public static Task<int> RunAsync(Func<Task<IDictionary<string, object?>>> func, StackOptions? options = null) => RefuseAsync();

    public static Task<int> RunAsync<TStack>() where TStack : Stack, new() => RefuseAsync();

    public static Task<int> RunAsync<TStack>(IServiceProvider serviceProvider) where TStack : Stack => RefuseAsync();

    /// <summary>Runs the stack against mocks; the resources registered, the stack among them.</summary>
    /// <exception cref="RunException">The program, or a mock, failed.</exception>
    /// <exception cref="AggregateException">Several parts failed at the same time, each with a <see cref="RunException"/>.</exception>
    public static Task<ImmutableArray<Resource>> TestAsync<TStack>(IMocks mocks, TestOptions? options = null) where TStack : Stack, new() =>
        TestAsync(mocks, options, () => (TStack)Activator.CreateInstance(
            typeof(TStack), BindingFlags.DoNotWrapExceptions, binder: null, args: null, culture: null)!);

    public static Task<ImmutableArray<Resource>> TestWithServiceProviderAsync<TStack>(
        IMocks mocks, IServiceProvider serviceProvider, TestOptions? options = null) where TStack : Stack =>
        TestAsync(mocks, options, () => (TStack?)serviceProvider.GetService(typeof(TStack))
            ?? throw new InvalidOperationException($"Failed to resolve instance of type {typeof(TStack)} from service provider."));

    public static Task<(ImmutableArray<Resource> Resources, IDictionary<string, object?> Outputs)> TestAsync(
        IMocks testMocks, TestOptions testOptions, Func<Task<IDictionary<string, object?>>> createResources) =>
        TestAsync(testMocks, testOptions, () => createResources().GetAwaiter().GetResult());

    public static async Task<(ImmutableArray<Resource> Resources, IDictionary<string, object?> Outputs)> TestAsync(
        IMocks testMocks, TestOptions testOptions, Func<IDictionary<string, object?>> createResources)
    {
        IDictionary<string, object?> outputs = new Dictionary<string, object?>();
        ImmutableArray<Resource> resources = await TestAsync(testMocks, testOptions, (Action)(() => outputs = createResources()));
        return (resources, outputs);
    }

    public static Task<ImmutableArray<Resource>> TestAsync(IMocks testMocks, TestOptions testOptions, Func<Task> createResources) =>
        TestAsync(testMocks, testOptions, (Action)(() => createResources().GetAwaiter().GetResult()));

    public static async Task<ImmutableArray<Resource>> TestAsync(IMocks testMocks, TestOptions testOptions, Action createResources)
    {
        ImmutableArray<Resource> resources = await TestAsync(testMocks, testOptions, () => (Stack)new TestStack(createResources));
        return resources.RemoveAll(resource => resource is TestStack);
    }

    private static async Task<ImmutableArray<Resource>> TestAsync(IMocks mocks, TestOptions? options, Func<Stack> createStack)
    {
        if (Current is not null)
        {
            throw new InvalidOperationException("Deployment.Instance should only be set once at the beginning of a 'Run' call.");
        }

        var deployment = new Deployment(mocks, options);
        CurrentDeployment.Value = deployment;
        await deployment.RunAsync(createStack);
        RunException[] errors = [.. deployment.Errors.Select(message => new RunException(message))];
        return errors switch
        {
            [] => deployment._mocks.Resources,
            [RunException error] => throw error,
            _ => throw new AggregateException(errors),
        };
    }

    private static Task<int> RefuseAsync()
    {
        Console.Error.WriteLine(Refusal);
        Environment.ExitCode = 1;
        return Task.FromResult(1);
    }

    private sealed class TestStack : Stack
    {
        public TestStack(Action createResources) => createResources();
    }
}
