// Words of haproxy.cfg, against the table of its manual (section 2.2), and files that nobody wrote.

using CsCheck;
using RedisHaProxy.Importing;

namespace RedisHaProxy.Tests.Importing;

public sealed class HaproxyLineTests
{
    [Theory]
    [InlineData(@"a b\ c", "a|b c")]
    [InlineData("a \"b c\"", "a|b c")]
    [InlineData("a 'b c'", "a|b c")]
    [InlineData("a \"b\"' c'", "a|b c")]
    [InlineData(@"a '\r' ""\r"" \r", "a|\\r|\r|\r")]
    [InlineData(@"a \x41 ""\x41"" '\x41'", @"a|A|A|\x41")]
    [InlineData(@"a \# ""#"" '#' # b", "a|#|#|#")]
    [InlineData(@"a \$ $b ""\$"" '$'", "a|$|$b|$|$")]
    [InlineData("""a "'" '"' \" \\""", "a|'|\"|\"|\\")]
    [InlineData("a \"${NAME}\" \"$NAME\" \"${ABSENT-else}\" ''", "a|value|value|else|")]
    [InlineData("\ta\t b ", "a|b")]
    [InlineData("# a", "")]
    public void Words_are_those_of_the_manual(string line, string expected)
    {
        var words = HaproxyLine.ReadAll(line, Environment).SelectMany(each => each.Words);

        Assert.Equal(expected, string.Join('|', words));
    }

    [Fact]
    public void A_damaged_file_gives_a_result_or_an_error_with_its_line()
    {
        string whole = File.ReadAllText(Path.Combine(Repository.Root, "tests/RedisHaProxy.Tests/Importing/Files/reference.cfg"));
        int lines = whole.Split('\n').Length;

        Gen.Select(Gen.Int[0, whole.Length], Gen.Int[0, 60], Gen.String[Gen.Char["\"'\\#$ {}\n:x*@/é"], 0, 6], Gen.Int[0, 4]).Sample(
            (at, cut, put, times) =>
            {
                string damaged = whole[..at] + string.Concat(Enumerable.Repeat(put, times)) + whole[Math.Min(at + cut, whole.Length)..];
                try
                {
                    var result = HaproxyImport.Run(HaproxyFile.Read(damaged, Environment), new ImportOptions([], [], null), new HaproxyAddresses(_ => null));
                    return result.Write(_ => "secret").Length > 2;
                }
                catch (ImportException e)
                {
                    return e.Line >= 0 && e.Line <= damaged.Split('\n').Length && !e.Message.Contains('\n', StringComparison.Ordinal);
                }
            }, iter: 3000);
        Assert.InRange(lines, 40, 60);
    }

    private static string? Environment(string name) => name == "NAME" ? "value" : null;
}
