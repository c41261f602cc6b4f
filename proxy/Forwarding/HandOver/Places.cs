// Which session has which place of the tables. A dictionary would cost as much for each session as all else that is kept of it.

using System.Numerics;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Gives places to sessions, and finds a session's place by its number. A place stays taken for a while after its session can be found.</summary>
/// <param name="capacity">How many places there are.</param>
internal sealed class Places(int capacity)
{
    // A packet may be on its way through the kernel with what it found out just before its place was freed: others are used before that one.
    private const int Resting = 64;

    private readonly long[] _ids = new long[capacity];

    // Chains of the places whose sessions can be found, by the number's last bits: numbers are given in turn, so chains are short. Each is one
    // more than a place; 0 ends a chain. What is never used of the arrays is never touched: address space, not memory.
    private readonly int[] _chains = new int[BitOperations.RoundUpToPowerOf2((uint)capacity)];
    private readonly int[] _next = new int[capacity];
    private readonly Queue<int> _free = [];

    /// <summary>All places below it have been used.</summary>
    public int Used { get; private set; }

    /// <summary>Sessions that can be found.</summary>
    public int Count { get; private set; }

    /// <summary>Whether no place is left.</summary>
    public bool IsFull => Used == capacity && _free.Count == 0;

    /// <summary>The number of the session that has a place, or had it last.</summary>
    public long IdOf(int place) => _ids[place];

    /// <summary>The place of a session; -1 when there is no such session.</summary>
    public int Find(long id)
    {
        int place = _chains[Chain(id)] - 1;
        while (place >= 0 && _ids[place] != id)
        {
            place = _next[place] - 1;
        }

        return place;
    }

    /// <summary>Takes a place, of which one is left, for a session that has none.</summary>
    public int Take(long id)
    {
        int place = _free.Count > Resting || Used == capacity ? _free.Dequeue() : Used++;
        ref int first = ref _chains[Chain(id)];
        _ids[place] = id;
        _next[place] = first;
        first = place + 1;
        Count++;
        return place;
    }

    /// <summary>The session of a place is over, and cannot be found any more.</summary>
    public void Forget(int place)
    {
        ref int link = ref _chains[Chain(_ids[place])];
        while (link != place + 1)
        {
            link = ref _next[link - 1];
        }

        link = _next[place];
        Count--;
    }

    /// <summary>Gives back a place whose session cannot be found any more.</summary>
    public void Free(int place) => _free.Enqueue(place);

    private int Chain(long id) => (int)(id & (_chains.Length - 1));
}
