// When resources are registered: after their inputs and dependencies, and at the same time otherwise.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Oci.Core;
using Pulumi.Testing;
using Pulumi.Utilities;
using Xunit;

namespace PulumiStandIn.Tests;

public class RegistrationTests
{
    private static Vcn NewVcn(string name, CustomResourceOptions? options = null, Input<string>? compartment = null) =>
        new(name, new VcnArgs { CompartmentId = compartment ?? "c" }, options);

    [Fact]
    public async Task Resources_come_back_in_order_of_registration_with_urns_by_parent()
    {
        Vcn? child = null;
        Vcn? grandchild = null;
        ImmutableArray<Resource> resources = await Run.UpdateAsync(new RecordingMocks(), () =>
        {
            var group = new Group("group");
            child = NewVcn("child", new() { Parent = group });
            grandchild = NewVcn("grandchild", new() { Parent = child });
            NewVcn("alone");
        });

        Assert.Equal(["group", "child", "grandchild", "alone"], resources.Select(r => r.GetResourceName()));
        Assert.Equal("oci:Core/vcn:Vcn", child!.GetResourceType());
        Assert.Equal("urn:pulumi:stack::project::pulumi:pulumi:Stack$oci:Core/vcn:Vcn::child", await OutputUtilities.GetValueAsync(child.Urn));
        Assert.Equal("urn:pulumi:stack::project::pulumi:pulumi:Stack$oci:Core/vcn:Vcn::grandchild", await OutputUtilities.GetValueAsync(grandchild!.Urn));
        Assert.Equal("child-id", await OutputUtilities.GetValueAsync(child.Id));
    }

    [Fact]
    public async Task A_resource_waits_for_the_outputs_it_takes()
    {
        var mocks = new RecordingMocks
        {
            Create = async args =>
            {
                await Task.Delay(args.Name == "first" ? 50 : 0);
                return (args.Name + "-id", args.Inputs);
            },
        };
        await Run.UpdateAsync(mocks, () =>
        {
            Vcn first = NewVcn("first");
            _ = new Subnet("second", new SubnetArgs { CompartmentId = "c", VcnId = first.Id });
        });

        Assert.Equal(["first", "second"], mocks.CreatedNames);
        Assert.Equal("first-id", mocks.InputsOf("second")["vcnId"]);
    }

    [Fact]
    public async Task Independent_resources_are_created_at_the_same_time()
    {
        var both = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int arrived = 0;
        var mocks = new RecordingMocks
        {
            Create = async args =>
            {
                if (Interlocked.Increment(ref arrived) == 2)
                {
                    both.SetResult();
                }

                await both.Task.WaitAsync(TimeSpan.FromSeconds(20));
                return (args.Name, args.Inputs);
            },
        };
        await Run.UpdateAsync(mocks, () =>
        {
            NewVcn("a");
            NewVcn("b");
        });
        Assert.Equal(2, arrived);
    }

    [Fact]
    public async Task DependsOn_a_component_waits_for_its_children()
    {
        var childMayEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var order = new List<string?>();
        var mocks = new RecordingMocks
        {
            Create = async args =>
            {
                if (args.Name == "child")
                {
                    await childMayEnd.Task.WaitAsync(TimeSpan.FromSeconds(20));
                }

                lock (order)
                {
                    order.Add(args.Name);
                }

                return (args.Name, args.Inputs);
            },
        };
        await Run.UpdateAsync(mocks, () =>
        {
            var outer = new Group("outer");
            var inner = new Group("inner", new() { Parent = outer });
            NewVcn("child", new() { Parent = inner });
            NewVcn("dependent", new() { DependsOn = { outer } });
            NewVcn("deleted with", new() { DeletedWith = NewVcn("other", new() { DependsOn = outer }) });
            childMayEnd.SetResult();
        });
        Assert.True(order.IndexOf("dependent") > order.IndexOf("child"), string.Join(", ", order));
        Assert.True(order.IndexOf("deleted with") > order.IndexOf("other"), string.Join(", ", order));
    }

