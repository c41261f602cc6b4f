// Outputs and inputs on their own.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using Xunit;

namespace PulumiStandIn.Tests;

public class OutputTests
{
    [Fact]
    public async Task Apply_passes_the_value_and_keeps_secrecy()
    {
        Output<int> length = Output.CreateSecret("four").Apply(text => text.Length);
        Assert.Equal(4, await OutputUtilities.GetValueAsync(length));
        Assert.True(await Output.IsSecretAsync(length));
        Assert.False(await Output.IsSecretAsync(Output.Unsecret(length)));
    }

    [Fact]
    public async Task Apply_takes_over_the_secrecy_of_an_inner_output()
    {
        Output<string> inner = Output.Create(1).Apply(_ => Output.CreateSecret("s"));
        Assert.True(await Output.IsSecretAsync(inner));
        Assert.Equal(2, await OutputUtilities.GetValueAsync(Output.Create(1).Apply(one => Task.FromResult(one + 1))));
        Assert.Null(await OutputUtilities.GetValueAsync(Output.Create(1).Apply(_ => (Output<string>?)null)));
    }

    [Fact]
    public async Task An_unknown_is_never_passed_on()
    {
        Output<string> applied = OutputUtilities.CreateUnknown("x").Apply(string (_) => throw new InvalidOperationException("called"));
        Assert.False(await OutputUtilities.GetIsKnownAsync(applied));
        Assert.Null(await OutputUtilities.GetValueAsync(applied));
        Assert.False(await OutputUtilities.GetIsKnownAsync(Output.Tuple(applied, Output.Create(1))));
        Assert.False(await OutputUtilities.GetIsKnownAsync(Output.Format($"{applied} {1}")));
    }

    [Fact]
    public async Task All_Tuple_and_Format_are_secret_when_a_part_is()
    {
        var secret = Output.CreateSecret("s");
        var open = Output.Create("o");
        Assert.True(await Output.IsSecretAsync(Output.All(open, secret)));
        Assert.False(await Output.IsSecretAsync(Output.All(open, open)));
        Assert.True(await Output.IsSecretAsync(Output.Tuple(open, secret)));
        Assert.True(await Output.IsSecretAsync(Output.Format($"{open}{secret}")));
        Assert.Equal<string>(["o", "s"], await OutputUtilities.GetValueAsync(Output.All(open, secret)));
        Assert.Equal((1, 2, 3, 4, 5), await OutputUtilities.GetValueAsync(Output.Tuple<int, int, int, int, int>(1, 2, 3, 4, 5)));
        Assert.Equal(
            (1, 2, 3, 4, 5, 6, 7, "8"),
            await OutputUtilities.GetValueAsync(Output.Tuple<int, int, int, int, int, int, int, string>(1, 2, 3, 4, 5, 6, 7, "8")));
    }

    [Fact]
    public async Task Format_takes_values_outputs_and_inputs_in_the_invariant_culture()
    {
        Input<double> input = 1.5;
        Assert.Equal(
            "a 1.5 007 ", await OutputUtilities.GetValueAsync(Output.Format($"{Output.Create("a")} {input} {7:000} {(string?)null}")));
    }

    [Fact]
    public async Task A_failing_function_fails_the_output()
    {
        Output<int> failing = Output.Create(1).Apply(int (_) => throw new InvalidOperationException("no"));
        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() => OutputUtilities.GetValueAsync(failing));
        Assert.Equal("no", e.Message);
    }

    [Fact]
    public async Task Lists_are_built_from_values_outputs_and_other_lists()
    {
        InputList<string> list = ["a", Output.Create("b")];
        list.AddRange(new[] { "c", "d" });
        list.Add("e", Output.CreateSecret("f"));
        Assert.Equal<string>(["a", "b", "c", "d", "e", "f"], await OutputUtilities.GetValueAsync(list.ToOutput()));
        Assert.True(await Output.IsSecretAsync(list.ToOutput()));

        InputList<string> joined = list.Concat(Output.Create(ImmutableArray.Create("g")));
        Assert.Equal(7, (await OutputUtilities.GetValueAsync(joined.ToOutput())).Length);
        var streamed = new List<string>();
        await foreach (Input<string> item in joined)
        {
            streamed.Add(await OutputUtilities.GetValueAsync(item.ToOutput()));
        }

        Assert.Equal("abcdefg", string.Concat(streamed));
    }

    [Fact]
    public async Task Maps_take_a_key_twice_only_with_one_value()
    {
        var map = new InputMap<string> { { "a", "1" }, { "b", Output.Create("2") } };
        map["c"] = "3";
        map.Add("a", "1");
        Assert.Equal(3, (await OutputUtilities.GetValueAsync(map.ToOutput())).Count);
        Assert.Equal("2", (await OutputUtilities.GetValueAsync(map.ToOutput()))["b"]);

        var merged = InputMap<string>.Merge(map, new Dictionary<string, string> { ["a"] = "4" });
        Assert.Equal("4", (await OutputUtilities.GetValueAsync(merged.ToOutput()))["a"]);

        map.Add("a", "5");
        ArgumentException e = await Assert.ThrowsAsync<ArgumentException>(() => OutputUtilities.GetValueAsync(map.ToOutput()));
        Assert.Contains("'a'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_output_of_a_list_can_be_reached_into()
    {
        var list = Output.Create(ImmutableArray.Create("a", "b"));
        Assert.Equal("a", await OutputUtilities.GetValueAsync(list.First()));
        Assert.Equal("b", await OutputUtilities.GetValueAsync(list.GetAt(1)));
        Assert.Equal(2, await OutputUtilities.GetValueAsync(list.Length()));
    }
}
