// The texts of "explain" and "timeline" as the page's links have them: written from the same documents as on a terminal.

using System.Buffers;
using System.Text.Json;
using RedisHaProxy.Admin;

namespace RedisHaProxy.Commands;

/// <summary>Writes the texts.</summary>
internal static class PageTexts
{
    public static TextForms Forms { get; } = new(
        moment => Text(moment.Figures.ForTerminal, moment, ExplainText.Write),
        control => Text(TimelineFigures.Timeline, control, TimelineText.Write));

    private static string Text<T>(IReadOnlyList<Figure<T>> figures, T item, Action<Screen, JsonElement> write)
    {
        var bytes = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(bytes))
        {
            new Part<T>(figures, item).Write(json);
        }

        using var document = JsonDocument.Parse(bytes.WrittenMemory);
        var screen = new Screen();
        write(screen, document.RootElement);
        return screen.ToString();
    }
}
