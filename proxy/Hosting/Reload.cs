// SIGHUP and the verb "reload": read the file again, apply what can change live, say what cannot. A bad file changes nothing, and
// neither does one that is refused by the servers it names: it is tried on them before anything is put into force.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Hosting;

/// <summary>Reloads the configuration file.</summary>
/// <param name="file">Its path.</param>
/// <param name="initial">The settings that hold now.</param>
/// <param name="host">Has the running parts.</param>
/// <param name="log">Every reload is a line.</param>
internal sealed partial class Reload(string file, ProxyConfiguration initial, ProxyHost host, ILogger<Reload> log) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private ProxyConfiguration _current = initial;

    /// <summary>The settings in force.</summary>
    public ProxyConfiguration Current => Volatile.Read(ref _current);

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    /// <summary>Reads, tries and applies. One at a time.</summary>
    public async Task<ReloadAnswer> RunAsync()
    {
        await _one.WaitAsync();
        try
        {
            ConfigurationReading reading = ConfigurationReader.Read(file);
            foreach (ConfigurationProblem warning in reading.Warnings)
            {
                LogWarning(log, warning.ToString());
            }

            if (reading.Configuration is not { } read)
            {
                string problems = string.Join('\n', reading.Errors);
                LogBad(log, problems);
                return new ReloadAnswer(false, $"nothing was changed, because the file has errors:\n{problems}");
            }

            var changes = ConfigurationChanges.Between(_current, read, host.MostConnections);
            if (await host.PrepareAsync(changes.InForce) is { Count: > 0 } refusals)
            {
                host.Abandon();
                string reasons = string.Join('\n', refusals);
                LogRefused(log, reasons);
                return new ReloadAnswer(false, $"nothing was changed:\n{reasons}");
            }

            await host.ApplyAsync(changes.InForce);
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
        finally
        {
            _one.Release();
        }
    }

    [LoggerMessage(LogEvents.Reloaded, LogLevel.Information, "Reload: {Result}", EventName = nameof(LogEvents.Reloaded))]
    private static partial void LogReloaded(ILogger log, string result);

    [LoggerMessage(LogEvents.ReloadInvalid, LogLevel.Error, "Reload: nothing was changed, because the file has errors: {Problems}",
        EventName = nameof(LogEvents.ReloadInvalid))]
    private static partial void LogBad(ILogger log, string problems);

    [LoggerMessage(LogEvents.ReloadRefused, LogLevel.Error, "Reload: nothing was changed: {Reasons}", EventName = nameof(LogEvents.ReloadRefused))]
    private static partial void LogRefused(ILogger log, string reasons);

    [LoggerMessage(LogEvents.ReloadWarning, LogLevel.Warning, "Reload: {Warning}", EventName = nameof(LogEvents.ReloadWarning))]
    private static partial void LogWarning(ILogger log, string warning);
}
