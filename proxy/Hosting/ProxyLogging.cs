// The log: where lines go, in which form, and the level that can be changed while the process runs.

using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Hosting;

/// <summary>Creates the loggers. Lines are written to standard error by a thread of their own.</summary>
internal sealed class ProxyLogging : IDisposable
{
    // Enough for a burst of a failover with thousands of sessions; what does not fit is dropped rather than waited for,
    // because a slow reader of standard error must not slow the routing.
    private const int QueueLength = 16_384;

    private readonly ConsoleLoggerProvider _console;
    private volatile int _level;

    public ProxyLogging(LogConfiguration configuration, TimeProvider timeProvider)
    {
        Level = configuration.Level;
        LogFormat format = configuration.Format != LogFormat.Auto ? configuration.Format : JournalStream.IsStandardError() ? LogFormat.Journal : LogFormat.Text;
        var formatter = new LogLineFormatter(format, timeProvider);
        var options = new ConsoleLoggerOptions
        {
            FormatterName = formatter.Name,
            LogToStandardErrorThreshold = LogLevel.Trace,
            MaxQueueLength = QueueLength,
            QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite,
        };
        _console = new ConsoleLoggerProvider(new FixedOptions(options), [formatter]);
        Factory = LoggerFactory.Create(builder => builder
            .SetMinimumLevel(LogLevel.Trace)
            .AddFilter((category, level) => level >= (IsOurs(category) ? Level : LogLevel.Warning))
            .AddProvider(_console));
    }

    /// <summary>The source of all loggers.</summary>
    public ILoggerFactory Factory { get; }

    /// <summary>The least severe level that is written; may be set at any time, from any thread.</summary>
    public LogLevel Level
    {
        get => (LogLevel)_level;
        set => _level = (int)value;
    }

    /// <summary>Writes what is queued and ends.</summary>
    public void Dispose()
    {
        Factory.Dispose();
        _console.Dispose();
    }

    // The web server's own lines interest nobody below a warning.
    private static bool IsOurs(string? category) => category is null || category.StartsWith("RedisHaProxy", StringComparison.Ordinal);

    private sealed class FixedOptions(ConsoleLoggerOptions options) : IOptionsMonitor<ConsoleLoggerOptions>
    {
        public ConsoleLoggerOptions CurrentValue => options;

        public ConsoleLoggerOptions Get(string? name) => options;

        public IDisposable? OnChange(Action<ConsoleLoggerOptions, string?> listener) => null;
    }
}
