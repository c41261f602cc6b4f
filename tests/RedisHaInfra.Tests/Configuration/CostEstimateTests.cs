// What a stack costs by the table of prices: each position from its own quantity, and nothing counted that the table does not have.

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed partial class CostEstimateTests
{
    // Round numbers, so that a sum can be followed in the head.
    private static readonly PriceTable Round = PriceTable.Parse("""
        # date: 2030-01-02
        # source: nowhere
        E5.ocpu 1 OCPU B1
        E5.memory 0.1 GB B2
        A1.ocpu 0.5 OCPU B3
        A1.memory 0.05 GB B4
        volume.storage 0.01 GB B5
        volume.performance 0.001 unit B6
        objects.storage 0.02 GB B7
        """);

    [Fact]
    public void The_default_stack_is_the_sum_of_its_machines_and_volumes()
    {
        string text = CostEstimate.Text(GoodSettings.Read(), Round);

        // 744 hours; a GB of a volume and its ten performance units.
        Assert.Equal(
            [3 * (1 + 0.8m) * 744, 2 * (1 + 0.4m) * 744, (1 + 0.2m) * 744, 6 * 50 * 0.02m, 0, ((5.4m + 2.8m + 1.2m) * 744) + 6],
            Amounts(text));
        Assert.Contains("3 Redis nodes: VM.Standard.E5.Flex, 1 OCPU, 8 GB", text, StringComparison.Ordinal);
        Assert.Contains("list prices of 2030-01-02, 744 hours a month, without guarantee; nowhere", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_that_cost_are_counted()
    {
        StackSettings settings = GoodSettings.Read(("redisShape", "VM.Standard.A1.Flex"), ("redisDataVolumeGb", "100"), ("bootVolumeGb", "60"),
            ("redisAddresses", """["172.31.235.131","172.31.235.132","172.31.235.133","172.31.235.134"]"""));

        decimal[] amounts = Amounts(CostEstimate.Text(settings, Round));

        Assert.Contains("a month for each GB), logs in OCI's Logging, taxes", CostEstimate.Text(
            GoodSettings.Read(("logsDynamicGroupId", "ocid1.dynamicgroup.oc1..aaaa")), Round), StringComparison.Ordinal);
        Assert.Equal((4 * (0.5m + 0.4m) * 744, 7 * 60 * 0.02m, 4 * 100 * 0.02m), (amounts[0], amounts[3], amounts[4]));
    }

    [Fact]
    public void A_shape_without_a_price_is_named_and_not_counted_as_nothing()
    {
        string text = CostEstimate.Text(GoodSettings.Read(("redisShape", "VM.Standard.E9.Flex"), ("bastionShape", "VM.Standard2.1")), Round);

        Assert.Matches(@"3 Redis nodes: VM\.Standard\.E9\.Flex, 1 OCPU, 8 GB +\?", text);
        Assert.Matches(@"1 bastion: VM\.Standard2\.1 +\?", text);
        Assert.Contains("not in it: VM.Standard.E9.Flex, which the table of prices does not have", text, StringComparison.Ordinal);
        Assert.Contains("not in it: VM.Standard2.1,", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_of_the_release_has_every_shape_that_is_an_example_and_no_price_of_nothing()
    {
        PriceTable table = PriceTable.OfRelease;

        Assert.All(table.Prices, pair => Assert.InRange(pair.Value, 0.0001m, 1));
        Assert.All(new[] { "VM.Standard.E3.Flex", "VM.Standard.E4.Flex", "VM.Standard.E5.Flex", "VM.Standard.E6.Flex", "VM.Standard.A1.Flex",
            "VM.Standard.A2.Flex", "VM.Standard3.Flex", "VM.Optimized3.Flex" }, shape => Assert.NotNull(table.OfHour(new MachineSize(shape, 1, 8))));
        Assert.True(DateOnly.TryParseExact(table.Date, "yyyy-MM-dd", out _), table.Date);
        Assert.StartsWith("Oracle's price list (https://", table.Source, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vm", 6)]
    [InlineData("service", 5)]
    [InlineData("none", 5)]
    public void A_stack_without_a_bastions_machine_does_not_pay_for_one(string bastion, int machines)
    {
        string text = CostEstimate.OfConfiguration(Configured(("bastion", bastion)));

        Assert.Contains($"\n{machines} boot volumes: 50 GB", text, StringComparison.Ordinal);
        Assert.Equal(bastion == "vm", text.Contains("1 bastion: ", StringComparison.Ordinal));
    }

    [Fact]
    public void A_way_in_that_there_is_not_is_told() => Assert.Equal(["bastion"],
        Assert.Throws<SettingsException>(() => CostEstimate.OfConfiguration(Configured(("bastion", "wm")))).Problems.Select(problem => problem.Key));

    [Theory]
    [InlineData("E5.ocpu 1 OCPU B1\nE5.ocpu 2 OCPU B1")]
    [InlineData("E5.ocpu cheap OCPU B1")]
    [InlineData("E5.ocpu 1")]
    public void A_table_that_is_not_one_is_refused(string lines) =>
        Assert.Throws<FormatException>(() => PriceTable.Parse($"# date: 2030-01-02\n# source: nowhere\n{lines}\n"));

    [Fact]
    public void The_configuration_as_pulumi_prints_it_is_estimated_without_its_secrets()
    {
        string json = JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["oci:region"] = new { value = "eu-frankfurt-1", secret = false },
            ["redis-ha:adminCidrs"] = new { value = """["203.0.113.7/32"]""", objectValue = new[] { "203.0.113.7/32" }, secret = false },
            ["redis-ha:sshPrivateKey"] = new { secret = true },
            ["redis-ha:redisMemoryGb"] = new { value = "16", secret = false },
            ["redis-ha:bootVolumeGb"] = new { value = "100", secret = false },
        });

        Assert.Contains("3 Redis nodes: VM.Standard.E5.Flex, 1 OCPU, 16 GB", CostEstimate.OfConfiguration(json), StringComparison.Ordinal);
        SettingsException error = Assert.Throws<SettingsException>(
            () => CostEstimate.OfConfiguration(json.Replace("\"16\"", "\"many\"", StringComparison.Ordinal)));
        Assert.Equal(["redisMemoryGb"], error.Problems.Select(problem => problem.Key));
    }

    private static string Configured(params (string Key, string Value)[] settings) => JsonSerializer.Serialize(
        settings.Append(("adminCidrs", """["203.0.113.7/32"]""")).ToDictionary(setting => $"redis-ha:{setting.Item1}", setting => new { value = setting.Item2 }));

    private static decimal[] Amounts(string text) =>
        [.. text.Split('\n').TakeWhile(line => line.Length > 0).Select(line => decimal.Parse(Amount().Match(line).Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"[0-9]+\.[0-9]{2}$")]
    private static partial Regex Amount();
}
