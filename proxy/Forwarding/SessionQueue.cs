// Sessions that wait, for a master or for their end: an intrusive list over the session table. A session is in one list at most.

namespace RedisHaProxy.Forwarding;

internal sealed class SessionQueue(Session[] sessions)
{
    private int _last = -1;

    /// <summary>The session whose turn it is, or -1.</summary>
    public int First { get; private set; } = -1;

    public int Count { get; private set; }

    /// <summary>
    /// Puts a session where its arrival belongs. New ones go to the end at once; those that come back from a failed or
    /// cancelled connect are older than almost all others, so they are looked for from the front.
    /// </summary>
    public void Add(int session)
    {
        long id = sessions[session].Id;
        int after = _last;
        if (after >= 0 && sessions[after].Id > id)
        {
            after = -1;
            for (int next = First; sessions[next].Id < id; next = sessions[next].Next)
            {
                after = next;
            }
        }

        Insert(session, after);
    }

    /// <summary>Puts a session at the end, whenever it arrived.</summary>
    public void Append(int session) => Insert(session, _last);

    public void Remove(int session)
    {
        SetNext(sessions[session].Previous, sessions[session].Next);
        SetPrevious(sessions[session].Next, sessions[session].Previous);
        Count--;
    }

    private void Insert(int session, int after)
    {
        int before = after >= 0 ? sessions[after].Next : First;
        sessions[session].Previous = after;
        sessions[session].Next = before;
        SetNext(after, session);
        SetPrevious(before, session);
        Count++;
    }

    private void SetNext(int session, int next)
    {
        if (session >= 0)
        {
            sessions[session].Next = next;
        }
        else
        {
            First = next;
        }
    }

    private void SetPrevious(int session, int previous)
    {
        if (session >= 0)
        {
            sessions[session].Previous = previous;
        }
        else
        {
            _last = previous;
        }
    }
}
