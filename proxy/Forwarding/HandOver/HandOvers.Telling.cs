// What can be asked of handed-over sessions.

using System.Diagnostics;

namespace RedisHaProxy.Forwarding.HandOver;

internal sealed partial class HandOvers
{
    /// <summary>Bytes of a session that the client has sent, and that the node has; null when it is over.</summary>
    public (long Client, long Node)? Bytes(long id) => _places.Find(id) is >= 0 and int place ? BytesOf(place) : null;

    /// <summary>The same of all sessions that have more than when this was last asked.</summary>
    public IEnumerable<(HandOverName Name, (long Client, long Node) Bytes)> MoreBytes()
    {
        for (int place = 0; place < _places.Used; place++)
        {
            if (IsForwarded(place))
            {
                (long client, long node) = BytesOf(place);
                if (client + node != _sessions[place].Counted)
                {
                    _sessions[place].Counted = client + node;
                    yield return (NameOf(place), (client, node));
                }
            }
        }
    }

    /// <summary>What is known of a session, for a person.</summary>
    public string Describe(long id)
    {
        int? place = _places.Find(id) is >= 0 and int found ? found : _closing.Select(p => (int?)p).FirstOrDefault(p => _places.IdOf(p!.Value) == id);
        return place is { } known ? DescribePlace(known) : "over";
    }

    private string DescribePlace(int place)
    {
        Unsettled unsettled = _unsettled.Find(session => session.Place == place);
        string Of(int index, in UnsettledSide still)
        {
            Flow flow = _translation[index];
            Flow other = _translation[index ^ 1];
            HandOverSide side = _sides[index];
            string end = $"{flow.Bytes} bytes, seen {flow.Seen}, "
                + $"under way to it {other.Sent + other.AddSequence - flow.Acknowledged} of {flow.Edge - flow.Acknowledged}, "
                + $"acknowledged nothing for {(uint)(Stopwatch.GetTimestamp() / Stopwatch.Frequency) - flow.Progress} s, "
                + $"last {(Stopwatch.GetTimestamp() - flow.Last) / 1_000_000} ms ago, asked {side.Probes} times";
            if (side.Socket < 0)
            {
                return end;
            }

            TcpConnection socket = side.Connection;
            TcpInfo info = socket.Info;
            return $"{end}; local: unread {socket.UnreadBytes}, "
                + $"unacknowledged {socket.UnacknowledgedBytes}, unsent {socket.UnsentBytes}, state {info.State}, "
                + $"sent again after {info.RetransmissionTime / 1000} ms, backoff {info.Backoff}, segments under way {info.CongestionWindow}, "
                + $"owed {(still.Owed?.Length ?? 0) - still.OwedStart}, FIN read {side.FinRead} passed {still.FinPassed}";
        }

        return $"{_sessions[place].State}; client: {Of(ClientFlow(place), unsettled.Client)}; node: {Of(NodeFlow(place), unsettled.Node)}";
    }
}
