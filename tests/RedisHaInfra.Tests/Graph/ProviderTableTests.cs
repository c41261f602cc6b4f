// The engine and the provider that the tests and the lab are run against: as the real ones were measured.

using System.Collections.Immutable;
using RedisHaCloud;

namespace RedisHaInfra.Tests.Graph;

public sealed class ProviderTableTests
{
    private static readonly ImmutableDictionary<string, object> Machine = Map(
        ("shape", "VM.Standard.E5.Flex"), ("faultDomain", "FAULT-DOMAIN-1"), ("availabilityDomain", "AD-1"), ("displayName", "redis1"),
        ("shapeConfig", Map(("ocpus", 1.0), ("memoryInGbs", 8.0))),
        ("createVnicDetails", Map(("privateIp", "10.0.0.3"), ("nsgIds", ImmutableArray.Create<object>("a")))),
        ("sourceDetails", Map(("sourceId", "image-1"), ("bootVolumeSizeInGbs", "50"))),
        ("metadata", Map(("user_data", "old"), ("ssh_authorized_keys", "key"))));

    [Theory]
    [InlineData("displayName", "other", Effect.InPlace)]
    [InlineData("createVnicDetails.nsgIds[0]", "b", Effect.InPlace)]
    [InlineData("sourceDetails.bootVolumeSizeInGbs", "100", Effect.InPlace)]
    [InlineData("sourceDetails.bootVolumeSizeInGbs", "49", Effect.Refused)]
    [InlineData("shapeConfig.memoryInGbs", 16.0, Effect.Reboot)]
    [InlineData("shape", "VM.Standard.E4.Flex", Effect.Reboot)]
    [InlineData("shape", "VM.Standard.A1.Flex", Effect.Refused)]
    [InlineData("faultDomain", "FAULT-DOMAIN-2", Effect.Reboot)]
    [InlineData("sourceDetails.sourceId", "image-2", Effect.Wipe)]
    [InlineData("metadata.user_data", "new", Effect.Replace)]
    [InlineData("metadata.ssh_authorized_keys", "other", Effect.Replace)]
    [InlineData("metadata.note", "new", Effect.InPlace)]
    [InlineData("createVnicDetails.privateIp", "10.0.0.4", Effect.Replace)]
    [InlineData("availabilityDomain", "AD-2", Effect.Replace)]
    public void A_changed_property_of_a_machine(string path, object value, Effect effect)
    {
        ImmutableDictionary<string, object> now = PropertyPaths.Restore(Only(path, value), Machine, [path]);

        var step = ResourceStep.Plan(ProviderTable.Instance, Machine, now, []);

        Assert.Equal(effect, step.Effect);
        Assert.Equal(effect == Effect.Refused, step.Error is not null);
        Assert.Equal([path], step.Changes.Select(change => change.Path));
        Assert.Null(ResourceStep.Plan(ProviderTable.Instance, Machine, now, [path]).Effect);
    }

    [Fact]
    public void Ignored_inputs_are_the_old_ones_before_the_provider_sees_them()
    {
        ImmutableDictionary<string, object> now = Machine.SetItem("metadata", Map(("user_data", "new"))).SetItem("displayName", "other");

        var step = ResourceStep.Plan(ProviderTable.Instance, Machine, now, ["metadata", "definedTags"]);

        Assert.Equal((Effect.InPlace, "old", "other"), (step.Effect, PropertyPaths.Find(step.Inputs, "metadata.user_data"), step.Inputs["displayName"]));
    }

    [Fact]
    public void A_replaced_resource_gets_what_the_program_says()
    {
        ImmutableDictionary<string, object> now = Machine.SetItem("metadata", Map(("user_data", "new"))).SetItem("availabilityDomain", "AD-2");

        var step = ResourceStep.Plan(ProviderTable.Instance, Machine, now, ["metadata"]);

        Assert.Equal((Effect.Replace, "new"), (step.Effect, PropertyPaths.Find(step.Inputs, "metadata.user_data")));
    }

    [Fact]
    public void What_was_not_set_and_is_ignored_stays_unset()
    {
        ImmutableDictionary<string, object> now = Machine.SetItem("definedTags", Map(("a.b", "c")));

        Assert.Null(ResourceStep.Plan(ProviderTable.Instance, Machine, now, ["definedTags"]).Effect);
        Assert.Equal(Effect.InPlace, ResourceStep.Plan(ProviderTable.Instance, Machine, now, []).Effect);
    }

    [Fact]
    public void A_machine_that_must_not_go_down_refuses_a_reboot()
    {
        ImmutableDictionary<string, object> now = Machine.SetItem("shape", "VM.Standard.E4.Flex").SetItem("updateOperationConstraint", "AVOID_DOWNTIME");

        Assert.Contains("409-Conflict", ResourceStep.Plan(ProviderTable.Instance, Machine, now, []).Error, StringComparison.Ordinal);
        Assert.Null(ResourceStep.Plan(ProviderTable.Instance, Machine, Machine.SetItem("updateOperationConstraint", "AVOID_DOWNTIME"), []).Error);
    }

    [Fact]
    public void An_objects_file_must_be_there_even_when_its_path_is_ignored()
    {
        string here = typeof(ProviderTableTests).Assembly.Location;
        ImmutableDictionary<string, object> old = Map(("object", "bundle"), ("source", "/another/machine/bundle"));

        Assert.Contains("/another/machine/bundle", ResourceStep.Plan(ProviderTable.StorageObject, old, old.SetItem("source", here), ["source"]).Error,
            StringComparison.Ordinal);
        Assert.Null(ResourceStep.Plan(ProviderTable.StorageObject, old.SetItem("source", here), old, ["source"]).Error);
    }

    // A tree with this one value in it.
    private static ImmutableDictionary<string, object> Only(string path, object value) => path.EndsWith("[0]", StringComparison.Ordinal)
        ? Tree(path[..^3].Split('.'), ImmutableArray.Create(value))
        : Tree(path.Split('.'), value);

    private static ImmutableDictionary<string, object> Tree(ReadOnlySpan<string> steps, object value) =>
        Map((steps[0], steps.Length == 1 ? value : Tree(steps[1..], value)));

    private static ImmutableDictionary<string, object> Map(params (string Key, object Value)[] items) =>
        items.ToImmutableDictionary(item => item.Key, item => item.Value);
}