    [Fact]
    public async Task An_output_with_a_dependency_is_waited_for()
    {
        Output<string>? text = null;
        Vcn? vcn = null;
        await Run.UpdateAsync(new RecordingMocks(), () =>
        {
            vcn = NewVcn("vcn");
            text = OutputUtilities.WithDependency(Output.Create("text"), vcn);
        });
        Assert.Equal([vcn!], await OutputUtilities.GetDependenciesAsync(text!));
        Assert.Equal([vcn!], await OutputUtilities.GetDependenciesAsync(vcn!.Id.Apply(id => id + "!")));
    }

    [Fact]
    public async Task Outputs_of_components_and_of_the_stack_reach_the_mocks_with_their_secrecy()
    {
        var mocks = new RecordingMocks();
        ImmutableArray<Resource> resources = await Deployment.TestAsync<StackWithOutputs>(
            mocks, new TestOptions { IsPreview = false, ProjectName = "p", StackName = "s" });

        MockRegisterResourceOutputsRequest group = mocks.Outputs.Single(o => o.Urn.EndsWith("::group", StringComparison.Ordinal));
        Assert.Equal(1.0, await OutputUtilities.GetValueAsync(group.Outputs["number"]));
        Assert.False(group.Outputs.ContainsKey("nothing"));
        MockRegisterResourceOutputsRequest stack = mocks.Outputs.Single(o => o.Urn == "urn:pulumi:s::p::pulumi:pulumi:Stack::p-s");
        Assert.Equal("hidden", await OutputUtilities.GetValueAsync(stack.Outputs["password"]));
        Assert.True(await Output.IsSecretAsync(stack.Outputs["password"]));
        Assert.False(await Output.IsSecretAsync(stack.Outputs["Endpoint"]));
        Assert.Equal("p-s", Assert.IsType<StackWithOutputs>(resources[0]).GetResourceName());
        Assert.Equal("e", await OutputUtilities.GetValueAsync(((StackWithOutputs)resources[0]).Endpoint));
    }

    [Fact]
    public async Task A_transformation_of_the_stack_sees_all_resources_with_arguments_and_options()
    {
        await Deployment.TestAsync<Transformed>(new RecordingMocks(), new TestOptions { IsPreview = false });

        CustomResourceOptions options = Assert.IsType<CustomResourceOptions>(Transformed.Seen["vcn"].Options);
        Assert.Equal(["definedTags"], options.IgnoreChanges);
        Assert.True(options.DeleteBeforeReplace);
        Assert.Equal("group", options.Parent!.GetResourceName());
        Assert.IsType<VcnArgs>(Transformed.Seen["vcn"].Args);
        Assert.IsType<ComponentResourceOptions>(Transformed.Seen["group"].Options);
        Assert.Equal("changed", await OutputUtilities.GetValueAsync(Transformed.Vcn!.DisplayName));

        var command = (CustomResourceOptions)Transformed.Seen["command"].Options;
        Assert.Equal(["connection", "stdout"], command.AdditionalSecretOutputs);
        Assert.Equal(["triggers[*]"], command.ReplaceOnChanges);
    }

    [Fact]
    public async Task Options_merge()
    {
        var merged = CustomResourceOptions.Merge(
            new() { IgnoreChanges = { "a" }, Protect = true, DeleteBeforeReplace = false },
            new() { IgnoreChanges = { "b" }, DeleteBeforeReplace = true, AdditionalSecretOutputs = { "c" } });
        Assert.Equal(["a", "b"], merged.IgnoreChanges);
        Assert.True(merged.Protect);
        Assert.True(merged.DeleteBeforeReplace);
        Assert.Equal(["c"], merged.AdditionalSecretOutputs);
        Assert.Empty(await OutputUtilities.GetValueAsync(merged.DependsOn.ToOutput()));
        Assert.True(ComponentResourceOptions.Merge(new() { Protect = false }, new() { Protect = true }).Protect);
    }

