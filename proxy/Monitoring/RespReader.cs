// Reads RESP2 replies out of a buffer of bytes that nobody vouches for. (https://redis.io/docs/latest/develop/reference/protocol-spec/)
//
// Two steps, neither of which allocates. TryMeasure finds the end of one complete reply and checks every byte of its framing
// against the limits; after that a RespReader walks over the same bytes and cannot run out of them. What is left to the caller
// is to ask for the types that it expects: any other is a RespException too.

using System.Buffers.Text;
using System.Text;

namespace RedisHaProxy.Monitoring;

/// <summary>The bytes are not RESP2, are beyond a limit, or are not what the command answers.</summary>
public sealed class RespException(string message) : Exception(message);

/// <summary>The types of a RESP2 value, by their first byte.</summary>
public enum RespType : byte
{
    /// <summary>+OK</summary>
    SimpleString = (byte)'+',

    /// <summary>-ERR text</summary>
    Error = (byte)'-',

    /// <summary>:42</summary>
    Number = (byte)':',

    /// <summary>$3 and three bytes, or $-1 for null.</summary>
    BulkString = (byte)'$',

    /// <summary>*2 and two values, or *-1 for null.</summary>
    Array = (byte)'*',
}

/// <summary>A cursor over one complete, measured reply.</summary>
public ref struct RespReader
{
    /// <summary>Most bytes of one reply. The longest expected one, INFO, has some thousands.</summary>
    public const int MaxReply = 256 * 1024;

    /// <summary>Most bytes of a line: of a simple string, an error, a number.</summary>
    public const int MaxLine = 16 * 1024;

    /// <summary>Most values within one another. ROLE has 3.</summary>
    public const int MaxDepth = 8;

    /// <summary>Most elements of one array.</summary>
    public const int MaxElements = 16 * 1024;

    private ReadOnlySpan<byte> _rest;

    /// <summary>Starts at the reply's first byte.</summary>
    /// <param name="reply">One reply that <see cref="TryMeasure"/> accepted, or several.</param>
    public RespReader(ReadOnlySpan<byte> reply) => _rest = reply;

    /// <summary>The type of the next value.</summary>
    /// <exception cref="RespException">There is none.</exception>
    public readonly RespType NextType =>
        _rest.Length > 0 ? (RespType)_rest[0] : throw new RespException("the reply ends early");

    /// <summary>Finds the end of the first complete reply.</summary>
    /// <param name="bytes">What has been received so far.</param>
    /// <param name="length">Its length in bytes, when complete.</param>
    /// <returns>False when more bytes are needed.</returns>
    /// <exception cref="RespException">No continuation could make this a reply within the limits.</exception>
    public static bool TryMeasure(ReadOnlySpan<byte> bytes, out int length)
    {
        // How many values are still to come on each level of nesting.
        Span<int> pending = stackalloc int[MaxDepth];
        int depth = 0;
        pending[0] = 1;
        int at = 0;
        length = 0;
        while (true)
        {
            while (pending[depth] == 0)
            {
                if (depth == 0)
                {
                    length = at;
                    return true;
                }

                depth--;
            }

            if (!TryLine(bytes[at..], out ReadOnlySpan<byte> line, out int consumed))
            {
                return CheckSize(bytes.Length);
            }

            at += consumed;
            pending[depth]--;
            switch ((RespType)line[0])
            {
                case RespType.SimpleString or RespType.Error:
                    break;
                case RespType.Number:
                    _ = Number(line[1..]);
                    break;
                case RespType.BulkString:
                    long size = Number(line[1..]);
                    if (size is < -1 or > MaxReply)
                    {
                        throw new RespException($"a string of {size} bytes");
                    }

                    if (size >= 0)
                    {
                        if (bytes.Length - at < size + 2)
                        {
                            return CheckSize(bytes.Length);
                        }

                        at += (int)size;
                        if (bytes[at] != '\r' || bytes[at + 1] != '\n')
                        {
                            throw new RespException("a string that does not end where it says");
                        }

                        at += 2;
                    }

                    break;
                case RespType.Array:
                    long count = Number(line[1..]);
                    if (count is < -1 or > MaxElements)
                    {
                        throw new RespException($"an array of {count} elements");
                    }

                    if (count > 0)
                    {
                        if (depth + 1 == MaxDepth)
                        {
                            throw new RespException($"more than {MaxDepth} levels of arrays");
                        }

                        pending[++depth] = (int)count;
                    }

                    break;
                default:
                    throw new RespException($"byte 0x{line[0]:X2} where a reply should begin");
            }

            CheckSize(at);
        }
    }

    /// <summary>Reads a number, sent as such.</summary>
    public long ReadInteger() => Number(Line(RespType.Number));

    /// <summary>Reads a number, sent as such or as a string of digits.</summary>
    public long ReadNumber() => NextType == RespType.Number ? ReadInteger() : Number(ReadString());

    /// <summary>Reads a simple or bulk string; a null is empty.</summary>
    public ReadOnlySpan<byte> ReadString()
    {
        if (NextType == RespType.SimpleString)
        {
            return Line(RespType.SimpleString);
        }

        int size = (int)Number(Line(RespType.BulkString));
        if (size < 0)
        {
            return default;
        }

        if (_rest.Length < size + 2)
        {
            throw new RespException("the reply ends early");
        }

        ReadOnlySpan<byte> text = _rest[..size];
        _rest = _rest[(size + 2)..];
        return text;
    }

    /// <summary>Reads an array's head; its elements follow. A null array has -1.</summary>
    public int ReadArray() => (int)Number(Line(RespType.Array));

    /// <summary>Reads an error's text, without the dash.</summary>
    public ReadOnlySpan<byte> ReadError() => Line(RespType.Error);

    /// <summary>Passes over one value with everything in it.</summary>
    public void Skip()
    {
        if (!TryMeasure(_rest, out int length))
        {
            throw new RespException("the reply ends early");
        }

        _rest = _rest[length..];
    }

    /// <summary>A server's text for people: printable ASCII only, at most 200 characters, so that no log is at its mercy.</summary>
    public static string Printable(ReadOnlySpan<byte> text)
    {
        var printable = new StringBuilder(Math.Min(text.Length, 200));
        foreach (byte b in text[..Math.Min(text.Length, 200)])
        {
            printable.Append(b is >= 0x20 and < 0x7F ? (char)b : '?');
        }

        return printable.ToString();
    }

    /// <summary>Parses a decimal number that fills the span.</summary>
    /// <exception cref="RespException">It is none.</exception>
    internal static long Number(ReadOnlySpan<byte> digits) =>
        digits.Length is > 0 and <= 20 && Utf8Parser.TryParse(digits, out long value, out int used) && used == digits.Length
            ? value
            : throw new RespException($"\"{Printable(digits)}\" where a number should be");

    /// <summary>The same for a number without sign of 64 bits, as epochs are; what does not fit into 63 bits is the greatest number.</summary>
    /// <exception cref="RespException">It is none.</exception>
    internal static long Unsigned(ReadOnlySpan<byte> digits) =>
        digits.Length is > 0 and <= 20 && Utf8Parser.TryParse(digits, out ulong value, out int used) && used == digits.Length
            ? (long)Math.Min(value, long.MaxValue)
            : throw new RespException($"\"{Printable(digits)}\" where a number without sign should be");

    private static bool CheckSize(int size) =>
        size <= MaxReply ? false : throw new RespException($"a reply of more than {MaxReply} bytes");

    // A line without its CR LF; never empty.
    private static bool TryLine(ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> line, out int consumed)
    {
        int end = bytes.IndexOf((byte)'\n');
        if (end < 0)
        {
            line = default;
            consumed = 0;
            return bytes.Length <= MaxLine ? false : throw new RespException($"a line of more than {MaxLine} bytes");
        }

        if (end < 2 || end > MaxLine || bytes[end - 1] != '\r')
        {
            throw new RespException("a line that is empty, too long, or does not end in CR LF");
        }

        line = bytes[..(end - 1)];
        consumed = end + 1;
        return true;
    }

    private ReadOnlySpan<byte> Line(RespType expected)
    {
        if (NextType != expected)
        {
            throw new RespException($"{NextType} where {expected} was expected");
        }

        if (!TryLine(_rest, out ReadOnlySpan<byte> line, out int consumed))
        {
            throw new RespException("the reply ends early");
        }

        _rest = _rest[consumed..];
        return line[1..];
    }
}
