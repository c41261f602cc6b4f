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

    private void Hear(HandedOver session, HandOverSide side, FlowEvent report)
    {
        switch (report.Kind)
        {
            case FlowEventKind.Finished:
                session.First ??= side;
                EndIfFinished(session);
                break;
            case FlowEventKind.Reset when session.State == HandOverState.Open:
                Close(session, side == session.Client ? HandOverEnd.ClientReset : HandOverEnd.NodeReset);
                break;
            case FlowEventKind.TooLarge when IsForwarded(session):
                _narrow[side.Key.Source] = Environment.TickCount64;
                GiveUp(session, HandOverEnd.Failed, $"a router on the way to {Name(session, side)} takes {report.Value} bytes at most");
                break;
            case FlowEventKind.Strange when IsForwarded(session):
                GiveUp(session, HandOverEnd.Failed, $"fragments from {Name(session, side)}");
                break;
            case FlowEventKind.Late:
                _segments.Send(side.Key.Reversed, report.Value, 0, RawSegments.ResetFlag, 0);
                break;
        }
    }

    private void EndIfFinished(HandedOver session)
    {
        foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
        {
            if (side.FinRead)
            {
                session.First ??= side;
            }
        }

        if (session.State == HandOverState.Open && HasFinished(session.Client) && HasFinished(session.Node))
        {
            Close(session, session.First == session.Node ? HandOverEnd.NodeFinished : HandOverEnd.ClientFinished);
        }
    }

    private (long Client, long Node) BytesOf(HandedOver session) =>
        (Volatile.Read(ref _translation[session.Client.Flow].Bytes), Volatile.Read(ref _translation[session.Node.Flow].Bytes));

    private bool HasFinished(HandOverSide side) => side.FinRead || _translation[side.Flow].Seen.HasFlag(FlowSeen.Fin);

    /// <summary>The ends have finished, or one has reset it; the kernel passes what they still have to say.</summary>
    private void Close(HandedOver session, HandOverEnd end)
    {
        session.Client.IsReset = end == HandOverEnd.NodeReset;
        session.Node.IsReset = end == HandOverEnd.ClientReset;
        SetFlows(session, FlowState.Closing);
        SendResets(session);
        Over(session, HandOverState.Closing, end);
    }

    /// <summary>An end has sent RST: the kernel has seen it, or the local socket got it.</summary>
    private bool IsReset(HandOverSide side) => side.WasReset || _translation[side.Flow].Seen.HasFlag(FlowSeen.Reset);

    /// <summary>An end has reset the session while the local sockets still have bytes of it: the other one hears of it after them.</summary>
    private void EndAfterLastWords(HandedOver session, long now)
    {
        bool client = IsReset(session.Client);
        session.ResetAt ??= now;
        if (HasAll(client ? session.Node : session.Client) || IsReset(session.Node) == client || now - session.ResetAt > LastWordsMilliseconds)
        {
            Close(session, client ? HandOverEnd.ClientReset : HandOverEnd.NodeReset);
        }
    }

    private static string Name(HandedOver session, HandOverSide side) => side == session.Client ? "the client" : "the node";

    /// <summary>Both ends are told that it is over, for a reason of our own.</summary>
    private void GiveUp(HandedOver session, HandOverEnd end, string why)
    {
        GivenUp?.Invoke(session.Id, () => $"{why} ({Describe(session)})");
        Kill([session], end);
    }

    /// <summary>Both ends of sessions are told: first nothing of them is forwarded, then all are told, and only then is cleared away what they had.</summary>
    private void Kill(ReadOnlySpan<HandedOver> sessions, HandOverEnd end)
    {
        foreach (HandedOver session in sessions)
        {
            session.Client.IsReset = session.Node.IsReset = true;
            SetFlows(session, FlowState.Dying);
        }

        foreach (HandedOver session in sessions)
        {
            SendResets(session);
        }

        foreach (HandedOver session in sessions)
        {
            Over(session, HandOverState.Dying, end);
        }
    }

    private void SetFlows(HandedOver session, FlowState state)
    {
        _translation[session.Client.Flow].State = _translation[session.Node.Flow].State = state;
        LetResetsPass(session);
    }

    private void LetResetsPass(HandedOver session) => _translation[session.Client.Flow].Held = _translation[session.Node.Flow].Held = 0;

    private void Over(HandedOver session, HandOverState state, HandOverEnd end)
    {
        session.State = state;
        session.Since = Environment.TickCount64;
        CloseSide(session.Client); // the node's side keeps its port until nothing can come to it any more
        _byId.Remove(session.Id);
        (session.Client.IsReset || session.Node.IsReset ? _reset : _closing).Enqueue(session);
        Ended?.Invoke(session.Id, end, BytesOf(session));
    }

    /// <summary>A session whose ends have finished is left when each has acknowledged the other's last byte, or is gone.</summary>
    private void LeaveIfDelivered(HandedOver session)
    {
        bool delivered = true;
        foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
        {
            if (HasAll(side))
            {
                continue;
            }

            delivered = false;
            if (WhyGone(session, side) is { } why)
            {
                GivenUp?.Invoke(session.Id, () => $"{why} ({Describe(session)})");
                session.Client.IsReset = session.Node.IsReset = true;
                session.State = HandOverState.Dying;
                SetFlows(session, FlowState.Dying);
                session.Told = 0;
                Tell(session);
                return;
            }
        }

        if (delivered)
        {
            Leave(session);
            return;
        }

        session.Since = Environment.TickCount64; // what was lost on its way is sent again, and is still to be translated
        _closing.Enqueue(session);
    }

    private bool HasAll(HandOverSide side)
    {
        ref Flow other = ref _translation[side.Flow ^ 1];
        return other.Sent + other.AddSequence == _translation[side.Flow].Acknowledged;
    }

    private void Leave(HandedOver session)
    {
        foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
        {
            if (_translation.Has(side.Key, side.Flow))
            {
                _translation.Remove(side.Key);
            }
        }

        CloseSide(session.Node);
        Free(session.Place);
    }

    private void Tell(HandedOver session)
    {
        if (session.Told == TellTimes)
        {
            Leave(session);
            return;
        }

        SendResets(session);
        session.Since = Environment.TickCount64;
        _reset.Enqueue(session);
    }

    private void SendResets(HandedOver session)
    {
        session.Told++;
        foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
        {
            // Not after a new connection took the addresses, which it cannot before the ends were told.
            if (side.IsReset && (session.Told == 1 || _translation.Has(side.Key, side.Flow)))
            {
                _segments.Reset(side.Key.Reversed, _translation[side.Flow], _translation[side.Flow ^ 1]);
            }
        }
    }

    private void Free(int place)
    {
        _translation[2 * place].State = _translation[(2 * place) + 1].State = FlowState.Free;
        _byPlace.Remove(place);
        _places.Enqueue(place);
    }

    private static void CloseSide(HandOverSide side)
    {
        if (!side.Closed)
        {
            side.Closed = true;
            side.Socket.CloseSilently();
            LibC.Close(side.Socket.Descriptor);
        }
    }

    /// <summary>Looks at every session: for what a full ring did not report, and for ends that are gone without a word.</summary>
    private void Look()
    {
        foreach (HandedOver session in _byId.Values.ToArray())
        {
            EndIfFinished(session);
            (long client, long node) = BytesOf(session);
            long moved = client + node + _translation[session.Client.Flow].Acknowledged + _translation[session.Node.Flow].Acknowledged;
            if (moved != session.Moved || session.Quiet == 0)
            {
                (session.Moved, session.Quiet) = (moved, Environment.TickCount64);
            }
            else if (session.State == HandOverState.Open && HasFinished(session.Node) && HasAll(session.Client)
                && Environment.TickCount64 - session.Quiet > _times.HalfClosed.TotalMilliseconds)
            {
                GiveUp(session, HandOverEnd.NodeFinished, "the node has finished, and the client is silent");
            }

            foreach (HandOverSide side in (ReadOnlySpan<HandOverSide>)[session.Client, session.Node])
            {
                if (session.State == HandOverState.Open && IsReset(side))
                {
                    Close(session, side == session.Client ? HandOverEnd.ClientReset : HandOverEnd.NodeReset);
                }
                else if (IsForwarded(session) && WhyGone(session, side) is { } why)
                {
                    GiveUp(session, side == session.Client ? HandOverEnd.ClientSilent : HandOverEnd.NodeSilent, why);
                }
            }
        }
    }

    private static bool IsForwarded(HandedOver session) => session.State is HandOverState.Settling or HandOverState.Open;

    /// <summary>Why an end is given up; null when it is there, or is asked whether it is.</summary>
    private string? WhyGone(HandedOver session, HandOverSide side)
    {
        Flow flow = _translation[side.Flow];
        Flow other = _translation[session.Other(side).Flow];
        long now = Stopwatch.GetTimestamp();
        if (flow.Last > side.Probed)
        {
            side.Probes = 0; // it has answered, however late this looks
        }

        TimeSpan? standing = other.Sent + other.AddSequence == flow.Acknowledged
            ? null : TimeSpan.FromSeconds((int)((uint)(now / Stopwatch.Frequency) - flow.Progress));
        switch (new EndSigns(Nanoseconds(now - flow.Last), standing, side.Probes, Nanoseconds(now - side.Probed)).Judge(_times))
        {
            case Liveness.There:
                return null;
            case Liveness.Silent:
                return $"{Name(session, side)} answers nothing";
            case Liveness.Standing:
                return $"{Name(session, side)} acknowledges nothing";
        }

        // A number that it has acknowledged already: it answers with its own (RFC 9293, 3.8.4).
        uint? time = flow.Seen.HasFlag(FlowSeen.Time) ? (uint)(now / (Stopwatch.Frequency / 1000)) + other.Clock : null;
        // Acknowledged is only what the other end has: a byte that was lost on its way there is still to be sent again.
        int window = Math.Max((int)(other.Edge - other.Acknowledged), 0);
        uint acknowledged = other.Acknowledged + other.AddAcknowledgement;
        _segments.Send(side.Key.Reversed, flow.Acknowledged - 1, acknowledged, RawSegments.AcknowledgeFlag, window >> other.ShiftOut, time);
        side.Probes++;
        Probes++;
        side.Probed = now;
        return null;
    }

    private static TimeSpan Nanoseconds(long count) => TimeSpan.FromTicks(count / TimeSpan.NanosecondsPerTick);
}
