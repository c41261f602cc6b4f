// What a whole run has seen.

namespace RedisHaBench.Traffic;

/// <summary>The rounds of one contender under one load.</summary>
internal sealed record TrafficCase
{
    public required string Load { get; init; }

    public required string Contender { get; init; }

    /// <summary>By round; null where the run failed.</summary>
    public required IReadOnlyList<Sample?> Samples { get; init; }

    /// <summary>Median of a figure over the rounds; null when there is none.</summary>
    public double? Median(Metric metric)
        => Samples.Select(s => s is null ? null : metric.Of(s)).OfType<double>().ToArray() is { Length: > 0 } values ? Statistics.Median(values) : null;
}

/// <summary>The rounds of one contender with idle connections.</summary>
/// <param name="Contender">Its name.</param>
/// <param name="Rounds">By round.</param>
internal sealed record IdleCase(string Contender, IReadOnlyList<IdleMemory> Rounds)
{
    /// <summary>Median of resident memory at a step, bytes.</summary>
    public double Resident(int connections) => Statistics.Median(Rounds.Select(r => (double)r.Resident[connections]));

    /// <summary>Median of the memory of a connection, bytes.</summary>
    public double PerConnection => Statistics.Median(Rounds.Select(r => r.PerConnection));
}

/// <summary>A contender in a result.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Description">What its configuration is.</param>
/// <param name="Kind">What it is.</param>
/// <param name="IsDefault">Whether the exit code depends on it.</param>
/// <param name="IsVariant">Whether it is there to show what a setting does, and has no bars.</param>
internal sealed record ContenderResult(string Name, string Description, ContenderKind Kind, bool IsDefault, bool IsVariant = false);

/// <summary>A whole run.</summary>
internal sealed record TrafficResult
{
    /// <summary>When it was begun, UTC.</summary>
    public required DateTimeOffset Begun { get; init; }

    /// <summary>Machine and programs.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    public required IReadOnlyList<ContenderResult> Contenders { get; init; }

    /// <summary>Loads by name, with what they are.</summary>
    public required IReadOnlyDictionary<string, string> Loads { get; init; }

    public required IReadOnlyList<TrafficCase> Cases { get; init; }

    public required IReadOnlyList<IdleCase> Idle { get; init; }

    /// <summary>Ours against every HAProxy.</summary>
    public IReadOnlyList<Comparison> Comparisons { get; init; } = [];

    /// <summary>What ours add to the machine's work; empty where that was not measured.</summary>
    public IReadOnlyList<Comparison> Added { get; init; } = [];

    public IReadOnlyList<TrafficBar> Bars { get; init; } = [];

    public IReadOnlyList<Profile> Profiles { get; init; } = [];
}
