// One line per event, in the form the reader wants: a person, a program, or the journal.

using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Hosting;

/// <summary>Formats log lines.</summary>
internal sealed class LogLineFormatter(LogFormat format, TimeProvider timeProvider) : ConsoleFormatter("redis-ha-proxy")
{
    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        string message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (logEntry.Exception is { } exception)
        {
            message += ": " + exception;
        }

        switch (format)
        {
            case LogFormat.Json:
                WriteJson(logEntry, message, textWriter);
                break;
            case LogFormat.Journal:
                textWriter.Write('<');
                textWriter.Write(Priority(logEntry.LogLevel));
                textWriter.Write('>');
                textWriter.WriteLine(OneLine(message));
                break;
            default:
                textWriter.Write(timeProvider.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z' ", CultureInfo.InvariantCulture));
                textWriter.Write(Word(logEntry.LogLevel).PadRight(7) + " ");
                textWriter.WriteLine(OneLine(message));
                break;
        }
    }

    // Clients choose parts of some messages; a line break or an escape in them must not forge a line or drive a terminal.
    private static string OneLine(string message)
    {
        if (!message.Any(char.IsControl))
        {
            return message;
        }

        var line = new StringBuilder(message.Length + 16);
        foreach (char c in message.ReplaceLineEndings(" | "))
        {
            line.Append(char.IsControl(c) ? '?' : c);
        }

        return line.ToString();
    }

    // The priorities of syslog(3).
    private static char Priority(LogLevel level) => level switch
    {
        LogLevel.Critical => '2',
        LogLevel.Error => '3',
        LogLevel.Warning => '4',
        LogLevel.Information => '6',
        _ => '7',
    };

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Critical => "critical",
        LogLevel.Error => "error",
        LogLevel.Warning => "warning",
        LogLevel.Information => "info",
        LogLevel.Debug => "debug",
        _ => "trace",
    };

    private void WriteJson<TState>(in LogEntry<TState> entry, string message, TextWriter textWriter)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", timeProvider.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
            json.WriteString("level", Word(entry.LogLevel));
            json.WriteString("event", entry.EventId.Name ?? "");
            json.WriteString("message", message);
            if (entry.State is IReadOnlyList<KeyValuePair<string, object?>> values)
            {
                foreach ((string name, object? value) in values)
                {
                    if (name != "{OriginalFormat}")
                    {
                        WriteValue(json, JsonNamingPolicy.CamelCase.ConvertName(name), value);
                    }
                }
            }

            json.WriteEndObject();
        }

        textWriter.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    private static void WriteValue(Utf8JsonWriter json, string name, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNull(name);
                break;
            case bool truth:
                json.WriteBoolean(name, truth);
                break;
            case int number:
                json.WriteNumber(name, number);
                break;
            case long number:
                json.WriteNumber(name, number);
                break;
            default:
                json.WriteString(name, Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}
