// Oracle's list prices, as prices.txt has them: the one place where a price stands.

using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;

namespace RedisHaInfra.Settings;

/// <summary>Prices in USD by name.</summary>
/// <param name="Date">When they were collected, year-month-day.</param>
/// <param name="Source">Where from.</param>
/// <param name="Prices">The prices: E5.ocpu of an OCPU for an hour, E5.memory of a GB for an hour, volume.storage of a GB for a month, and so on.</param>
internal sealed record PriceTable(string Date, string Source, FrozenDictionary<string, decimal> Prices)
{
    /// <summary>The table of this release.</summary>
    public static PriceTable OfRelease { get; } = Load();

    /// <summary>Reads the text of a table.</summary>
    /// <exception cref="FormatException">A line is not NAME PRICE UNIT PART, a name is there twice, or date or source is missing.</exception>
    public static PriceTable Parse(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        var prices = new Dictionary<string, decimal>(StringComparer.Ordinal);
        foreach (string line in lines.Where(line => line[0] != '#'))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 4 || !decimal.TryParse(words[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal price)
                || !prices.TryAdd(words[0], price))
            {
                throw new FormatException($"not a price, or there twice: {line}");
            }
        }
        return new PriceTable(Head("date"), Head("source"), prices.ToFrozenDictionary(StringComparer.Ordinal));

        string Head(string name) => lines.FirstOrDefault(line => line.StartsWith($"# {name}: ", StringComparison.Ordinal))?[(name.Length + 4)..]
            ?? throw new FormatException($"the table of prices has no line \"# {name}: \"");
    }

    /// <summary>A machine of a size for an hour; null when the table does not have its shape.</summary>
    public decimal? OfHour(MachineSize size)
    {
        string[] parts = size.Shape.Split('.');
        // VM.Standard.E5.Flex is the family E5, VM.Standard3.Flex the family Standard3; shapes of a fixed size have prices of their own.
        string family = parts.Length == 4 ? parts[2] : parts[1];
        return size.IsFlexible && Prices.TryGetValue($"{family}.ocpu", out decimal ocpu) && Prices.TryGetValue($"{family}.memory", out decimal memory)
            ? (size.Ocpus * ocpu) + (size.MemoryGb * memory)
            : null;
    }

    private static PriceTable Load()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Settings/prices.txt")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd());
    }
}
