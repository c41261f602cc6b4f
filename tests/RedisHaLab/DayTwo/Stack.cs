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

/// <summary>What a lab is made with, before the first change.</summary>
/// <param name="Nodes">Redis nodes.</param>
/// <param name="More">KEY=VALUE: further settings.</param>
/// <param name="Release">The suite of its machines; null for the host's own.</param>
internal sealed record Beginning(int Nodes, ImmutableArray<string> More, string? Release)
{
    /// <summary>What a lab that exists has otherwise than these options ask for, in words; null when nothing. What is null was not asked for.</summary>
    public string? Contradiction(int? nodes, IReadOnlyCollection<string> more, string? release) =>
        nodes is { } count && count != Nodes ? $"--nodes {count}: it was made with {Nodes} nodes"
        : more.Count > 0 && !more.Order(StringComparer.Ordinal).SequenceEqual(More.Order(StringComparer.Ordinal))
            ? $"--set {string.Join(" --set ", more)}: it was made with {(More.IsEmpty ? "no further setting" : "--set " + string.Join(" --set ", More))}"
        : release is not null && release != Release ? $"--release {release}: it was made with {Release ?? "this machine's own suite"}"
        : null;
}

/// <summary>What changes are made to.</summary>
internal sealed class Stack
{
    private readonly string _file;

    /// <summary>Opens it.</summary>
    /// <param name="paths">The lab.</param>
    /// <param name="progress">Where progress goes.</param>
    /// <param name="beginning">What a lab that is new is made with; that of a lab that exists is kept.</param>
    public Stack(LabPaths paths, Progress progress, Beginning beginning)
    {
        Paths = paths;
        Progress = progress;
        _file = FileOf(paths);
        // What an interrupted first `up` has left, before it made a machine, binds nobody.
        var kept = IsBegun(paths) ? Read(paths) : null;
        Beginning = kept?.Beginning ?? beginning;
        Settings = kept?.Settings ?? ImmutableSortedDictionary<string, string>.Empty
            .Add("redisAddresses", List(Enumerable.Range(131, beginning.Nodes))).Add("proxyAddresses", List([141, 142]))
            .SetItems(beginning.More.Select(pair => pair.Split('=', 2)).Select(pair => KeyValuePair.Create(pair[0], pair[^1])));
    }

    /// <summary>Whether there is a lab that has got a machine, so that what it is made with stands.</summary>
    public static bool IsBegun(LabPaths paths) => StateStore.Exists(paths) && StateStore.Read(paths).Machines.Count > 0;

    /// <summary>What a lab that exists was made with; null where that is not known.</summary>
    public static Beginning? BeginningOf(LabPaths paths) => Read(paths)?.Beginning;

    /// <summary>What it was made with.</summary>
    public Beginning Beginning { get; }

    /// <summary>The lab.</summary>
    public LabPaths Paths { get; }

    /// <summary>Where progress goes.</summary>
    public Progress Progress { get; }

    /// <summary>The settings of the last change that was made to its end.</summary>
    public ImmutableSortedDictionary<string, string> Settings { get; private set; }

    /// <summary>Sessions that a change must leave alone.</summary>
    public List<SslStream> Sessions { get; } = [];

    /// <summary>What <see cref="Change.Prepare"/> has seen and <see cref="Change.Prove"/> compares.</summary>
    public IReadOnlyList<string> Seen { get; set; } = [];

    /// <summary>Names of the Redis nodes, in order.</summary>
    public IReadOnlyList<string> Redis => [.. Addresses("redisAddresses").Select((_, index) => $"redis{index + 1}")];

    /// <summary>Last numbers of the addresses in a setting.</summary>
    public ImmutableArray<int> Addresses(string setting) => Addresses(setting, Settings);

    /// <summary>Redis nodes that an order has and the stack does not.</summary>
    public int NewNodes(Order order) => Math.Max(0, Addresses("redisAddresses", order.Settings).Length - Redis.Count);

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
        FileModes.WriteSecret(_file, JsonSerializer.Serialize(new Kept(Beginning, settings)));
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

    private sealed record Kept(Beginning Beginning, ImmutableSortedDictionary<string, string> Settings);

    private static ImmutableArray<int> Addresses(string setting, ImmutableSortedDictionary<string, string> settings) =>
        [.. JsonSerializer.Deserialize<string[]>(settings[setting])!.Select(address => int.Parse(address.Split('.')[3], CultureInfo.InvariantCulture))];

    private static Kept? Read(LabPaths paths) => File.Exists(FileOf(paths)) ? JsonSerializer.Deserialize<Kept>(File.ReadAllText(FileOf(paths))) : null;

    private static string FileOf(LabPaths paths) => Path.Combine(paths.StateDirectory, "day2.json");

    private static string List(IEnumerable<int> numbers) => JsonSerializer.Serialize(numbers.Select(number => $"172.31.235.{number}"));
}
