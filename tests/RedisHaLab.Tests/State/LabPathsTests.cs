// Names of labs.

using RedisHaLab.Host;
using RedisHaLab.State;
using Xunit;

namespace RedisHaLab.Tests.State;

public sealed class LabPathsTests
{
    [Theory]
    [InlineData("")]
    [InlineData("Lab")]
    [InlineData("1lab")]
    [InlineData("../etc")]
    [InlineData("a.b")]
    [InlineData("thirteen-char")]
    public void A_bad_name_is_refused_with_the_rule(string name)
    {
        var refusal = Assert.Throws<LabException>(() => new LabPaths(name));
        Assert.Equal(LabException.Unusable, refusal.ExitCode);
        Assert.Contains($"\"{name}\"", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("1 to 12 lower-case letters", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_labs_share_nothing_but_the_cache()
    {
        var (one, two) = (new LabPaths("one"), new LabPaths("two"));
        Assert.NotEqual(one.StateDirectory, two.StateDirectory);
        Assert.NotEqual(one.RunDirectory, two.RunDirectory);
        Assert.NotEqual(one.ControlGroup, two.ControlGroup);
        Assert.NotEqual(one.Namespace("vcn"), two.Namespace("vcn"));
        Assert.NotEqual(one.HostName("redis1"), two.HostName("redis1"));
        Assert.NotEqual(one.LockFile, two.LockFile);
    }
}
