// What mocks see of inputs, and what resources make of a mock's answer.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Oci.Core;
using Pulumi.Oci.Core.Inputs;
using Pulumi.Testing;
using Pulumi.Utilities;
using Xunit;

namespace PulumiStandIn.Tests;

public class MockValueTests
{
    [Fact]
    public async Task Inputs_are_plain_values_by_wire_names()
    {
        var mocks = new RecordingMocks();
        await Run.UpdateAsync(mocks, () =>
        {
            _ = new NetworkSecurityGroupSecurityRule("rule", new()
            {
                Direction = "INGRESS",
                NetworkSecurityGroupId = Output.CreateSecret("nsg"),
                Protocol = "6",
                Stateless = false,
                TcpOptions = new NetworkSecurityGroupSecurityRuleTcpOptionsArgs
                {
                    DestinationPortRange = new NetworkSecurityGroupSecurityRuleTcpOptionsDestinationPortRangeArgs { Min = 22, Max = 23 },
                },
            });
            _ = new Vcn("vcn", new()
            {
                CompartmentId = "c",
                CidrBlocks = { "10.0.0.0/16", Output.CreateSecret("10.1.0.0/16") },
                FreeformTags = { { "a", "1" }, { "b", Output.Create("2") } },
            });
            _ = new Pulumi.Command.Remote.CopyToRemote("copy", new()
            {
                Connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs { Host = "h", PrivateKey = "k" },
                RemotePath = "/r",
                Source = new FileAsset("/etc/hostname"),
                Triggers = new object[] { 1, "two", true },
            });
            _ = new Pulumi.Command.Remote.Command("command", new()
            {
                Connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs { Host = "h" },
                Logging = Pulumi.Command.Remote.Logging.None,
            });
        });

        ImmutableDictionary<string, object> rule = mocks.InputsOf("rule");
        Assert.Equal("nsg", rule["networkSecurityGroupId"]);
        Assert.Equal(false, rule["stateless"]);
        Assert.False(rule.ContainsKey("description"));
        ImmutableDictionary<string, object?> range = Map(Map(rule["tcpOptions"])["destinationPortRange"]);
        Assert.Equal(22.0, range["min"]);
        Assert.Equal(23.0, range["max"]);

        ImmutableDictionary<string, object> vcn = mocks.InputsOf("vcn");
        Assert.Equal<object>(["10.0.0.0/16", "10.1.0.0/16"], Assert.IsType<ImmutableArray<object>>(vcn["cidrBlocks"]));
        Assert.Equal("2", Map(vcn["freeformTags"])["b"]);
        Assert.False(vcn.ContainsKey("definedTags"));

        ImmutableDictionary<string, object> copy = mocks.InputsOf("copy");
        Assert.IsType<FileAsset>(copy["source"]);
        Assert.Equal<object>([1.0, "two", true], Assert.IsType<ImmutableArray<object>>(copy["triggers"]));
        Assert.Equal("k", Map(copy["connection"])["privateKey"]);
        Assert.Equal(22.0, Map(copy["connection"])["port"]);
        Assert.Equal("root", Map(copy["connection"])["user"]);
        Assert.False(Map(copy["connection"]).ContainsKey("password"));
        Assert.Equal("none", mocks.InputsOf("command")["logging"]);
        Assert.All(mocks.Created, created => Assert.Equal(("", ""), (created.Provider, created.Id)));
    }

