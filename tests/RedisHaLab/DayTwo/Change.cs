// A change that an operator makes: what it is called, how it is made, and what has to be true before and after.

using System.Collections.Immutable;

namespace RedisHaLab.DayTwo;

/// <summary>What an operator runs, and the settings that hold when it has been made.</summary>
/// <param name="Command">Program and arguments.</param>
/// <param name="Settings">The settings afterwards.</param>
internal sealed record Order(IReadOnlyList<string> Command, ImmutableSortedDictionary<string, string> Settings);

/// <summary>One row of the table.</summary>
/// <param name="Name">For --only.</param>
/// <param name="What">For people.</param>
internal sealed record Change(string Name, string What)
{
    /// <summary>The longest time without an acknowledged write that a change may cost, in milliseconds.</summary>
    public const int UsualGap = 1200;

    /// <summary>The longest that one client may wait from one answer to the next, in milliseconds: others may be served meanwhile.</summary>
    public const int LongestWaitOfOne = 2000;

    /// <summary><see cref="UsualGap"/> of this one.</summary>
    public int LongestGap { get; init; } = UsualGap;

    /// <summary>
    /// Whether it brings older data back. Then what was acknowledged before the longest pause in writes is gone as ordered, writes may be refused
    /// in that pause, and the rest is as for every change.
    /// </summary>
    public bool IsRewind { get; init; }

    /// <summary>The fewest nodes that may be in step at any time.</summary>
    public int LeastInStep { get; init; } = 2;

    /// <summary>Makes what the change begins with, before anybody measures.</summary>
    public Func<Stack, Task> Prepare { get; init; } = _ => Task.CompletedTask;

    /// <summary>What happens under load before the command, such as the loss that is repaired.</summary>
    public Func<Stack, Task> Begin { get; init; } = _ => Task.CompletedTask;

    /// <summary>The command.</summary>
    public required Func<Stack, Order> Order { get; init; }

    /// <summary>Proves that the change was made; throws where it was not.</summary>
    public Func<Stack, Task> Prove { get; init; } = _ => Task.CompletedTask;

    /// <summary>Whether it begins with the loss of a node: with three of them none is left over that could be dead beside it.</summary>
    public bool LosesNode { get; init; }

    /// <summary>Whether of five nodes a dead one can be left out (absentNodes): it changes what runs on the nodes and nothing else, or restarts them.</summary>
    public bool GoesWithoutOne { get; init; }

    /// <summary>Whether it is about the number of nodes, so that it begins with what it needs; all others begin with the number that was asked for.</summary>
    public bool CountsNodes { get; init; }

    /// <summary>Another node than these can be dead meanwhile.</summary>
    public Func<Stack, IReadOnlyCollection<string>> Involves { get; init; } = _ => [];
}
