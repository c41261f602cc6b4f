// How handed-over sessions end.
//
// A session ends for its ends in one of two ways: both have sent FIN or one has sent RST, which the kernel has passed on; or both are sent
// RST. Such a RST counts only with exactly the number that its receiver awaits (RFC 5961, 3.2): that is what it has acknowledged last. If
// more was under way, it answers with the number, which is reported, and gets a second one.

using System.Diagnostics;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

internal sealed partial class HandOvers
{
    private const int ClosingMilliseconds = 10_000;

    /// <summary>A RST may be lost, or its number may be old by then: it is sent again after so long, so many times in all.</summary>
    private const int TellMilliseconds = 200;
    private const int TellTimes = 4;

    private void Hear(FlowEvent report)
    {
        int place = report.Flow >> 1;
        switch (report.Kind)
        {
            case FlowEventKind.Finished:
                _sessions[place].NodeFirst ??= IsNode(report.Flow);
                EndIfFinished(place);
                break;
            case FlowEventKind.Reset when _sessions[place].State == HandOverState.Open:
                Close(place, IsNode(report.Flow) ? HandOverEnd.NodeReset : HandOverEnd.ClientReset);
                break;
            case FlowEventKind.TooLarge when IsForwarded(place):
                _narrow[_translation.KeyOf(report.Flow).Source] = Environment.TickCount64;
                GiveUp(place, HandOverEnd.Failed, $"a router on the way to {Name(report.Flow)} takes {report.Value} bytes at most");
                break;
            case FlowEventKind.Strange when IsForwarded(place):
                GiveUp(place, HandOverEnd.Failed, $"fragments from {Name(report.Flow)}");
                break;
            case FlowEventKind.Late:
                _segments.Send(_translation.KeyOf(report.Flow).Reversed, report.Value, 0, RawSegments.ResetFlag, 0);
                break;
        }
    }

    private void EndIfFinished(int place)
    {
        ref HandedOver session = ref _sessions[place];
        if (_sides[ClientFlow(place)].FinRead || _sides[NodeFlow(place)].FinRead)
        {
            session.NodeFirst ??= !_sides[ClientFlow(place)].FinRead;
        }

        if (session.State == HandOverState.Open && HasFinished(ClientFlow(place)) && HasFinished(NodeFlow(place)))
        {
            Close(place, session.NodeFirst == true ? HandOverEnd.NodeFinished : HandOverEnd.ClientFinished);
        }
    }

    private (long Client, long Node) BytesOf(int place) =>
        (Volatile.Read(ref _translation[ClientFlow(place)].Bytes), Volatile.Read(ref _translation[NodeFlow(place)].Bytes));

    private bool HasFinished(int flow) => _sides[flow].FinRead || _translation[flow].Seen.HasFlag(FlowSeen.Fin);

    /// <summary>The ends have finished, or one has reset it; the kernel passes what they still have to say.</summary>
    private void Close(int place, HandOverEnd end)
    {
        _sides[ClientFlow(place)].IsReset = end == HandOverEnd.NodeReset;
        _sides[NodeFlow(place)].IsReset = end == HandOverEnd.ClientReset;
        SetFlows(place, FlowState.Closing);
        SendResets(place);
        Over(place, HandOverState.Closing, end);
    }

    /// <summary>The kernel has seen that the end has sent RST.</summary>
    private bool IsReset(int flow) => _translation[flow].Seen.HasFlag(FlowSeen.Reset);

    private static bool IsNode(int flow) => (flow & 1) != 0;

    private static string Name(int flow) => IsNode(flow) ? "the node" : "the client";

    /// <summary>Both ends are told that it is over, for a reason of our own.</summary>
    private void GiveUp(int place, HandOverEnd end, string why)
    {
        GivenUp?.Invoke(_places.IdOf(place), () => $"{why} ({DescribePlace(place)})");
        Kill([place], end);
    }

    /// <summary>Both ends of sessions are told: first nothing of them is forwarded, then all are told, and only then is cleared away what they had.</summary>
    private void Kill(ReadOnlySpan<int> places, HandOverEnd end)
    {
        foreach (int place in places)
        {
            ResetBoth(place);
        }

        foreach (int place in places)
        {
            SendResets(place);
        }

        foreach (int place in places)
        {
            Over(place, HandOverState.Dying, end);
        }
    }