    [Fact]
    public async Task An_asset_can_be_read_by_reflection()
    {
        // Neither package makes the content public; a mock that creates files needs it.
        object? value = typeof(AssetOrArchive).GetProperty("Value", System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic)!
            .GetValue(new FileAsset("/etc/hostname"));
        Assert.Equal("/etc/hostname", value);
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Secret_arguments_are_secret_however_they_are_given()
    {
        var connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs { Host = "h", PrivateKey = "k" };
        Assert.True(await Output.IsSecretAsync(connection.PrivateKey.ToOutput()));
        Assert.False(await Output.IsSecretAsync(connection.Host.ToOutput()));
        Assert.True(await Output.IsSecretAsync(new Pulumi.Command.Remote.CommandArgs { Connection = connection }.Connection.ToOutput()));
    }

    [Fact]
    public async Task Unknown_inputs_are_absent_in_a_preview()
    {
        var mocks = new RecordingMocks { Create = args => Task.FromResult<(string?, object)>((null, RecordingMocks.State())) };
        Vcn? vcn = null;
        Output<string>? applied = null;
        await Run.PreviewAsync(mocks, () =>
        {
            vcn = new Vcn("vcn", new() { CompartmentId = "c" });
            applied = vcn.Id.Apply(id => id + "!");
            _ = new Subnet("subnet", new()
            {
                CompartmentId = "c",
                VcnId = vcn.Id,
                CidrBlock = applied,
                SecurityListIds = { "known", vcn.DefaultSecurityListId },
                FreeformTags = { { "vcn", vcn.Id }, { "known", "1" } },
            });
        });
        Assert.False(await OutputUtilities.GetIsKnownAsync(vcn!.Id));
        Assert.False(await OutputUtilities.GetIsKnownAsync(vcn.DefaultSecurityListId));
        Assert.False(await OutputUtilities.GetIsKnownAsync(applied!));
        Assert.True(await OutputUtilities.GetIsKnownAsync(vcn.Urn));
        Assert.Equal(["compartmentId"], mocks.InputsOf("subnet").Keys);
    }

    [Fact]
    public async Task Answers_become_typed_outputs()
    {
        var mocks = new RecordingMocks
        {
            Create = args => Task.FromResult<(string?, object)>((args.Name, args.Name switch
            {
                "nlb" => RecordingMocks.State(
                    ("displayName", "n"),
                    ("isPrivate", true),
                    ("subnetId", Output.CreateSecret("s")),
                    ("networkSecurityGroupIds", ImmutableArray.Create<object>("a", "b")),
                    ("freeformTags", new Dictionary<string, object> { ["a"] = "1" }),
                    ("ipAddresses", new[] { RecordingMocks.State(("ipAddress", "10.0.0.1"), ("isPublic", false), ("unheardOf", 1)) })),
                "listener" => RecordingMocks.State(("port", 6379), ("tcpIdleTimeout", "no number"), ("name", 5)),
                _ => RecordingMocks.State(
                    ("logging", "stderr"), ("triggers", new object[] { 1, "x" }), ("connection", RecordingMocks.State(("host", "h"), ("port", 23)))),
            })),
        };
        Pulumi.Oci.NetworkLoadBalancer.NetworkLoadBalancer? nlb = null;
        Pulumi.Oci.NetworkLoadBalancer.Listener? listener = null;
        Pulumi.Command.Remote.Command? command = null;
        await Run.UpdateAsync(mocks, () =>
        {
            nlb = new("nlb", new() { CompartmentId = "c", DisplayName = "d", SubnetId = "s" });
            listener = new("listener", new() { DefaultBackendSetName = "b", NetworkLoadBalancerId = nlb.Id, Port = 1, Protocol = "TCP" });
            command = new("command", new() { Connection = new Pulumi.Command.Remote.Inputs.ConnectionArgs { Host = "h" } });
        });

        Assert.Equal("n", await OutputUtilities.GetValueAsync(nlb!.DisplayName));
        Assert.True(await OutputUtilities.GetValueAsync(nlb.IsPrivate));
        Assert.True(await Output.IsSecretAsync(nlb.SubnetId));
        Assert.False(await Output.IsSecretAsync(nlb.DisplayName));
        Assert.Equal<string>(["a", "b"], await OutputUtilities.GetValueAsync(nlb.NetworkSecurityGroupIds));
        Assert.Equal("1", (await OutputUtilities.GetValueAsync(nlb.FreeformTags))["a"]);
        Pulumi.Oci.NetworkLoadBalancer.Outputs.NetworkLoadBalancerIpAddress address = Assert.Single(await OutputUtilities.GetValueAsync(nlb.IpAddresses));
        Assert.Equal(("10.0.0.1", false), (address.IpAddress, address.IsPublic));
        Assert.Null(address.IpVersion);

        Assert.Equal(6379, await OutputUtilities.GetValueAsync(listener!.Port));
        Assert.Equal(0, await OutputUtilities.GetValueAsync(listener.TcpIdleTimeout));
        Assert.Null(await OutputUtilities.GetValueAsync(listener.Name));

        Assert.Equal(Pulumi.Command.Remote.Logging.Stderr, await OutputUtilities.GetValueAsync(command!.Logging));
        Assert.Equal<object>([1.0, "x"], await OutputUtilities.GetValueAsync(command.Triggers));
        Pulumi.Command.Remote.Outputs.Connection connection = await OutputUtilities.GetValueAsync(command.Connection);
        Assert.Equal(("h", 23.0), (connection.Host, connection.Port));
        Assert.Null(connection.User);
    }

    [Fact]
    public async Task What_a_mock_leaves_out_is_the_default_in_an_update()
    {
        var mocks = new RecordingMocks { Create = args => Task.FromResult<(string?, object)>(("id", RecordingMocks.State())) };
        Vcn? vcn = null;
        await Run.UpdateAsync(mocks, () => vcn = new Vcn("vcn", new() { CompartmentId = "c" }));
        Assert.True(await OutputUtilities.GetIsKnownAsync(vcn!.CidrBlock));
        Assert.Null(await OutputUtilities.GetValueAsync(vcn.CidrBlock));
        Assert.True((await OutputUtilities.GetValueAsync(vcn.CidrBlocks)).IsDefault);
        Assert.False(await OutputUtilities.GetValueAsync(vcn.IsIpv6enabled));
        Assert.Equal([vcn], await OutputUtilities.GetDependenciesAsync(vcn.CidrBlock));
    }

    [Fact]
    public async Task A_resource_without_an_id_has_an_unknown_one()
    {
        var mocks = new RecordingMocks { Create = args => Task.FromResult<(string?, object)>((null, args.Inputs)) };
        Vcn? vcn = null;
        await Run.UpdateAsync(mocks, () => vcn = new Vcn("vcn", new() { CompartmentId = "c" }));
        Assert.False(await OutputUtilities.GetIsKnownAsync(vcn!.Id));
    }

    [Fact]
    public async Task A_look_up_waits_for_its_arguments_and_is_answered_by_the_mock()
    {
        var mocks = new RecordingMocks
        {
            Call = args => Task.FromResult<object>(RecordingMocks.State(
                ("faultDomains", new[] { RecordingMocks.State(("name", "FAULT-DOMAIN-1")) }), ("compartmentId", Output.CreateSecret("c")))),
        };
        Output<Pulumi.Oci.Identity.GetFaultDomainsResult>? found = null;
        Vcn? vcn = null;
        await Run.UpdateAsync(mocks, () =>
        {
            vcn = new Vcn("vcn", new() { CompartmentId = "c" });
            found = Pulumi.Oci.Identity.GetFaultDomains.Invoke(new() { CompartmentId = vcn.Id, AvailabilityDomain = "ad" });
        });

        MockCallArgs call = Assert.Single(mocks.Called);
        Assert.Equal("oci:Identity/getFaultDomains:getFaultDomains", call.Token);
        Assert.Equal("vcn-id", call.Args["compartmentId"]);
        Pulumi.Oci.Identity.GetFaultDomainsResult result = await OutputUtilities.GetValueAsync(found!);
        Assert.Equal("FAULT-DOMAIN-1", Assert.Single(result.FaultDomains).Name);
        Assert.True(await Output.IsSecretAsync(found!));
        Assert.Equal([vcn!], await OutputUtilities.GetDependenciesAsync(found!));
    }

    [Fact]
    public async Task A_look_up_of_what_is_unknown_is_unknown_and_not_asked()
    {
        var mocks = new RecordingMocks { Create = args => Task.FromResult<(string?, object)>((null, RecordingMocks.State())) };
        Output<GetSubnetResult>? subnet = null;
        Output<GetVcnResult>? after = null;
        await Run.PreviewAsync(mocks, () =>
        {
            var vcn = new Vcn("vcn", new() { CompartmentId = "c" });
            subnet = GetSubnet.Invoke(new() { SubnetId = vcn.Id });
            after = GetVcn.Invoke(new() { VcnId = "known" }, new InvokeOutputOptions { DependsOn = { vcn } });
        });
        Assert.False(await OutputUtilities.GetIsKnownAsync(subnet!));
        Assert.False(await OutputUtilities.GetIsKnownAsync(after!));
        Assert.Empty(mocks.Called);
    }

    private static ImmutableDictionary<string, object?> Map(object? value) => Assert.IsType<ImmutableDictionary<string, object?>>(value);
}
