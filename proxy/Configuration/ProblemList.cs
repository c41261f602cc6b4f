// What is wrong with a file, in its order.

namespace RedisHaProxy.Configuration;

/// <summary>Collects the problems of one file.</summary>
internal sealed class ProblemList(string file)
{
    private readonly List<ConfigurationProblem> _errors = [];
    private readonly List<ConfigurationProblem> _warnings = [];

    public bool Any => _errors.Count > 0;

    public IReadOnlyList<ConfigurationProblem> Errors => [.. _errors.OrderBy(p => (p.Position?.Line ?? 0, p.Position?.Column ?? 0))];

    public IReadOnlyList<ConfigurationProblem> Warnings => [.. _warnings.OrderBy(p => (p.Position?.Line ?? 0, p.Position?.Column ?? 0))];

    public void Error(FilePosition? at, string key, string cause) => _errors.Add(new ConfigurationProblem(file, at, key, cause));

    public void Warn(FilePosition? at, string key, string cause) => _warnings.Add(new ConfigurationProblem(file, at, key, cause));
}
