// What the verbs write for people: where lines and cells wrap, what a terminal gets, and what never reaches one.

using CsCheck;
using RedisHaProxy.Commands;

namespace RedisHaProxy.Tests.Hosting;

public sealed class ScreenTests
{
    [Fact]
    public void A_line_wraps_at_its_last_blank_that_fits_and_a_long_word_stays_whole()
    {
        var screen = new Screen(width: 10);
        screen.Line("one two three four");
        screen.Line("redis-ha-proxy explain");
        screen.Line();
        screen.Line("exactly10c and");
        Assert.Equal("one two\nthree four\nredis-ha-proxy\nexplain\n\nexactly10c\nand\n", screen.ToString());
    }

    [Fact]
    public void Every_word_is_written_once_and_no_line_is_longer_than_it_must_be() =>
        Gen.Select(Gen.String[Gen.Char["ab  "], 0, 60], Gen.Int[1, 30]).Sample((text, width) =>
        {
            var screen = new Screen(width);
            screen.Line(new Words(text[..(text.Length / 2)], Look.Bold), text[(text.Length / 2)..]);
            string[] lines = screen.ToString()[..^1].Split('\n');
            Assert.Equal(text, string.Join(' ', lines));
            Assert.All(lines, line => Assert.True(line.Length <= width || !line.Trim().Contains(' '), $"\"{line}\" of \"{text}\" at {width}"));
        });

    [Fact]
    public void Looks_are_codes_on_a_terminal_and_nothing_elsewhere()
    {
        Words[] words = [new("redis1", Look.Bold), " is ", new("down", Look.Red)];
        var (terminal, file) = (new Screen(coloured: true), new Screen());
        terminal.Line(words);
        file.Line(words);
        Assert.Equal("\x1b[1mredis1\x1b[0m is \x1b[31mdown\x1b[0m\n", terminal.ToString());
        Assert.Equal("redis1 is down\n", file.ToString());
    }

    [Fact]
    public void A_table_wraps_its_widest_column_and_ends_no_line_with_a_blank()
    {
        var screen = new Screen(width: 32);
        screen.Table(["node", ">lag", "~check", "since"],
        [
            ["redis1", "0 B", "up", "10:00"],
            ["redis2", "17 kB", "connection refused", "9:59"],
            ["redis3", "-", "", "-"],
        ]);
        Assert.Equal("""
            node      lag  check       since
            redis1    0 B  up          10:00
            redis2  17 kB  connection  9:59
                           refused
            redis3      -              -

            """, screen.ToString());
    }

    [Fact]
    public void What_a_server_says_gives_a_terminal_no_orders()
    {
        var screen = new Screen(coloured: true);
        screen.Line("said \x1b[2J\u009b31m\r\n\tx");
        screen.Table(["a"], [["\ay"]]);
        Assert.Equal("said  [2J 31m   x\n\x1b[90ma\x1b[0m\n y\n", screen.ToString());
    }
}
