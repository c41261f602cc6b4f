// Redis nodes that are dead and that a change leaves out, so that the others can be changed meanwhile. They get the change when they are back.

using System.Collections.Immutable;

namespace RedisHaInfra.Settings;

/// <summary>Reads and judges the setting.</summary>
internal static class AbsentNodes
{
    /// <summary>Names of nodes. While one more restarts, the rest must be a majority of the Sentinels, or there would be no failover: of three nodes
    /// none can be left out, of five one.</summary>
    public static ImmutableArray<string> Read(SettingsReader reader, int nodes)
    {
        ImmutableArray<string> absent = reader.List(Setting.AbsentNodes);
        string[] names = [.. Enumerable.Range(1, nodes).Select(number => $"redis{number}")];
        string? unknown = absent.FirstOrDefault(name => !names.Contains(name));
        int most = ((nodes - 1) / 2) - 1;
        reader.RequireOr(string.Empty, unknown is null, Setting.AbsentNodes,
            $"names of Redis nodes ({string.Join(", ", names)}); '{unknown}' is not one of them", Setting.RedisAddresses);
        reader.RequireOr(string.Empty, absent.Distinct().Count() <= most, Setting.AbsentNodes,
            $"at most {most} of {nodes} nodes: while one more restarts, the others must be a majority. Bring the dead node back, give it another address, "
            + "or take it off the list (docs/day2.md, \"While a node is dead\")", Setting.RedisAddresses);
        return reader.Failed(Setting.AbsentNodes) ? [] : [.. absent.Distinct()];
    }

    /// <summary>Those that were built: what is new is not dead.</summary>
    public static ImmutableArray<string> Built(StackSettings settings, MachinePlan plan) =>
        [.. settings.Network.AbsentNodes.Where(name => !plan.IsNew(name))];

    /// <summary>What to say when a run would change more than the nodes' payloads; null when it would not.</summary>
    /// <param name="built">What the stack was built with.</param>
    /// <param name="settings">The settings.</param>
    /// <param name="plan">What becomes of the machines.</param>
    public static string? Refusal(IReadOnlyDictionary<string, string> built, StackSettings settings, MachinePlan plan)
    {
        ImmutableArray<string> absent = Built(settings, plan);
        if (absent.IsEmpty)
        {
            return null;
        }
        var listed = settings.Network.Redis.Select(node => node.Name).ToHashSet(StringComparer.Ordinal);
        bool isOther = listed.Any(plan.IsNew) || built.Keys.Any(name => name.StartsWith("redis", StringComparison.Ordinal)
            && int.TryParse(name["redis".Length..], out _) && !listed.Contains(name));
        string? what = plan.HasChanges ? "another size, place or address of a machine"
            : isOther ? "another list of nodes"
            : built.GetValueOrDefault(Setting.PasswordVersions.Key) is { } versions && versions != settings.Passwords.Text ? "other passwords"
            : null;
        return what is null ? null
            : $"{what} needs all nodes, and {string.Join(", ", absent)} is left out ({SettingsSource.Namespace}:{Setting.AbsentNodes.Key}). "
                + $"Nothing was changed. Set it as it was until the node is back, or first run: {Setting.AbsentNodes.ExampleCommand(string.Empty)}";
    }
}
