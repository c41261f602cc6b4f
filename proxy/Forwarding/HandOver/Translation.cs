// The programs in the kernel and what they know: which packets are of which flow, how each flow is translated, what has happened to it.

using System.Diagnostics;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>
/// The translation of handed-over sessions by the kernel. Session s has the flows 2s (the client's packets) and 2s + 1 (the node's).
/// Needs CAP_NET_ADMIN, and to be made also what <see cref="TranslationParts.Create"/> names. When it is disposed of, or its process dies, the kernel
/// translates nothing any more.
/// </summary>
internal sealed unsafe class Translation : IDisposable
{
    /// <summary>SO_MARK of packets that are for this host's own sockets, and so pass untranslated.</summary>
    internal const int OwnMark = 0x72686f6c;

    private const int LoopbackIndex = 1; // in every network namespace

    private readonly TranslationParts _parts;
    private readonly Flow* _table;
    private readonly nint _tableBytes;
    private readonly uint* _said;
    private readonly RingBuffer? _reports;
    private readonly Dictionary<int, (int Ingress, int Egress)> _links = [];

    /// <summary>Loads the programs and makes their maps.</summary>
    /// <param name="sessions">Most sessions at a time.</param>
    /// <param name="program">The object instead of the one in this assembly.</param>
    /// <exception cref="BpfException">The kernel refuses: rights, its age or its settings; the message says which.</exception>
    public Translation(int sessions, byte[]? program = null)
        : this(sessions, TranslationParts.Create(sessions, program))
    {
    }

    /// <summary>Takes what is made already.</summary>
    /// <param name="sessions">Most sessions at a time, as it was made for.</param>
    /// <param name="parts">Belong to this from now on, also when it fails.</param>
    /// <exception cref="BpfException">The kernel refuses; the message says what.</exception>
    public Translation(int sessions, TranslationParts parts)
    {
        Capacity = sessions;
        _parts = parts;
        try
        {
            nint page = Environment.SystemPageSize;
            _tableBytes = ((2 * sessions * sizeof(Flow)) + page - 1) / page * page;
            _table = (Flow*)SharedMemory.Map(parts.Flows, _tableBytes, 0);
            _said = (uint*)SharedMemory.Map(parts.Control, page, 0);
            _reports = new RingBuffer(parts.Ends, TranslationParts.ReportBytes);
            LibC.Close(Bpf.Attach(parts.Translate, LoopbackIndex, Bpf.TcxIngress)); // whether it may
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Most sessions at a time.</summary>
    public int Capacity { get; }

    /// <summary>What becomes readable when something was reported.</summary>
    public int ReportDescriptor => _parts.Ends;

    /// <summary>The map of flows, which another process may map, too.</summary>
    public int FlowsDescriptor => _parts.Flows;

    /// <summary>A flow, live: the kernel changes it meanwhile.</summary>
    public ref Flow this[int flow] => ref _table[flow];

    /// <summary>Addresses of the packets that come from a flow's end: those in the other direction leave with the same, reversed.</summary>
    public FlowKey KeyOf(int flow) => _table[flow ^ 1].Leaves.Reversed;

    /// <summary>How many sessions there are whose local sockets may still send; with none, no packet that leaves is looked at.</summary>
    public int Unsettled
    {
        set => Volatile.Write(ref _said[0], (uint)value);
    }

    /// <summary>Milliseconds since boot, the kernel's clock and this process's.</summary>
    public static long Now => Stopwatch.GetTimestamp() / (Stopwatch.Frequency / 1000);

    /// <summary>
    /// Has the kernel forward until then, in <see cref="Now"/>; without being told again, it drops the packets of all sessions. A process that is stuck
    /// so stops them, as one that forwards by itself does.
    /// </summary>
    public void Watch(long until) => Volatile.Write(ref _said[1], (uint)until);

    /// <summary>Takes the next report. False when there is none.</summary>
    public bool TryRead(out FlowEvent report) => _reports!.TryRead(out report);

    /// <summary>Translates what comes in by an interface, from now on.</summary>
    /// <exception cref="BpfException">The kernel refuses; Linux 6.6 is needed.</exception>
    public void Attach(int interfaceIndex)
    {
        if (!_links.ContainsKey(interfaceIndex))
        {
            int ingress = Bpf.Attach(_parts.Translate, interfaceIndex, Bpf.TcxIngress);
            try
            {
                _links.Add(interfaceIndex, (ingress, Bpf.Attach(_parts.Refresh, interfaceIndex, Bpf.TcxEgress)));
            }
            catch
            {
                LibC.Close(ingress);
                throw;
            }
        }
    }

    /// <summary>
    /// Has packets with these addresses translated as the flow says, which is written before. False when there is such a flow already, or no room.
    /// </summary>
    public bool TryAdd(in FlowKey key, int flow) => Bpf.TryAdd(_parts.Keys, key, flow);

    /// <summary>Whether packets with these addresses belong to this flow; not after a new connection took the addresses.</summary>
    public bool Has(in FlowKey key, int flow) => Bpf.TryGet(_parts.Keys, key, out int found) && found == flow;

    /// <summary>From now on, packets with these addresses go up to the host's own sockets.</summary>
    public void Remove(in FlowKey key) => Bpf.Remove(_parts.Keys, key);

    /// <summary>Runs the program for packets that come in once, without any network; see <see cref="Bpf.TestRun"/>.</summary>
    public int Run(ReadOnlySpan<byte> packet, Span<byte> changed, out int length) => Bpf.TestRun(_parts.Translate, packet, changed, out length);

    /// <summary>The same of the program for packets that leave.</summary>
    public int RunLeaving(ReadOnlySpan<byte> packet, Span<byte> changed, out int length) => Bpf.TestRun(_parts.Refresh, packet, changed, out length);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((int ingress, int egress) in _links.Values)
        {
            LibC.Close(ingress);
            LibC.Close(egress);
        }

        _links.Clear();
        _reports?.Dispose();
        if (_table is not null)
        {
            LibC.MemoryUnmap((byte*)_table, _tableBytes);
        }

        if (_said is not null)
        {
            LibC.MemoryUnmap((byte*)_said, Environment.SystemPageSize);
        }

        _parts.Close();
    }
}
