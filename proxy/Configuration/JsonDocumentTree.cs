// JSON with positions. System.Text.Json's own document forgets where a value stood and lets the last of two equal keys win;
// an operator needs the line, and two equal keys are a mistake.

using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace RedisHaProxy.Configuration;

/// <summary>A place in a text file, both counted from 1. The column counts bytes, as compilers do.</summary>
internal readonly record struct FilePosition(int Line, int Column);

/// <summary>A JSON value and where it starts.</summary>
internal abstract record JsonNodeAt(FilePosition Position)
{
    /// <summary>The value's kind in words, for "expected ..., found ...".</summary>
    public abstract string KindInWords { get; }
}

/// <summary>A member of an object.</summary>
internal sealed record JsonMember(string Name, FilePosition Position, JsonNodeAt Value);

/// <summary>An object; equal keys are all kept, in file order.</summary>
internal sealed record JsonObjectAt(FilePosition Position, IReadOnlyList<JsonMember> Members) : JsonNodeAt(Position)
{
    public override string KindInWords => "an object";
}

/// <summary>An array.</summary>
internal sealed record JsonArrayAt(FilePosition Position, IReadOnlyList<JsonNodeAt> Items) : JsonNodeAt(Position)
{
    public override string KindInWords => "an array";
}

/// <summary>A text, number, true, false or null.</summary>
/// <param name="Position">Where it starts.</param>
/// <param name="Kind">Which of them.</param>
/// <param name="Text">The text, or the token as written.</param>
internal sealed record JsonScalarAt(FilePosition Position, JsonTokenType Kind, string Text) : JsonNodeAt(Position)
{
    public override string KindInWords => Kind switch
    {
        JsonTokenType.String => $"the text \"{Text}\"",
        JsonTokenType.Number => $"the number {Text}",
        _ => Text,
    };
}

/// <summary>The file is not JSON.</summary>
internal sealed class JsonSyntaxException(FilePosition position, string cause) : Exception(cause)
{
    public FilePosition Position { get; } = position;
}

/// <summary>Reads strict JSON (RFC 8259): no comments, no trailing commas, valid UTF-8; a byte order mark is skipped.</summary>
internal static class JsonDocumentTree
{
    // Deeper than any configuration; the reader refuses more, so the recursion below is bounded.
    private const int MaxDepth = 16;

    /// <summary>Reads one value that fills the whole of <paramref name="file"/>.</summary>
    /// <exception cref="JsonSyntaxException">It is not JSON; carries the place and the cause.</exception>
    public static JsonNodeAt Parse(ReadOnlySpan<byte> file)
    {
        int mark = file.StartsWith("\uFEFF"u8) ? 3 : 0;
        ReadOnlySpan<byte> text = file[mark..];
        if (!Utf8.IsValid(text))
        {
            throw new JsonSyntaxException(PositionOf(text, FirstInvalid(text)), "not UTF-8");
        }

        if (text.IndexOfAnyExcept(" \t\r\n"u8) < 0)
        {
            throw new JsonSyntaxException(new FilePosition(1, 1), "the file is empty; a JSON object is expected");
        }

        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            JsonNodeAt value = ReadValue(ref reader, text);
            // One more read proves that only white space follows.
            reader.Read();
            return value;
        }
        catch (JsonException e)
        {
            var position = new FilePosition((int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1);
            throw new JsonSyntaxException(position, Cause(e, text, position));
        }
        catch (InvalidOperationException)
        {
            // A text with an escaped half of a surrogate pair is valid for the tokenizer, and no string.
            throw new JsonSyntaxException(PositionOf(text, reader.TokenStartIndex), "a text with an incomplete \\u escape");
        }
    }

    private static JsonNodeAt ReadValue(ref Utf8JsonReader reader, ReadOnlySpan<byte> text)
    {
        FilePosition position = PositionOf(text, reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var members = new List<JsonMember>();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    FilePosition at = PositionOf(text, reader.TokenStartIndex);
                    string name = reader.GetString()!;
                    reader.Read();
                    members.Add(new JsonMember(name, at, ReadValue(ref reader, text)));
                }

                return new JsonObjectAt(position, members);
            case JsonTokenType.StartArray:
                var items = new List<JsonNodeAt>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(ReadValue(ref reader, text));
                }

                return new JsonArrayAt(position, items);
            case JsonTokenType.String:
                return new JsonScalarAt(position, JsonTokenType.String, reader.GetString()!);
            default:
                return new JsonScalarAt(position, reader.TokenType, Encoding.UTF8.GetString(reader.ValueSpan));
        }
    }

    private static string Cause(JsonException e, ReadOnlySpan<byte> text, FilePosition position)
    {
        int at = OffsetOf(text, position);
        if (at < text.Length && text[at] == (byte)'/')
        {
            return "comments are not allowed in JSON; remove it";
        }

        if (e.Message.Contains("trailing comma", StringComparison.Ordinal))
        {
            return "a comma after the last entry; remove it";
        }

        // The tail of the framework's message repeats the position, counted from 0.
        int tail = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return "not valid JSON: " + (tail < 0 ? e.Message : e.Message[..tail]);
    }

    private static FilePosition PositionOf(ReadOnlySpan<byte> text, long offset)
    {
        ReadOnlySpan<byte> before = text[..(int)Math.Min(offset, text.Length)];
        return new FilePosition(before.Count((byte)'\n') + 1, before.Length - before.LastIndexOf((byte)'\n'));
    }

    private static int OffsetOf(ReadOnlySpan<byte> text, FilePosition position)
    {
        int start = 0;
        for (int line = 1; line < position.Line; line++)
        {
            int end = text[start..].IndexOf((byte)'\n');
            if (end < 0)
            {
                break;
            }

            start += end + 1;
        }

        return Math.Min(text.Length, start + position.Column - 1);
    }

    private static int FirstInvalid(ReadOnlySpan<byte> text)
    {
        int at = 0;
        while (at < text.Length && Rune.DecodeFromUtf8(text[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            at += length;
        }

        return at;
    }
}
