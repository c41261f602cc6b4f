// Who cannot see colours well, or at all, reads the page as well: contrast of every pair of colours that is used, in both schemes.

using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaProxy.Tests.Admin;

public sealed partial class AccessibilityTests
{
    private static readonly string Style = File.ReadAllText(Path.Combine(Repository.Root, "proxy/Admin/Page/stats.css"));

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (string ground in new[] { "page", "card", "good-back", "warn-back", "bad-back" })
        {
            pairs.Add("ink", ground);
            pairs.Add("soft", ground);
        }

        foreach (string state in new[] { "good", "warn", "bad" })
        {
            pairs.Add(state, "card");
            pairs.Add(state, state + "-back");
            pairs.Add(state, "page"); // in the footer
        }

        return pairs;
    }

    /// <summary>WCAG 2.2, success criterion 1.4.3: 4.5 to 1 for text of this size.</summary>
    [Theory]
    [MemberData(nameof(Pairs))]
    public void Text_has_the_contrast_that_WCAG_asks_for(string text, string ground)
    {
        foreach (bool dark in new[] { false, true })
        {
            double[] luminances = [.. new[] { text, ground }.Select(name => Luminance(Colour(name, dark))).Order()];
            double contrast = (luminances[1] + 0.05) / (luminances[0] + 0.05);
            Assert.True(contrast >= 4.5, $"--{text} on --{ground} in the {(dark ? "dark" : "light")} scheme: {contrast:0.00}");
        }
    }

    private static string Colour(string name, bool dark)
    {
        var found = ColourPattern().Matches(Style).Where(m => m.Groups["name"].Value == name).Select(m => m.Groups["value"].Value).ToList();
        Assert.True(found.Count == 2, $"--{name} is set once for each scheme");
        return found[dark ? 1 : 0];
    }

    private static double Luminance(string colour)
    {
        string digits = colour.Length == 3 ? string.Concat(colour.Select(c => new string(c, 2))) : colour;
        double Channel(int index)
        {
            double value = int.Parse(digits.AsSpan(index * 2, 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0;
            return value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
        }

        return (0.2126 * Channel(0)) + (0.7152 * Channel(1)) + (0.0722 * Channel(2));
    }

    [GeneratedRegex("--(?<name>[a-z-]+): #(?<value>[0-9a-fA-F]{6}|[0-9a-fA-F]{3})\\b")]
    private static partial Regex ColourPattern();
}
