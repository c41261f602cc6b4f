// What a stack costs by the list, as a table: scripts/cost prints it from the configuration, and the output "cost" has it for the stack that was built.

using System.Globalization;
using System.Text;
using System.Text.Json;

namespace RedisHaInfra.Settings;

/// <summary>An estimate by list prices.</summary>
internal static class CostEstimate
{
    // As Oracle's own estimator counts a month.
    private const int HoursOfMonth = 744;

    // Block Volume, "Block Volume Performance": volumes and boot volumes are "balanced" unless they are told otherwise.
    private const int PerformanceUnits = 10;

    private static readonly Setting[] Counted =
    [
        Setting.Bastion, Setting.RedisAddresses, Setting.ProxyAddresses, Setting.RedisShape, Setting.RedisOcpus, Setting.RedisMemoryGb, Setting.ProxyShape,
        Setting.ProxyOcpus, Setting.ProxyMemoryGb, Setting.BastionShape, Setting.BastionOcpus, Setting.BastionMemoryGb, Setting.BootVolumeGb,
        Setting.RedisDataVolumeGb,
    ];

    /// <summary>
    /// The estimate for a configuration as `pulumi config --json` prints it; what it does not need may be missing, and secrets are not looked at.
    /// </summary>
    /// <exception cref="SettingsException">A setting that it needs does not hold.</exception>
    public static string OfConfiguration(string json)
    {
        using var document = JsonDocument.Parse(json);
        string prefix = SettingsSource.Namespace + ":";
        var values = document.RootElement.EnumerateObject()
            .Where(property => property.Name.StartsWith(prefix, StringComparison.Ordinal) && property.Value.TryGetProperty("value", out _))
            .ToDictionary(property => property.Name[prefix.Length..], property => property.Value.GetProperty("value").GetString() ?? string.Empty);
        (StackSettings settings, IReadOnlyList<SettingProblem> problems) = StackSettings.TryRead(new SettingsSource(values));
        SettingProblem[] wrong = [.. problems.Where(problem => Counted.Any(setting => setting.Key == problem.Key))];
        return wrong.Length == 0 ? Text(settings, PriceTable.OfRelease) : throw new SettingsException(wrong);
    }

    /// <summary>The estimate.</summary>
    public static string Text(StackSettings settings, PriceTable prices)
    {
        ComputeSettings compute = settings.Compute;
        int bastions = settings.Network.Bastion is null ? 0 : 1;
        int machines = settings.Network.Redis.Length + settings.Network.Proxies.Length + bastions;
        MachineSize[] sizes = [compute.Redis, compute.Proxy, .. bastions == 0 ? [] : new[] { compute.Bastion }];
        var rows = new List<(string What, decimal? Month)>
        {
            Machines("Redis nodes", settings.Network.Redis.Length, compute.Redis),
            Machines("proxies", settings.Network.Proxies.Length, compute.Proxy),
        };
        if (bastions > 0)
        {
            rows.Add(Machines("bastion", bastions, compute.Bastion));
        }
        rows.Add(Volumes("boot volumes", machines, compute.BootVolumeGb));
        if (compute.DataVolumeGb > 0)
        {
            rows.Add(Volumes("data volumes", settings.Network.Redis.Length, compute.DataVolumeGb));
        }
        rows.Add(("private network load balancer, VCN, gateways, public address: no charge in the list", 0));

        var text = new StringBuilder();
        int width = rows.Max(row => row.What.Length);
        foreach ((string what, decimal? month) in rows)
        {
            text.Append(what.PadRight(width)).Append("  ").Append((month is { } amount ? Amount(amount) : "?").PadLeft(10)).Append('\n');
        }
        text.Append("all of it, USD a month".PadRight(width)).Append("  ").Append(Amount(rows.Sum(row => row.Month ?? 0)).PadLeft(10)).Append('\n');
        foreach (MachineSize size in sizes.Distinct().Where(size => prices.OfHour(size) is null))
        {
            text.Append("\nnot in it: ").Append(size.Shape).Append(", which the table of prices does not have");
        }
        string backups = $"{Amount(prices.Prices["objects.storage"], 4)} USD a month for each GB";
        string logs = settings.Logs is null ? string.Empty : ", logs in OCI's Logging";
        text.Append(CultureInfo.InvariantCulture, $"\nnot in it: traffic to the Internet, backups ({backups}){logs}, taxes");
        text.Append(CultureInfo.InvariantCulture, $"\nlist prices of {prices.Date}, {HoursOfMonth} hours a month, without guarantee; {prices.Source}\n");
        return text.ToString();

        (string, decimal?) Machines(string what, int count, MachineSize size) => (
            $"{count} {what}: {size.Shape}{(size.IsFlexible ? $", {size.Ocpus} OCPU, {size.MemoryGb} GB" : string.Empty)}",
            prices.OfHour(size) * count * HoursOfMonth);

        (string, decimal?) Volumes(string what, int count, int gigabytes) => ($"{count} {what}: {gigabytes} GB, balanced",
            count * gigabytes * (prices.Prices["volume.storage"] + (PerformanceUnits * prices.Prices["volume.performance"])));
    }

    private static string Amount(decimal amount, int digits = 2) => amount.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
