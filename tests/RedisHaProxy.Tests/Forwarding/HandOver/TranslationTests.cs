// The program in the kernel against a plain model, on single packets, without any network (BPF_PROG_TEST_RUN).

using System.Diagnostics;
using System.Runtime.InteropServices;
using CsCheck;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class TranslationTests : IDisposable
{
    private const int Packets = 20_000;
    private const int PropertyThreads = 1; // one pair of flows
    private const int Long = 1 << 30;

    private static readonly string Folder = Path.Combine(Repository.Root, "proxy", "Forwarding", "HandOver");

    private readonly Lazy<Translation> _translation = new(() => Watched(new Translation(4)));

    [SkippableFact]
    public void Every_packet_leaves_as_the_model_says()
    {
        SkipWithoutRights();
        Holds(_translation.Value, Packets);
    }

    [SkippableFact]
    public void The_object_is_what_its_source_builds()
    {
        var missing = Installed.Missing("clang", "bash");
        Skip.If(missing is not null, missing);
        string built = Build();
        try
        {
            Skip.If(!Output("clang", "--version").Contains("version 14.", StringComparison.Ordinal), "the object in the repository was made by clang 14");
            Assert.Equal(File.ReadAllBytes(Path.Combine(Folder, "translate.bpf.o")), File.ReadAllBytes(built));
        }
        finally
        {
            File.Delete(built);
        }
    }

    [SkippableFact]
    public void What_this_machines_compiler_builds_does_the_same()
    {
        SkipWithoutRights();
        var missing = Installed.Missing("clang", "bash");
        Skip.If(missing is not null, missing);
        string built = Build();
        try
        {
            using var translation = Watched(new Translation(4, File.ReadAllBytes(built)));
            Holds(translation, Packets / 10);
        }
        finally
        {
            File.Delete(built);
        }
    }

    [SkippableFact]
    public void Nothing_is_forwarded_that_nobody_watches()
    {
        SkipWithoutRights();
        Translation translation = _translation.Value;
        var packet = new TcpPacket { Source = 1, Destination = 2, SourcePort = 3, DestinationPort = 4, Flags = TcpPacket.Ack, TimeToLive = 64 };
        translation[0] = translation[1] = new Flow { State = FlowState.Open };
        Assert.True(translation.TryAdd(KeyOf(packet), 0));
        Assert.Equal(TranslationModel.Up, translation.Run(packet.ToBytes(), _changed, out _));
        TcpPacket leaving = packet with { Source = 2, Destination = 1, SourcePort = 4, DestinationPort = 3 };
        translation.Unsettled = 1;
        Assert.Equal(TranslationModel.Up, translation.RunLeaving(leaving.ToBytes(), _changed, out _));
        translation.Watch(Translation.Now - 1);
        translation[0].Last = 0;
        Assert.Equal(TranslationModel.Drop, translation.Run(packet.ToBytes(), _changed, out _));
        Assert.Equal(0, translation[0].Last);
        Assert.Equal(TranslationModel.Drop, translation.RunLeaving(leaving.ToBytes(), _changed, out _));
        translation.Watch(Translation.Now + Long);
        Assert.Equal(TranslationModel.Up, translation.Run(packet.ToBytes(), _changed, out _));
        Assert.Equal(TranslationModel.Up, translation.RunLeaving(leaving.ToBytes(), _changed, out _));
        translation.Unsettled = 0;
    }

    [SkippableFact]
    public void A_packet_of_no_session_is_not_touched()
    {
        SkipWithoutRights();
        Gen.Select(AnyPacket, Gen.Byte.Array[0, 60], Gen.Int[0, 2]).Sample(
            (packet, garbage, kind) =>
            {
                byte[] bytes = packet.ToBytes();
                switch (kind)
                {
                    case 1:
                        garbage.AsSpan(0, Math.Min(garbage.Length, bytes.Length - 14)).CopyTo(bytes.AsSpan(14));
                        break;
                    case 2:
                        bytes = bytes[..(34 + (garbage.Length % 20))];
                        break;
                }

                Assert.Equal(TranslationModel.Up, _translation.Value.Run(bytes, _changed, out int length));
                Assert.Equal(bytes, _changed[..length]);
            },
            iter: Packets / 4,
            threads: PropertyThreads);
    }

    [SkippableFact]
    public void What_a_local_socket_sends_acknowledges_what_the_other_end_has_as_long_as_a_session_is_unsettled()
    {
        SkipWithoutRights();
        Translation translation = _translation.Value;
        Gen.Select(AnyCase, AnyPacket, Gen.Int[0, 3], Gen.Int[0, 14]).Sample(
            (situation, packet, unsettled, scale) =>
            {
                Flow other = situation.Other;
                other.ShiftOut = (byte)scale;
                uint newest = other.Acknowledged + other.AddAcknowledgement;
                packet = packet with { Acknowledgement = newest + (situation.Acknowledgement - situation.Flow.Acknowledged) };
                FlowKey key = KeyOf(packet).Reversed;
                translation[situation.Index] = situation.Flow;
                translation[situation.Index ^ 1] = other;
                translation.Unsettled = unsettled;
                Assert.True(translation.TryAdd(key, situation.Index));
                try
                {
                    int verdict = translation.RunLeaving(packet.ToBytes(), _changed, out int length);
                    bool old = (int)(newest - packet.Acknowledgement) > 0
                        && packet.Has(TcpPacket.Ack) && !packet.Has(TcpPacket.Syn) && !packet.Has(TcpPacket.Rst);
                    bool looked = unsettled > 0 && situation.Flow.State != FlowState.Free && (packet.Fragment & 0x3fff) == 0;
                    bool over = looked && situation.Flow.State != FlowState.Open && !packet.Has(TcpPacket.Syn) && !packet.Has(TcpPacket.Rst);
                    bool passes = !looked || !old || over;
                    TcpPacket expected = passes ? packet : packet with
                    {
                        Acknowledgement = newest,
                        Window = (ushort)Math.Min(Math.Max((int)(other.Edge - other.Acknowledged), 0) >> scale, 0xffff),
                    };
                    Assert.Equal(over ? TranslationModel.Drop : TranslationModel.Up, verdict);
                    Assert.Equal(Convert.ToHexString(expected.ToBytes()), Convert.ToHexString(_changed.AsSpan(0, length)));
                }
                finally
                {
                    translation.Remove(key);
                }
            },
            iter: Packets / 2,
            threads: PropertyThreads);
    }

    // The client was granted more by the proxy's socket than the node had granted by then. The node has said more since, but its word is late: the
    // last bytes and the FIN come first, the node takes and acknowledges them, and the client will not send them again.
    [SkippableFact]
    public void What_an_end_was_granted_before_its_hand_over_counts_though_the_other_ends_word_is_late()
    {
        SkipWithoutRights();
        const uint Granted = 40_000, Window = 1000, Last = 3000;
        Translation translation = _translation.Value;
        var fromClient = new TcpPacket { Source = 1, Destination = 2, SourcePort = 3, DestinationPort = 4, TimeToLive = 64, Flags = TcpPacket.Ack };
        TcpPacket fromNode = fromClient with { Source = 5, SourcePort = 6, DestinationPort = 7 };
        translation[0] = new Flow { State = FlowState.Open, Granted = Granted };
        translation[1] = new Flow { State = FlowState.Open, Edge = Window };
        Assert.True(translation.TryAdd(KeyOf(fromClient), 0));
        Assert.True(translation.TryAdd(KeyOf(fromNode), 1));

        translation.Run((fromClient with { Sequence = Granted + 1, Payload = [1] }).ToBytes(), _changed, out _);
        Assert.Equal((0u, 0L), (translation[0].Sent, translation[0].Bytes)); // nobody has granted it so much
        byte[] last = (fromClient with { Sequence = Last, Payload = new byte[10], Flags = TcpPacket.Ack | TcpPacket.Fin }).ToBytes();
        translation.Run(last, _changed, out _);
        translation.Run((fromNode with { Acknowledgement = Last + 11, Window = (ushort)Window }).ToBytes(), _changed, out _);
        translation.Run((fromNode with { Acknowledgement = 0, Window = 60_000 }).ToBytes(), _changed, out _);

        Assert.Equal((Last + 11, FlowSeen.Fin, (long)Last + 10), (translation[0].Sent, translation[0].Seen, translation[0].Bytes));
        Assert.Equal(Last + 11, translation[1].Acknowledged);
        Assert.True(translation.TryRead(out FlowEvent report));
        Assert.Equal(FlowEventKind.Finished, report.Kind);
    }

    private static Translation Watched(Translation translation)
    {
        translation.Watch(Translation.Now + Long);
        return translation;
    }

    private readonly byte[] _changed = new byte[8192];

    private void Holds(Translation translation, long packets) =>
        Gen.Select(AnyCase, AnyPacket).Sample(
            (situation, packet) => Check(translation, situation, packet with { Sequence = situation.Sequence, Acknowledgement = situation.Acknowledgement }),
            iter: packets,
            threads: PropertyThreads);

    private void Check(Translation translation, Case situation, TcpPacket packet)
    {
        FlowKey key = KeyOf(packet);
        int index = situation.Index;
        translation[index] = situation.Flow;
        translation[index ^ 1] = situation.Other;
        FlowKey back = situation.Flow.Leaves.Reversed;
        Assert.True(translation.TryAdd(key, index));
        Assert.True(translation.TryAdd(back, index ^ 1));
        try
        {
            byte[] bytes = packet.ToBytes();
            uint earliest = Milliseconds();
            int verdict = translation.Run(bytes, _changed, out int length);
            uint latest = Milliseconds();

            Flow after = translation[index];
            bool timed = after.Seen.HasFlag(FlowSeen.Time) && !situation.Flow.Seen.HasFlag(FlowSeen.Time);
            var model = new TranslationModel(situation.Flow, situation.Other);
            (int expected, TcpPacket leaves) = model.Take(packet, after.AddTime);
            Assert.Equal(expected, verdict);
            Assert.Equal(Convert.ToHexString(leaves.ToBytes()), Convert.ToHexString(_changed.AsSpan(0, length)));
            if (timed)
            {
                uint clock = after.FirstTime - situation.Flow.Clock; // of the first timestamp that the other end gets
                Assert.True(clock - earliest <= latest - earliest, $"{clock} is not within {earliest} and {latest}");
            }

            Assert.Equal(Known(model.Flow), Known(after));
            Assert.Equal(Known(model.Other), Known(translation[index ^ 1]));
            Assert.Equal(model.Forgotten, !translation.Has(key, index) && !translation.Has(back, index ^ 1));
            var reports = new List<(FlowEventKind, uint)>();
            while (translation.TryRead(out FlowEvent report))
            {
                Assert.Equal((index, situation.Flow.Generation), (report.Flow, report.Generation));
                reports.Add((report.Kind, report.Value));
            }

            Assert.Equal(model.Reports.Order(), reports.Order());
        }
        finally
        {
            translation.Remove(key);
            translation.Remove(back);
        }
    }

    private static FlowKey KeyOf(TcpPacket packet) => new()
    {
        Source = TranslationModel.Swap(packet.Source),
        Destination = TranslationModel.Swap(packet.Destination),
        SourcePort = TranslationModel.Swap(packet.SourcePort),
        DestinationPort = TranslationModel.Swap(packet.DestinationPort),
    };

    /// <summary>What the model knows of a flow: all but times of the clock.</summary>
    private static string Known(Flow flow)
    {
        flow.Last = flow.Progress = 0;
        return Convert.ToHexString(MemoryMarshal.AsBytes(new ReadOnlySpan<Flow>(in flow)));
    }

    private static uint Milliseconds() => (uint)(Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000));

    private static string Build()
    {
        string file = Path.Combine(Path.GetTempPath(), $"translate-{Guid.NewGuid():N}.o");
        _ = Output("bash", Path.Combine(Folder, "build"), file);
        return file;
    }

    private static string Output(string program, params string[] words)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program}: {errors.GetAwaiter().GetResult()}");
        return output;
    }

    private static void SkipWithoutRights() => Skip.If(HandOverRights.Missing is not null, HandOverRights.Missing);

    public void Dispose()
    {
        if (_translation.IsValueCreated)
        {
            _translation.Value.Dispose();
        }
    }

    private sealed record Case(int Index, Flow Flow, Flow Other, uint Sequence, uint Acknowledgement);

    // Numbers near to what counts, and anywhere.
    private static readonly Gen<uint> Near = Gen.Frequency(
        (4, Gen.Int[-3, 3].Select(n => (uint)n)), (4, Gen.Int[-70_000, 70_000].Select(n => (uint)n)), (1, Gen.UInt));

    private static readonly Gen<Case> AnyCase =
        from numbers in Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt)
        from places in Gen.Select(Near, Near, Near, Near, Near, Near)
        from times in Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt, Gen.UInt)
        from ports in Gen.Select(Gen.UShort, Gen.UShort)
        from granted in Near
        from small in Gen.Select(Gen.Int[0, 7], Gen.Int[0, 14], Gen.Int[0, 14], Gen.Int[0, 7], Gen.Int[0, 7])
        from state in Gen.Frequency((6, Gen.Const(FlowState.Open)), (1, Gen.Const(FlowState.Closing)), (1, Gen.Const(FlowState.Dying)))
        from either in Gen.Select(Gen.Int[0, 1], Gen.Int[0, 1])
        select Make(numbers, places, times, ports, small, (state, (byte)either.Item1), (uint)either.Item2, granted);

    private static Case Make(
        (uint Sent, uint Acknowledged, uint AddSequence, uint AddAcknowledgement, uint Source, uint Destination) numbers,
        (uint InFlight, uint Window, uint Unread, uint Edge, uint Sequence, uint Acknowledgement) places,
        (uint Clock, uint Add, uint First, uint OtherAdd, uint OtherFirst) times,
        (ushort Source, ushort Destination) ports,
        (int Index, int In, int Out, int Seen, int OtherSeen) small,
        (FlowState State, byte Held) now,
        uint device,
        uint granted)
    {
        var flow = new Flow
        {
            Leaves = new FlowKey { Source = numbers.Source, Destination = numbers.Destination, SourcePort = ports.Source, DestinationPort = ports.Destination },
            AddSequence = numbers.AddSequence,
            AddAcknowledgement = numbers.AddAcknowledgement,
            Device = device,
            Generation = times.First ^ times.Add,
            ShiftIn = (byte)small.In,
            ShiftOut = (byte)small.Out,
            State = now.State,
            Held = now.Held,
            Seen = (FlowSeen)small.Seen,
            Sent = numbers.Sent,
            Acknowledged = numbers.Acknowledged,
            Edge = numbers.Acknowledged + places.Edge,
            Clock = times.Clock,
            AddTime = times.Add,
            FirstTime = times.First,
            Granted = numbers.Sent + granted,
            Bytes = numbers.Source,
        };
        uint acknowledged = numbers.Sent + numbers.AddSequence - places.InFlight;
        var other = new Flow
        {
            AddSequence = 0 - numbers.AddAcknowledgement,
            AddAcknowledgement = 0 - numbers.AddSequence,
            State = now.State,
            Seen = (FlowSeen)small.OtherSeen,
            Sent = numbers.Acknowledged + numbers.AddAcknowledgement + places.Unread,
            Acknowledged = acknowledged,
            Edge = acknowledged + places.Window,
            AddTime = times.OtherAdd,
            FirstTime = times.OtherFirst,
        };
        return new Case(small.Index, flow, other, numbers.Sent + places.Sequence, numbers.Acknowledged + places.Acknowledgement);
    }

    private static readonly Gen<byte[]> Option = Gen.Frequency(
        (3, Gen.Const(new byte[] { 1 })),
        (3, Gen.Byte.Array[8].Select(values => (byte[])[8, 10, .. values])),
        (3, Gen.Int[1, 4].SelectMany(blocks => Gen.Byte.Array[8 * blocks].Select(values => (byte[])[5, (byte)(2 + values.Length), .. values]))),
        (1, Gen.Const(new byte[] { 2, 4, 5, 0xb4 })),
        (1, Gen.Byte.Array[0, 6].Select(values => (byte[])[30, (byte)(2 + values.Length), .. values])),
        (1, Gen.Byte.Array[1, 12]));

    private static readonly Gen<byte[]> Options =
        from linux in Gen.Bool
        from times in Gen.Byte.Array[8]
        from others in Option.List[0, 5]
        select Fit([.. linux ? (byte[])[1, 1, 8, 10, .. times] : [], .. others.SelectMany(option => option)]);

    private static readonly Gen<byte> Flags = Gen.Frequency(
        (6, Gen.Const(TcpPacket.Ack)), (2, Gen.Const((byte)(TcpPacket.Ack | TcpPacket.Fin))), (1, Gen.Const(TcpPacket.Rst)),
        (1, Gen.Const((byte)(TcpPacket.Rst | TcpPacket.Ack))), (1, Gen.Const(TcpPacket.Syn)), (2, Gen.Byte));

    private static readonly Gen<TcpPacket> AnyPacket =
        from addresses in Gen.Select(Gen.UInt, Gen.UInt, Gen.UShort, Gen.UShort)
        from numbers in Gen.Select(Gen.UInt, Gen.UInt)
        from flags in Flags
        from fields in Gen.Select(Gen.UShort, Gen.UShort, Gen.Byte, Gen.Byte, Gen.UShort)
        from fragment in Gen.Frequency((20, Gen.Bool.Select(whole => (ushort)(whole ? 0x4000 : 0))), (1, Gen.UShort))
        from options in Options
        from payload in Gen.Frequency((2, Gen.Const(Array.Empty<byte>())), (3, Gen.Byte.Array[0, 64]), (1, Gen.Byte.Array[1000, 1460]))
        select new TcpPacket
        {
            Source = addresses.Item1,
            Destination = addresses.Item2,
            SourcePort = addresses.Item3,
            DestinationPort = addresses.Item4,
            Sequence = numbers.Item1,
            Acknowledgement = numbers.Item2,
            Flags = flags,
            Window = fields.Item1,
            Urgent = fields.Item2,
            TimeToLive = fields.Item3,
            Service = fields.Item4,
            Id = fields.Item5,
            Fragment = fragment,
            Options = options,
            Payload = payload,
        };

    private static byte[] Fit(byte[] options)
    {
        byte[] some = options[..Math.Min(options.Length, 40)];
        return [.. some, .. new byte[(4 - (some.Length % 4)) % 4]];
    }
}
