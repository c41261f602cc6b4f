// Which log lines about one server are written. The first line of a kind is; a server that goes back and forth between states would write as
// fast as it does that, so lines of a kind that was written not long ago wait, and are counted.

namespace RedisHaProxy.Routing;

/// <summary>Lets lines through, and counts the others. One thread at a time.</summary>
/// <param name="burst">How many repeated lines may follow each other at once.</param>
/// <param name="end">The kind that ends whatever was told before: such a line is written after each other one, and not twice. -1 for none.</param>
internal sealed class RepeatedLines(int burst = 1, int end = -1)
{
    /// <summary>A kind that was not written for this long is new.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromMinutes(10);

    /// <summary>Between two repeated lines, once the burst is used up: with its end two lines a minute for one unchanged fault.</summary>
    public static readonly TimeSpan Spacing = TimeSpan.FromMinutes(1);

    private readonly TimeSpan?[] _written = new TimeSpan?[32];
    private TimeSpan _refilledAt;
    private int _used;
    private int _last = -1;

    /// <summary>Lines that were held back since the last one that was written.</summary>
    public int HeldBack { get; private set; }

    /// <summary>Whether a line of this kind is written now.</summary>
    /// <param name="kind">0 to 31.</param>
    /// <param name="now">The time.</param>
    /// <param name="heldBack">How many were not, since the last one; meaningful when this one is.</param>
    public bool Lets(int kind, TimeSpan now, out int heldBack)
    {
        bool isNew = kind == end ? _last != end || _written[end] is null : _written[kind] is not { } written || now - written >= Memory;
        if (!isNew && (kind == end || !Refill(now)))
        {
            HeldBack++;
            heldBack = 0;
            return false;
        }

        _last = kind;
        if (kind == end)
        {
            _written[kind] = now;
            heldBack = HeldBack;
            HeldBack = 0;
            return true;
        }

        // A first line uses up the time of a repeated one, so that the same comes again after the spacing at the earliest.
        _used = Math.Min(burst, _used + 1);
        _refilledAt = now;
        _written[kind] = now;
        heldBack = HeldBack;
        HeldBack = 0;
        return true;
    }

    /// <summary>Lines were held back, and there may be one again: what the last of them would have said can be written.</summary>
    /// <param name="kind">The kind of the line that would be written.</param>
    /// <param name="now">The time.</param>
    public bool IsDue(int kind, TimeSpan now) => HeldBack > 0 && (kind == end ? _last != end : Refill(now));

    /// <summary>The count in words, for a line's end; empty for none.</summary>
    public static string Describe(int heldBack) => heldBack switch
    {
        0 => "",
        1 => " (1 change before it is not in the log)",
        _ => $" ({heldBack} changes before it are not in the log)",
    };

    private bool Refill(TimeSpan now)
    {
        for (; _used > 0 && now - _refilledAt >= Spacing; _refilledAt += Spacing)
        {
            _used--;
        }

        return _used < burst;
    }
}
