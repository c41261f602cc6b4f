// Questions to OCI that are asked together, and the one message that those without a good answer end in.

using System.Text;
using System.Text.RegularExpressions;
using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>OCI answered, but not what this stack needs.</summary>
/// <param name="answer">What it answered.</param>
/// <param name="remedy">What to do.</param>
internal sealed class UnsuitableAnswerException(string answer, string remedy) : Exception(answer)
{
    /// <summary>What to do.</summary>
    public string Remedy { get; } = remedy;
}

/// <summary>Asks, and remembers what failed.</summary>
internal sealed partial class RegionQuestions(StackSettings settings)
{
    private sealed record Problem(int Order, string Question, string Answer, string Remedy);

    private readonly List<Problem> _problems = [];
    private int _asked;

    /// <summary>Asks one question.</summary>
    /// <param name="question">What is asked for, in the message.</param>
    /// <param name="ask">Asks.</param>
    /// <param name="read">Makes something of the answer.</param>
    /// <param name="about">The setting that names what is asked for; null for the compartment.</param>
    /// <returns>What was made of the answer; the type's default after a problem.</returns>
    public async Task<TResult?> AskAsync<TAnswer, TResult>(string question, Func<Task<TAnswer>> ask, Func<TAnswer, TResult> read, Setting? about = null)
    {
        int order = Interlocked.Increment(ref _asked);
        try
        {
            return read(await ask().ConfigureAwait(false));
        }
        catch (UnsuitableAnswerException unsuitable)
        {
            Note(new Problem(order, question, unsuitable.Message, unsuitable.Remedy));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            string answer = Shorten(error.Message);
            Note(new Problem(order, question, answer, RemedyFor(answer, about)));
        }
        return default;
    }

    /// <summary>Ends the run when a question has no good answer.</summary>
    /// <exception cref="RunException">The problems; those that one cause explains are told once.</exception>
    public void ThrowIfAnyFailed()
    {
        if (_problems.Count == 0)
        {
            return;
        }
        var text = new StringBuilder("OCI does not answer as this stack needs it; nothing was changed.");
        foreach (IGrouping<string, Problem> cause in _problems.OrderBy(problem => problem.Order).GroupBy(problem => problem.Remedy))
        {
            text.Append("\n\n  asked for: ").Append(string.Join(", ", cause.Select(problem => problem.Question)))
                .Append("\n    answer:  ").Append(cause.First().Answer)
                .Append("\n    do:      ").Append(cause.Key);
        }
        throw new RunException(text.ToString());
    }

    private void Note(Problem problem)
    {
        lock (_problems)
        {
            _problems.Add(problem);
        }
    }

    // By the words of the provider (provider configuration) and of OCI's API ("API Errors").
    private string RemedyFor(string answer, Setting? about) =>
        Credentials().IsMatch(answer)
            ? "give the provider credentials: `oci setup config` writes ~/.oci/config, or set "
                + "oci:tenancyOcid, oci:userOcid, oci:fingerprint and oci:privateKeyPath with `pulumi config set`"
        : NotFound().IsMatch(answer) && about is not null
            ? $"check {SettingsSource.Namespace}:{about.Key}: it must exist in this region (oci:region), and the user of these credentials must be allowed to "
                + "use it (README, \"What the tenancy must allow\")"
        : NotFound().IsMatch(answer)
            ? $"check {SettingsSource.Namespace}:{Setting.CompartmentId.Key} ({settings.CompartmentId}): it must exist in the tenancy of these "
                + "credentials, and their user must be allowed to use it (README, \"What the tenancy must allow\")"
        : Unreachable().IsMatch(answer)
            ? "check oci:region and this machine's way to the Internet"
        : "correct what the answer names, then run the command again";

    // A gRPC error has the provider's words between quotes; one line is enough of them.
    private static string Shorten(string message)
    {
        string text = Detail().Match(message) is { Success: true } detail ? detail.Groups[1].Value : message;
        string line = Spaces().Replace(text, " ").Trim();
        return line.Length <= 300 ? line : string.Concat(line.AsSpan(0, 297), "...");
    }

    [GeneratedRegex("can not create client|did not find a proper configuration|no valid configuration|NotAuthenticated|\\b401\\b|InvalidParameter.*fingerprint",
        RegexOptions.IgnoreCase)]
    private static partial Regex Credentials();

    [GeneratedRegex("NotAuthorizedOrNotFound|\\b404\\b", RegexOptions.IgnoreCase)]
    private static partial Regex NotFound();

    [GeneratedRegex("no such host|dial tcp|i/o timeout|connection refused|TLS handshake", RegexOptions.IgnoreCase)]
    private static partial Regex Unreachable();

    [GeneratedRegex("Detail=\"(.*)\"", RegexOptions.Singleline)]
    private static partial Regex Detail();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
