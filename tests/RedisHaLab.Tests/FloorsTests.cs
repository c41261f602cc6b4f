// The lab's rooms and their order; and that a use that points upwards is found.

using RedisHaProcesses;
using Xunit;

namespace RedisHaLab.Tests;

public sealed class FloorsTests
{
    [Fact]
    public void Each_room_of_the_lab_uses_only_rooms_below()
        => Assert.Empty(Floors.Violations(
            Path.Combine(Repository.Root, "tests", "RedisHaLab"), "RedisHaLab",
            ["Host"], ["State"], ["Network"], ["Machines"], ["Services"], ["Instance"], ["Provider"], ["Cluster"], ["Load"], ["Verification"], ["DayTwo"],
                ["Commands"]));

    [Theory]
    [InlineData("using Example.Upper;", "Lower/A.cs uses Upper, which is not below Lower")]
    [InlineData("using static Example.Upper.Thing;", "Lower/A.cs uses Upper, which is not below Lower")]
    [InlineData("using T = Example.Upper.Thing;", "Lower/A.cs uses Upper, which is not below Lower")]
    [InlineData("class A { int x = Upper.Thing.One; }", "Lower/A.cs uses Upper, which is not below Lower")]
    [InlineData("using Example.Beside;", "Lower/A.cs uses Beside, which is not below Lower")]
    [InlineData("namespace Example;", "Lower/A.cs is in the namespace Example")]
    [InlineData("global using System.Text;", "Lower/A.cs has a global using")]
    [InlineData("namespace Example.Lower.Deep;", null)]
    [InlineData("class A { int x = Upper.Other; }", null)] // a member of that name
    [InlineData("// using Example.Upper;", null)]
    public void A_use_that_points_upwards_is_found(string text, string? expected)
    {
        var project = Directory.CreateTempSubdirectory("redis-ha-floors").FullName;
        try
        {
            Write("Lower/A.cs", $"{text}\n");
            Write("Beside/B.cs", "namespace Example.Beside;\n");
            Write("Upper/C.cs", "using Example.Lower;\nnamespace Example.Upper;\ninternal static class Thing;\n");
            Assert.Equal(expected is null ? [] : [expected], Floors.Violations(project, "Example", ["Lower", "Beside"], ["Upper"]));
            Assert.Equal(["Upper/ stands on no floor"], Floors.Violations(project, "Example", ["Lower", "Beside"]));
            Assert.Equal(["Cellar/ does not exist"], Floors.Violations(project, "Example", ["Cellar"], ["Lower", "Beside"], ["Upper"]));
        }
        finally
        {
            Directory.Delete(project, recursive: true);
        }

        void Write(string file, string content)
        {
            var path = Path.Combine(project, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }
    }
}
