// The lab's stack over its changes: the settings that it has now, kept beside its state, so that each change begins where the last one ended.

using System.Collections.Immutable;
using System.Globalization;
using System.Net.Security;
using System.Text.Json;
using RedisHaLab.Cluster;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.DayTwo;

/// <summary>What changes are made to.</summary>
internal sealed class Stack
{
    private readonly string _file;

    /// <summary>Opens it.</summary>
    /// <param name="paths">The lab.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="nodes">Redis nodes of a lab that is new.</param>
    /// <param name="more">KEY=VALUE: further settings of a lab that is new.</param>
    public Stack(LabPaths paths, Progress progress, int nodes, IEnumerable<string> more)
    {
        Paths = paths;
        Progress = progress;
        _file = FileOf(paths);
        Settings = File.Exists(_file) ? JsonSerializer.Deserialize<ImmutableSortedDictionary<string, string>>(File.ReadAllText(_file))!
            : ImmutableSortedDictionary<string, string>.Empty.Add("redisAddresses", List(Enumerable.Range(131, nodes))).Add("proxyAddresses", List([141, 142]))
                .SetItems(more.Select(pair => pair.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], pair[^1])));
    }

    /// <summary>Whether the settings of a lab are known.</summary>
    public static bool IsKnown(LabPaths paths) => File.Exists(FileOf(paths));

    /// <summary>The lab.</summary>
    public LabPaths Paths { get; }

    /// <summary>Where progress goes.</summary>
    public Progress Progress { get; }

    /// <summary>The settings of the last change that was made to its end.</summary>
    public ImmutableSortedDictionary<string, string> Settings { get; private set; }

    /// <summary>Sessions that a change must leave alone.</summary>
    public List<SslStream> Sessions { get; } = [];

    /// <summary>Names of the Redis nodes, in order.</summary>
    public IReadOnlyList<string> Redis => [.. Addresses("redisAddresses").Select((_, index) => $"redis{index + 1}")];

    /// <summary>Last numbers of the addresses in a setting.</summary>
    public ImmutableArray<int> Addresses(string setting) =>
        [.. JsonSerializer.Deserialize<string[]>(Settings[setting])!.Select(address => int.Parse(address.Split('.')[3], CultureInfo.InvariantCulture))];

    /// <summary>The same settings with another list of addresses.</summary>
    public ImmutableSortedDictionary<string, string> With(string setting, IEnumerable<int> addresses) => Settings.SetItem(setting, List(addresses));

    /// <summary>A number in a setting, such as the 2 in "io-threads 2"; 0 where it is not set.</summary>
    public int Number(string setting, string before = "") =>
        Settings.TryGetValue(setting, out var value) && value.IndexOf(before, StringComparison.Ordinal) is >= 0 and var at
            ? int.Parse(string.Concat(value[(at + before.Length)..].TakeWhile(char.IsAsciiDigit)), CultureInfo.InvariantCulture) : 0;

    /// <summary>These settings are in force.</summary>
    public void Keep(ImmutableSortedDictionary<string, string> settings)
    {
        Settings = settings;
        Paths.EnsureStateDirectory();
        FileModes.WriteSecret(_file, JsonSerializer.Serialize(settings));
    }

    /// <summary>The lab as it is now; another command may have changed it since.</summary>
    public Lab Open() => new(Paths, Progress);

    /// <summary>Does something in the lab while nobody else changes it.</summary>
    public async Task InLabAsync(Func<Lab, Task> act)
    {
        using var exclusive = InstanceLock.Take(Paths);
        using var lab = Open();
        await act(lab);
    }

    /// <summary>The node that is master.</summary>
    /// <exception cref="CheckFailedException">Not exactly one is.</exception>
    public async Task<string> MasterAsync()
    {
        using var lab = Open();
        return (await new ClusterView(lab).MasterAsync())?.Name ?? throw new CheckFailedException("not exactly one node says that it is the master");
    }

    /// <summary>The rows that were measured and hold, in a run that was not yet complete: an interrupted one goes on after them.</summary>
    public IReadOnlySet<string> Measured => File.Exists(RowsFile) ? File.ReadAllLines(RowsFile).ToHashSet(StringComparer.Ordinal) : new HashSet<string>();

    /// <summary>A row holds.</summary>
    public void KeepMeasured(string row) => File.AppendAllText(RowsFile, row + "\n");

    /// <summary>All rows hold: the next run begins with the first.</summary>
    public void ForgetMeasured() => File.Delete(RowsFile);

    private string RowsFile => Path.Combine(Paths.StateDirectory, "day2.rows");

    private static string FileOf(LabPaths paths) => Path.Combine(paths.StateDirectory, "day2.json");

    private static string List(IEnumerable<int> numbers) => JsonSerializer.Serialize(numbers.Select(number => $"172.31.235.{number}"));
}
