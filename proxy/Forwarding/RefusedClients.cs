// Who is refused and still there. They hold descriptors that no session may lack, so there are places for a fixed number of them:
// who comes when all are taken gets the place of one that needs it least.

namespace RedisHaProxy.Forwarding;

/// <summary>The clients of one loop that do not count against limits.connections because it is reached, in the order of who leaves first.</summary>
internal sealed class RefusedClients(Session[] sessions)
{
    private readonly SessionQueue _told = new(sessions);
    private readonly SessionQueue _silent = new(sessions);

    /// <summary>How many there are.</summary>
    public int Count => _told.Count + _silent.Count;

    /// <summary>
    /// Whose place is taken first: of those that were told why, who only have to close, the first that was told; when there is none,
    /// the one that has been silent longest. -1 when there is nobody.
    /// </summary>
    public int Next => _told.First >= 0 ? _told.First : _silent.First;

    /// <summary>Takes in one that has sent nothing yet.</summary>
    public void Add(int session) => _silent.Append(session);

    /// <summary>One has been told why it is refused.</summary>
    public void Told(int session)
    {
        _silent.Remove(session);
        _told.Append(session);
    }

    /// <summary>One ends.</summary>
    public void Remove(int session) => (sessions[session].Refusal == Refusal.None ? _told : _silent).Remove(session);
}
