// How a run fails.

using Pulumi;
using Pulumi.Oci.Core;
using Pulumi.Testing;
using Xunit;

namespace PulumiStandIn.Tests;

public sealed class FailureTests : IDisposable
{
    private readonly int _exitCode = Environment.ExitCode;

    public void Dispose() => Environment.ExitCode = _exitCode; // a failed run sets it

    [Fact]
    public async Task A_throwing_mock_ends_the_run_before_dependents_start()
    {
        var mocks = new RecordingMocks
        {
            Create = async args =>
            {
                await Task.Yield();
                return args.Name == "bad" ? throw new InvalidOperationException("no capacity") : (args.Name, args.Inputs);
            },
        };
        Exception e = await Assert.ThrowsAnyAsync<Exception>(() => Run.UpdateAsync(mocks, () =>
        {
            var bad = new Vcn("bad", new() { CompartmentId = "c" });
            _ = new Subnet("by input", new() { CompartmentId = "c", VcnId = bad.Id });
            _ = new Vcn("by option", new() { CompartmentId = "c" }, new() { DependsOn = { bad } });
        }));

        // Dependents fail with it; those that do before the stack's constructor has ended are reported as well.
        RunException[] errors = [.. (e as AggregateException)?.InnerExceptions.Cast<RunException>() ?? [Assert.IsType<RunException>(e)]];
        Assert.All(errors, error => Assert.Contains("no capacity", error.Message, StringComparison.Ordinal));
        Assert.Equal(["bad"], mocks.CreatedNames);
        Assert.Equal(32, Environment.ExitCode);
    }

    [Fact]
    public async Task A_RunException_of_a_mock_ends_the_run_with_its_own_text()
    {
        var mocks = new RecordingMocks { Create = _ => throw new RunException("plain words") };
        Assert.Equal("plain words", await FailAsync(mocks, () => _ = new Vcn("vcn", new() { CompartmentId = "c" })));
        Assert.Equal("hidden", await FailAsync(new RecordingMocks(), () => throw new ResourceException("hidden", null, hideStack: true)));
    }

    [Fact]
    public async Task A_missing_required_input_is_named()
    {
        var mocks = new RecordingMocks();
        string message = await FailAsync(mocks, () => _ = new Subnet("subnet", new() { CompartmentId = "c" }));
        Assert.Contains("[Input] Pulumi.Oci.Core.SubnetArgs.VcnId is required but was not given a value", message, StringComparison.Ordinal);
        Assert.Empty(mocks.Created);

        string nested = await FailAsync(mocks, () => _ = new Pulumi.Command.Remote.Command(
            "command", new() { Connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs() }));
        Assert.Contains("error serializing property \"connection\"", nested, StringComparison.Ordinal);
        Assert.Contains("Host is required but was not given a value", nested, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_constructor_that_throws_ends_the_run()
    {
        Assert.Equal("bad settings", await FailAsync(new RecordingMocks(), () => throw new RunException("bad settings")));
        string other = await FailAsync(new RecordingMocks(), () => throw new InvalidOperationException("surprise"));
        Assert.Contains("failed with an unhandled exception", other, StringComparison.Ordinal);
        Assert.Contains("surprise", other, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RunException>(() => Deployment.TestAsync<ThrowingProgram>(new RecordingMocks()));
    }

    [Fact]
    public async Task A_failing_apply_ends_the_run()
    {
        string message = await FailAsync(new RecordingMocks(), () =>
            Output.Create(1).Apply(int (_) => throw new RunException("in apply")));
        Assert.Equal("in apply", message);
    }

    [Fact]
    public async Task A_logged_error_fails_the_run_at_its_end()
    {
        var mocks = new RecordingMocks();
        Assert.Equal("logged", await FailAsync(mocks, () =>
        {
            Log.Error("logged");
            Log.Warn("harmless");
            Log.Info("harmless");
            _ = new Vcn("vcn", new() { CompartmentId = "c" });
        }));
        Assert.Single(mocks.Created);
    }

    [Fact]
    public async Task A_stack_must_set_its_outputs()
    {
        RunException e = await Assert.ThrowsAsync<RunException>(() => Deployment.TestAsync<WithoutValue>(new RecordingMocks()));
        Assert.Contains("Output(s) 'Endpoint' have no value assigned", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_value_that_no_provider_takes_is_named()
    {
        string message = await FailAsync(new RecordingMocks(), () =>
            new Group("group").Publish(new Dictionary<string, object?> { ["when"] = DateTimeOffset.UnixEpoch }));
        Assert.Contains("System.DateTimeOffset is not a supported argument type", message, StringComparison.Ordinal);
        Assert.Contains("\"when\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_look_up_that_fails_ends_the_run()
    {
        var mocks = new RecordingMocks { Call = _ => throw new RunException("no such vcn") };
        Assert.Equal("no such vcn", await FailAsync(mocks, () => GetVcn.Invoke(new() { VcnId = "v" })));
    }

    [SkippableFact]
    public async Task A_real_run_is_refused_by_the_stand_in()
    {
#if STAND_IN
        TextWriter console = Console.Error;
        using var error = new StringWriter();
        Console.SetError(error);
        try
        {
            Assert.Equal(1, await Deployment.RunAsync<ThrowingProgram>());
            Assert.Equal(1, Environment.ExitCode);
        }
        finally
        {
            Console.SetError(console);
        }

        string line = Assert.Single(error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("PulumiPackages.props", line, StringComparison.Ordinal);
#else
        await Task.CompletedTask;
        Skip.If(true, "this build uses the real packages");
#endif
    }

    private static async Task<string> FailAsync(IMocks mocks, Action program)
    {
        RunException e = await Assert.ThrowsAsync<RunException>(() => Run.UpdateAsync(mocks, program));
        return e.Message;
    }

    public sealed class ThrowingProgram : Stack
    {
        public ThrowingProgram() => throw new RunException("not this way");
    }

    public sealed class WithoutValue : Stack
    {
        [Output]
        public Output<string> Endpoint { get; private set; } = null!;
    }
}
