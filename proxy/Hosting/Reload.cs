// SIGHUP and the verb "reload": read the file again, apply what can change live, say what cannot. A bad file changes nothing.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Hosting;

/// <summary>The outcome of a reload.</summary>
/// <param name="Good">Whether the file was good.</param>
/// <param name="Message">What was done, or what is wrong, one problem a line.</param>
internal readonly record struct ReloadAnswer(bool Good, string Message);

/// <summary>Reloads the configuration file.</summary>
/// <param name="file">Its path.</param>
/// <param name="initial">The settings that hold now.</param>
/// <param name="apply">Puts changed settings into force.</param>
/// <param name="log">Every reload is a line.</param>
internal sealed partial class Reload(string file, ProxyConfiguration initial, Action<ProxyConfiguration> apply, ILogger<Reload> log)
{
    private readonly Lock _lock = new();
    private ProxyConfiguration _current = initial;

    /// <summary>The settings in force.</summary>
    public ProxyConfiguration Current => Volatile.Read(ref _current);

    /// <summary>Reads and applies. One at a time.</summary>
    public ReloadAnswer Run()
    {
        lock (_lock)
        {
            var reading = ConfigurationReader.Read(file);
            foreach (var warning in reading.Warnings)
            {
                LogWarning(log, warning.ToString());
            }

            if (reading.Configuration is not { } read)
            {
                string problems = string.Join('\n', reading.Errors);
                LogBad(log, problems);
                return new ReloadAnswer(false, $"nothing was changed, the file is not good:\n{problems}");
            }

            var changes = ConfigurationChanges.Between(_current, read);
            apply(changes.InForce);
            Volatile.Write(ref _current, changes.InForce);
            string message = (changes.Applied.Count, changes.NeedRestart.Count) switch
            {
                (0, 0) => "nothing has changed",
                (_, 0) => $"applied: {string.Join(", ", changes.Applied)}",
                (0, _) => $"changed, and only a restart applies it: {string.Join(", ", changes.NeedRestart)}",
                _ => $"applied: {string.Join(", ", changes.Applied)}; only a restart applies: {string.Join(", ", changes.NeedRestart)}",
            };
            LogReloaded(log, message);
            return new ReloadAnswer(true, message);
        }
    }

    [LoggerMessage(10, LogLevel.Information, "Reload: {Result}")]
    private static partial void LogReloaded(ILogger log, string result);

    [LoggerMessage(11, LogLevel.Error, "Reload: nothing was changed, the file is not good: {Problems}")]
    private static partial void LogBad(ILogger log, string problems);

    [LoggerMessage(12, LogLevel.Warning, "Reload: {Warning}")]
    private static partial void LogWarning(ILogger log, string warning);
}
