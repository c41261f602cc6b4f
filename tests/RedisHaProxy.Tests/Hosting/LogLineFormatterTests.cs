// One event is one line, whatever a client put into it.

using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Configuration;
using RedisHaProxy.Hosting;

namespace RedisHaProxy.Tests.Hosting;

public sealed class LogLineFormatterTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero));

    [Theory]
    [InlineData(LogFormat.Text, LogLevel.Information, "2026-01-02T03:04:05.678Z info    from \u00e9 | ?[31m 7\n")]
    [InlineData(LogFormat.Text, LogLevel.Critical, "2026-01-02T03:04:05.678Z critical from \u00e9 | ?[31m 7\n")]
    [InlineData(LogFormat.Journal, LogLevel.Warning, "<4>from \u00e9 | ?[31m 7\n")]
    [InlineData(LogFormat.Journal, LogLevel.Debug, "<7>from \u00e9 | ?[31m 7\n")]
    public void Control_characters_cannot_forge_a_line(LogFormat format, LogLevel level, string expected) =>
        Assert.Equal(expected, Write(format, level, "from \u00e9\n\u001b[31m {Number}", 7));

    [Fact]
    public void JSON_carries_the_values_by_name()
    {
        string line = Write(LogFormat.Json, LogLevel.Error, "from \"x\"\n {Number} {Name}", 7, "a\nb");

        Assert.Equal(1, line.Count(c => c == '\n'));
        var json = JsonDocument.Parse(line).RootElement;
        Assert.Equal("2026-01-02T03:04:05.678000Z", json.GetProperty("time").GetString());
        Assert.Equal("error", json.GetProperty("level").GetString());
        Assert.Equal("Event", json.GetProperty("event").GetString());
        Assert.Equal("from \"x\"\n 7 a\nb", json.GetProperty("message").GetString());
        Assert.Equal(7, json.GetProperty("number").GetInt32());
        Assert.Equal("a\nb", json.GetProperty("name").GetString());
        Assert.False(json.TryGetProperty("{OriginalFormat}", out _));
    }

    [Theory]
    [InlineData("8:31771", "socket:[31771]", true)]
    [InlineData("8:31771", "socket:[3177]", false)]
    [InlineData("8:31771", "/dev/null", false)]
    [InlineData("31771", "socket:[31771]", false)]
    public void The_journal_is_recognised_by_its_inode(string variable, string link, bool same) =>
        Assert.Equal(same, JournalStream.IsSame(variable, link));

    private string Write(LogFormat format, LogLevel level, string template, params object[] values)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        var capture = new Capture((state, text) =>
        {
            var entry = new LogEntry<IReadOnlyList<KeyValuePair<string, object?>>>(level, "Category", new EventId(1, "Event"), state, null, (_, _) => text);
            new LogLineFormatter(format, _time).Write(entry, null, writer);
        });
#pragma warning disable CA2254 // the template is what is tested
        capture.Log(level, template, values);
#pragma warning restore CA2254
        return writer.ToString();
    }

    // Lets the framework bind the template's names to the values.
    private sealed class Capture(Action<IReadOnlyList<KeyValuePair<string, object?>>, string> write) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            write((IReadOnlyList<KeyValuePair<string, object?>>)state!, formatter(state, exception));
    }
}
