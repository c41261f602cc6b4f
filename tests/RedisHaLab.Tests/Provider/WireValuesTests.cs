// Values on Pulumi's wire: to the state file and back, and equal hashes for equal inputs.

using System.Collections.Immutable;
using RedisHaLab.Host;
using RedisHaLab.Provider;
using Xunit;

namespace RedisHaLab.Tests.Provider;

public sealed class WireValuesTests
{
    private static readonly ImmutableDictionary<string, object> Value = ImmutableDictionary<string, object>.Empty
        .Add("text", "t").Add("number", 6379.0).Add("flag", true)
        .Add("list", ImmutableArray.Create<object>("a", ImmutableDictionary<string, object>.Empty.Add("b", 1.5)));

    [Fact]
    public void A_value_comes_back_as_it_was()
    {
        var back = Assert.IsType<ImmutableDictionary<string, object>>(WireValues.FromJson(WireValues.ToJson(Value)));
        Assert.Equal(WireValues.Hash(Value), WireValues.Hash(back));
        Assert.Equal(6379.0, back["number"]);
        Assert.Equal("a", Assert.IsType<ImmutableArray<object>>(back["list"])[0]);
    }

    [Fact]
    public void A_hash_follows_the_content_and_not_the_order()
    {
        var reordered = Value.OrderByDescending(pair => pair.Key).ToImmutableDictionary();
        Assert.Equal(WireValues.Hash(Value), WireValues.Hash(reordered));
        Assert.NotEqual(WireValues.Hash(Value), WireValues.Hash(Value.SetItem("text", "u")));
    }

    [Fact]
    public void Inputs_are_read_by_their_type()
    {
        var inputs = new Properties(Value.Add("yes", "true").Add("empty", ""), "thing");
        Assert.Equal(6379, inputs.Number("number"));
        Assert.True(inputs.Flag("yes"));
        Assert.Null(inputs.OptionalText("empty"));
        Assert.Equal(["a"], inputs.Texts("list"));
        Assert.Equal(1, Assert.Single(inputs.Objects("list")).Number("b") - 1);
        Assert.Contains("thing", Assert.Throws<LabException>(() => inputs.Text("missing")).Message, StringComparison.Ordinal);
    }
}