    [Fact]
    public async Task Deployment_tells_about_the_run()
    {
        Assert.Throws<InvalidOperationException>(() => Deployment.Instance);
        await Deployment.TestAsync(
            new RecordingMocks(), new TestOptions { ProjectName = "p", StackName = "s", OrganizationName = "o", IsPreview = true }, () =>
            {
                Assert.Equal("p", Deployment.Instance.ProjectName);
                Assert.Equal("s", Deployment.Instance.StackName);
                Assert.Equal("o", Deployment.Instance.OrganizationName);
                Assert.True(Deployment.Instance.IsDryRun);
            });
        (ImmutableArray<Resource> none, IDictionary<string, object?> outputs) = await Deployment.TestAsync(
            new RecordingMocks(), new TestOptions(), () => new Dictionary<string, object?> { ["a"] = Deployment.Instance.IsDryRun });
        Assert.Empty(none.Where(r => r is CustomResource));
        Assert.Equal(true, outputs["a"]);
    }

    public sealed class StackWithOutputs : Stack
    {
        public StackWithOutputs()
        {
            new Group("group").Publish(new Dictionary<string, object?> { ["number"] = Output.Create(1), ["nothing"] = null });
            Endpoint = Output.Create("e");
            Password = Output.CreateSecret("hidden");
        }

        [Output]
        public Output<string> Endpoint { get; private set; }

        [Output("password")]
        public Output<string> Password { get; private set; }
    }

    public sealed class Transformed : Stack
    {
        public Transformed() : base(new StackOptions { ResourceTransformations = { Transform } })
        {
            var group = new Group("group");
            Vcn = NewVcn("vcn", new() { Parent = group, IgnoreChanges = { "definedTags" }, DeleteBeforeReplace = true });
            _ = new Pulumi.Command.Remote.Command("command", new()
            {
                Connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs { Host = "h" },
            }, new() { AdditionalSecretOutputs = { "stdout" } });
        }

        internal static Dictionary<string, ResourceTransformationArgs> Seen { get; } = [];

        internal static Vcn? Vcn { get; private set; }

        private static ResourceTransformationResult? Transform(ResourceTransformationArgs args)
        {
            Seen[args.Resource.GetResourceName()] = args;
            if (args.Args is VcnArgs vcn)
            {
                vcn.DisplayName = "changed";
                return new ResourceTransformationResult(vcn, args.Options);
            }

            return null;
        }
    }

    [Fact]
    public async Task A_look_up_can_be_awaited_before_anything_is_registered()
    {
        var mocks = new RecordingMocks
        {
            Call = args => Task.FromResult<object>(args.Token == "oci:Core/getVcn:getVcn"
                ? new Dictionary<string, object> { ["cidrBlock"] = "10.0.0.0/16" }
                : new Dictionary<string, object> { ["outputs"] = new Dictionary<string, object> { ["a"] = "b" }.ToImmutableDictionary() }),
        };
        string block = "";
        object? output = null;
        await Run.UpdateAsync(mocks, () =>
        {
            block = Task.Run(() => GetVcn.InvokeAsync(new GetVcnArgs { VcnId = "v" })).GetAwaiter().GetResult().CidrBlock;
            output = Task.Run(() => Deployment.Instance.InvokeAsync<ImmutableDictionary<string, object>>("pulumi:pulumi:readStackOutputs", InvokeArgs.Empty))
                .GetAwaiter().GetResult()["outputs"];
            Assert.Empty(mocks.Created);
        });

        Assert.Equal("10.0.0.0/16", block);
        Assert.Equal("v", mocks.Called.First().Args["vcnId"]);
        Assert.Equal("b", ((IReadOnlyDictionary<string, object?>)output!)["a"]);
    }
}
