// What the program in the kernel must do with a packet, in plain words: no checksum arithmetic, no pointers.

using System.Buffers.Binary;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

internal sealed class TranslationModel(Flow flow, Flow other)
{
    public const int Up = -1;
    public const int Drop = 2;
    public const int Redirect = 7;

    private Flow _flow = flow;
    private Flow _other = other;

    /// <summary>As they are to be after the packet.</summary>
    public Flow Flow => _flow;

    public Flow Other => _other;

    public List<(FlowEventKind Kind, uint Value)> Reports { get; } = [];

    public bool Forgotten { get; private set; }

    /// <summary>Verdict, and the packet as it leaves.</summary>
    /// <param name="packet">As it comes.</param>
    /// <param name="addTime">What a flow without a time yet takes as the difference of its timestamps.</param>
    public (int Verdict, TcpPacket Packet) Take(TcpPacket packet, uint addTime)
    {
        if ((packet.Fragment & 0x3fff) != 0)
        {
            if (!_flow.Seen.HasFlag(FlowSeen.Reset))
            {
                Reports.Add((FlowEventKind.Strange, 0));
            }

            return (Drop, packet);
        }

        if (_flow.State != FlowState.Open && packet.Has(TcpPacket.Syn))
        {
            Forgotten = true;
            return (Up, packet);
        }

        if (_flow.State == FlowState.Dying)
        {
            if (!packet.Has(TcpPacket.Rst))
            {
                Reports.Add((FlowEventKind.Late, packet.Has(TcpPacket.Ack) ? packet.Acknowledgement : 0));
            }

            return (Drop, packet);
        }

        if (Watch(packet) && _flow.Held != 0)
        {
            return (Drop, packet);
        }

        long window = (long)packet.Window << _flow.ShiftIn >> _flow.ShiftOut;
        bool syn = packet.Has(TcpPacket.Syn);
        TcpPacket leaves = packet with
        {
            Source = Swap(_flow.Leaves.Source),
            Destination = Swap(_flow.Leaves.Destination),
            SourcePort = Swap(_flow.Leaves.SourcePort),
            DestinationPort = Swap(_flow.Leaves.DestinationPort),
            Sequence = packet.Sequence + _flow.AddSequence,
            Acknowledgement = packet.Has(TcpPacket.Ack) ? packet.Acknowledgement + _flow.AddAcknowledgement : packet.Acknowledgement,
            Window = syn ? packet.Window : (ushort)Math.Min(window, 0xffff),
            TimeToLive = 64,
            Options = Options(packet.Options, addTime),
        };
        return (_flow.Device == 0 ? Up : Redirect, leaves);
    }

    /// <summary>Whether it ends the session.</summary>
    private bool Watch(TcpPacket packet)
    {
        bool fin = packet.Has(TcpPacket.Fin);
        bool reset = packet.Has(TcpPacket.Rst)
            && Distance(_other.Acknowledged, packet.Sequence + _flow.AddSequence) >= 0 && Distance(packet.Sequence, _flow.Sent) >= 0;
        if (reset && !_flow.Seen.HasFlag(FlowSeen.Reset))
        {
            _flow.Seen |= FlowSeen.Reset;
            Reports.Add((FlowEventKind.Reset, 0));
        }

        if (packet.Has(TcpPacket.Rst) || packet.Has(TcpPacket.Syn))
        {
            return reset;
        }

        uint ack = packet.Acknowledgement;
        if (packet.Has(TcpPacket.Ack) && Distance(_flow.Acknowledged, ack) >= 0 && Distance(ack + _flow.AddAcknowledgement, _other.Sent) >= 0)
        {
            _flow.Acknowledged = ack;
            uint edge = ack + ((uint)packet.Window << _flow.ShiftIn);
            _flow.Edge = Distance(_flow.Edge, edge) > 0 ? edge : _flow.Edge;
        }

        uint end = packet.Sequence + packet.Length;
        uint last = fin ? end + 1 : end;
        if ((packet.Length > 0 || fin) && Distance(_flow.Sent, last) > 0
            && (Distance(packet.Sequence + _flow.AddSequence, _other.Edge) >= 0 || Distance(packet.Sequence, _flow.Granted) >= 0))
        {
            _flow.Granted = Distance(_flow.Granted, last) > 0 ? last : _flow.Granted;
            _flow.Bytes += last - _flow.Sent - (fin ? 1u : 0u);
            _flow.Sent = last;
            if (fin && !_flow.Seen.HasFlag(FlowSeen.Fin))
            {
                _flow.Seen |= FlowSeen.Fin;
                Reports.Add((FlowEventKind.Finished, 0));
            }
        }

        if (packet.Length == 0 && !fin && packet.Sequence + _flow.AddSequence + 1 == _other.Acknowledged)
        {
            _flow.Asked++;
        }

        return false;
    }

    private byte[] Options(byte[] options, uint addTime)
    {
        byte[] changed = [.. options];
        int at = 0;
        int? time = null;
        Range blocks = default;
        while (at < options.Length && options[at] != 0)
        {
            if (options[at] == 1)
            {
                at++;
                continue;
            }

            int size = at + 1 < options.Length ? options[at + 1] : 0;
            if (size < 2 || at + size > options.Length)
            {
                break;
            }

            (time, blocks) = options[at] switch
            {
                8 when size == 10 => (at, blocks), // of several, which no stack sends, the last
                5 => (time, at..(at + size)),
                _ => (time, blocks),
            };
            at += size;
        }

        if (time is { } found)
        {
            Times(changed.AsSpan(found + 2, 8), addTime);
        }

        for (int word = blocks.Start.Value + 2; word + 4 <= blocks.End.Value; word += 4)
        {
            Span<byte> number = changed.AsSpan(word, 4);
            BinaryPrimitives.WriteUInt32BigEndian(number, BinaryPrimitives.ReadUInt32BigEndian(number) + _flow.AddAcknowledgement);
        }

        return changed;
    }

    private void Times(Span<byte> values, uint addTime)
    {
        uint value = BinaryPrimitives.ReadUInt32BigEndian(values);
        uint echo = BinaryPrimitives.ReadUInt32BigEndian(values[4..]);
        if (!_flow.Seen.HasFlag(FlowSeen.Time))
        {
            _flow.Seen |= FlowSeen.Time;
            _flow.AddTime = addTime;
            _flow.FirstTime = value + addTime;
        }

        bool known = _other.Seen.HasFlag(FlowSeen.Time) && Distance(_other.FirstTime, echo) >= 0;
        BinaryPrimitives.WriteUInt32BigEndian(values, value + _flow.AddTime);
        BinaryPrimitives.WriteUInt32BigEndian(values[4..], known ? echo - _other.AddTime : 0);
    }

    /// <summary>How far it is from one number to another on the circle of 2^32; negative: backwards.</summary>
    private static int Distance(uint from, uint to) => (int)(to - from);

    public static uint Swap(uint value) => BinaryPrimitives.ReverseEndianness(value);

    public static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
