// One line of `verify`: a check with its result.

using System.Diagnostics;
using RedisHaLab.Host;

namespace RedisHaLab.Cluster;

/// <summary>A check's result.</summary>
/// <param name="Name">What was checked.</param>
/// <param name="Passed">Whether it holds.</param>
/// <param name="Detail">What was seen.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record CheckResult(string Name, bool Passed, string Detail, double Seconds);

/// <summary>A check failed: the message says what was seen instead.</summary>
internal sealed class CheckFailedException : Exception
{
    public CheckFailedException(string message)
        : base(message)
    {
    }
}

/// <summary>Runs checks one after the other and keeps their results.</summary>
internal sealed class CheckList
{
    private readonly Action<CheckResult> _onResult;
    private readonly List<CheckResult> _results = [];

    public CheckList(Action<CheckResult> onResult) => _onResult = onResult;

    /// <summary>The results so far.</summary>
    public IReadOnlyList<CheckResult> Results => _results;

    /// <summary>Runs a check; it passes when it returns, with what it saw.</summary>
    public async Task RunAsync(string name, Func<Task<string>> check)
    {
        var clock = Stopwatch.StartNew();
        CheckResult result;
        try
        {
            var detail = await check();
            result = new CheckResult(name, Passed: true, detail, clock.Elapsed.TotalSeconds);
        }
        catch (Exception e) when (e is CheckFailedException or LabException || ClusterView.IsRefusal(e))
        {
            result = new CheckResult(name, Passed: false, e.Message, clock.Elapsed.TotalSeconds);
        }

        _results.Add(result);
        _onResult(result);
    }

    /// <summary>Tries until <paramref name="check"/> passes; after <paramref name="patience"/> its last failure stands.</summary>
    public static async Task<string> EventuallyAsync(TimeSpan patience, Func<Task<string>> check)
    {
        var clock = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                return await check();
            }
            catch (Exception e) when ((e is CheckFailedException or LabException || ClusterView.IsRefusal(e)) && clock.Elapsed < patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    /// <summary>Fails the check unless <paramref name="holds"/>.</summary>
    public static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new CheckFailedException(otherwise);
        }
    }
}