    /// <summary>Nothing of the session is forwarded any more, and both ends are to be told.</summary>
    private void ResetBoth(int place)
    {
        _sides[ClientFlow(place)].IsReset = _sides[NodeFlow(place)].IsReset = true;
        SetFlows(place, FlowState.Dying);
    }

    private void SetFlows(int place, FlowState state)
    {
        _translation[ClientFlow(place)].State = _translation[NodeFlow(place)].State = state;
        LetResetsPass(place);
    }

    private void LetResetsPass(int place) => _translation[ClientFlow(place)].Held = _translation[NodeFlow(place)].Held = 0;

    private void Over(int place, HandOverState state, HandOverEnd end)
    {
        _sessions[place].State = state;
        _sessions[place].Since = Environment.TickCount64;
        CloseSide(ClientFlow(place)); // the node's side keeps its port until nothing can come to it any more
        _places.Forget(place);
        (_sides[ClientFlow(place)].IsReset || _sides[NodeFlow(place)].IsReset ? _reset : _closing).Enqueue(place);
        Ended?.Invoke(NameOf(place), end, BytesOf(place));
    }

    /// <summary>A session whose ends have finished is left when each has acknowledged the other's last byte, or is gone.</summary>
    private void LeaveIfDelivered(int place)
    {
        bool delivered = true;
        for (int flow = ClientFlow(place); flow <= NodeFlow(place); flow++)
        {
            if (HasAll(flow))
            {
                continue;
            }

            delivered = false;
            if (WhyGone(flow) is { } why)
            {
                GivenUp?.Invoke(_places.IdOf(place), () => $"{why} ({DescribePlace(place)})");
                ResetBoth(place);
                _sessions[place].State = HandOverState.Dying;
                _sessions[place].Told = 0;
                Tell(place);
                return;
            }
        }

        if (delivered)
        {
            Leave(place);
            return;
        }

        _sessions[place].Since = Environment.TickCount64; // what was lost on its way is sent again, and is still to be translated
        _closing.Enqueue(place);
    }

    private bool HasAll(int flow)
    {
        ref Flow other = ref _translation[flow ^ 1];
        return other.Sent + other.AddSequence == _translation[flow].Acknowledged;
    }

    private void Leave(int place)
    {
        for (int flow = ClientFlow(place); flow <= NodeFlow(place); flow++)
        {
            FlowKey key = _translation.KeyOf(flow);
            if (_translation.Has(key, flow))
            {
                _translation.Remove(key);
            }
        }

        CloseSide(NodeFlow(place));
        Free(place);
    }

    private void Tell(int place)
    {
        if (_sessions[place].Told == TellTimes)
        {
            Leave(place);
            return;
        }

        SendResets(place);
        _sessions[place].Since = Environment.TickCount64;
        _reset.Enqueue(place);
    }

    private void SendResets(int place)
    {
        int told = ++_sessions[place].Told;
        for (int flow = ClientFlow(place); flow <= NodeFlow(place); flow++)
        {
            // Not after a new connection took the addresses, which it cannot before the ends were told.
            FlowKey key = _translation.KeyOf(flow);
            if (_sides[flow].IsReset && (told == 1 || _translation.Has(key, flow)))
            {
                _segments.Reset(key.Reversed, _translation[flow], _translation[flow ^ 1]);
            }
        }
    }

    private void Free(int place)
    {
        _translation[ClientFlow(place)].State = _translation[NodeFlow(place)].State = FlowState.Free;
        _sessions[place].State = HandOverState.None;
        _places.Free(place);
    }

    private void CloseSide(int flow)
    {
        ref HandOverSide side = ref _sides[flow];
        if (side.Socket >= 0)
        {
            side.Connection.CloseSilently();
            LibC.Close(side.Socket);
            side.Socket = -1;
        }
    }

    /// <summary>Looks at every session: for what a full ring did not report, and for ends that are gone without a word.</summary>
    private void Look()
    {
        for (int place = 0; place < _places.Used; place++)
        {
            if (IsForwarded(place))
            {
                Look(place);
            }
        }
    }

    private void Look(int place)
    {
        EndIfFinished(place);
        ref HandedOver session = ref _sessions[place];
        (long client, long node) = BytesOf(place);
        long moved = client + node + _translation[ClientFlow(place)].Acknowledged + _translation[NodeFlow(place)].Acknowledged;
        if (moved != session.Moved || session.Quiet == 0)
        {
            (session.Moved, session.Quiet) = (moved, Environment.TickCount64);
        }
        else if (session.State == HandOverState.Open && HasFinished(NodeFlow(place)) && HasAll(ClientFlow(place))
            && Environment.TickCount64 - session.Quiet > _times.HalfClosed.TotalMilliseconds)
        {
            GiveUp(place, HandOverEnd.NodeFinished, "the node has finished, and the client is silent");
        }

        for (int flow = ClientFlow(place); flow <= NodeFlow(place); flow++)
        {
            if (session.State == HandOverState.Open && IsReset(flow))
            {
                Close(place, IsNode(flow) ? HandOverEnd.NodeReset : HandOverEnd.ClientReset);
            }
            else if (IsForwarded(place) && WhyGone(flow) is { } why)
            {
                GiveUp(place, IsNode(flow) ? HandOverEnd.NodeSilent : HandOverEnd.ClientSilent, why);
            }
        }
    }

    private bool IsForwarded(int place) => _sessions[place].State is HandOverState.Settling or HandOverState.Open;

    /// <summary>Why an end is given up; null when it is there, or is asked whether it is.</summary>
    private string? WhyGone(int index)
    {
        ref HandOverSide side = ref _sides[index];
        Flow flow = _translation[index];
        Flow other = _translation[index ^ 1];
        long now = Stopwatch.GetTimestamp();
        uint seconds = (uint)(now / Stopwatch.Frequency);
        if (flow.Last > side.Probed)
        {
            side.Probes = 0; // it has answered, however late this looks
        }

        TimeSpan? standing = other.Sent + other.AddSequence == flow.Acknowledged
            ? null : TimeSpan.FromSeconds((int)(seconds - flow.Progress));
        if (flow.Edge != flow.Acknowledged)
        {
            side.Full = 0;
        }
        else if (side.Full == 0 || side.FullEdge != (ushort)(flow.Edge ^ (flow.Edge >> 16)))
        {
            side.Full = Math.Max((ushort)seconds, (ushort)1);
            side.FullEdge = (ushort)(flow.Edge ^ (flow.Edge >> 16));
            side.FullAsked = (byte)other.Asked;
        }

        var signs = new EndSigns(Nanoseconds(now - flow.Last), standing, side.Probes, Nanoseconds(now - side.Probed),
            side.Full == 0 ? null : TimeSpan.FromSeconds((ushort)(seconds - side.Full)), (byte)(other.Asked - side.FullAsked));
        switch (signs.Judge(_times))
        {
            case Liveness.There:
                return null;
            case Liveness.Silent:
                return $"{Name(index)} answers nothing";
            case Liveness.Standing:
                return $"{Name(index)} acknowledges nothing";
            case Liveness.Full:
                return $"{Name(index)} reads nothing";
        }

        // A number that it has acknowledged already: it answers with its own (RFC 9293, 3.8.4).
        uint? time = flow.Seen.HasFlag(FlowSeen.Time) ? (uint)(now / (Stopwatch.Frequency / 1000)) + other.Clock : null;
        // Acknowledged is only what the other end has: a byte that was lost on its way there is still to be sent again.
        int window = Math.Max((int)(other.Edge - other.Acknowledged), 0);
        uint acknowledged = other.Acknowledged + other.AddAcknowledgement;
        _segments.Send(other.Leaves, flow.Acknowledged - 1, acknowledged, RawSegments.AcknowledgeFlag, window >> other.ShiftOut, time);
        side.Probes++;
        Probes++;
        side.Probed = now;
        return null;
    }

    private static TimeSpan Nanoseconds(long count) => TimeSpan.FromTicks(count / TimeSpan.NanosecondsPerTick);
}
