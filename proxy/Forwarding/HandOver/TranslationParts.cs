// What the kernel's part of the hand-over is made of. Making it needs two rights that using it does not need, and that would let a process look into
// the whole kernel: so they are made first, and the program then starts itself again without these rights (HandOverCommand).

using System.Globalization;
using System.Reflection;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Descriptors of the programs and of their maps. Whoever has them closes them.</summary>
/// <param name="Keys">Map: which packets are of which flow.</param>
/// <param name="Flows">Map: how each flow is translated.</param>
/// <param name="Ends">Ring of reports.</param>
/// <param name="Control">Map: what is said to all flows at once.</param>
/// <param name="Translate">Program for packets that come in.</param>
/// <param name="Refresh">Program for packets that leave.</param>
internal readonly record struct TranslationParts(int Keys, int Flows, int Ends, int Control, int Translate, int Refresh)
{
    /// <summary>Size of the ring: 10,000 reports.</summary>
    public const int ReportBytes = 256 * 1024;

    private const int Count = 6;
    private const int FirstOfOurs = 3; // after the standard ones

    private ReadOnlySpan<int> All => (int[])[Keys, Flows, Ends, Control, Translate, Refresh];

    /// <summary>Makes the maps and loads the programs. Needs CAP_BPF, CAP_PERFMON (packets are looked at in places that they name) and CAP_NET_ADMIN.</summary>
    /// <param name="sessions">Most sessions at a time.</param>
    /// <param name="program">The object instead of the one in this assembly.</param>
    /// <exception cref="BpfException">The kernel refuses: rights, its age or its settings; the message says which. Nothing is left open.</exception>
    public static unsafe TranslationParts Create(int sessions, byte[]? program = null)
    {
        byte[] file = program ?? Embedded();
        var parts = new TranslationParts(-1, -1, -1, -1, -1, -1);
        try
        {
            parts = parts with { Keys = Bpf.CreateMap("handover_keys", Bpf.MapHash, sizeof(FlowKey), sizeof(int), 2 * sessions, Bpf.NoPreallocation) };
            parts = parts with { Flows = Bpf.CreateMap("handover_flows", Bpf.MapArray, sizeof(int), sizeof(Flow), 2 * sessions, Bpf.Mappable) };
            parts = parts with { Ends = Bpf.CreateMap("handover_ends", Bpf.MapRingBuffer, 0, 0, ReportBytes, 0) };
            parts = parts with { Control = Bpf.CreateMap("handover_said", Bpf.MapArray, sizeof(int), 2 * sizeof(uint), 1, Bpf.Mappable) };
            var maps = new Dictionary<string, int> { ["keys"] = parts.Keys, ["flows"] = parts.Flows, ["ends"] = parts.Ends, ["control"] = parts.Control };
            parts = parts with { Translate = Load(file, "tc", "handover", maps) };
            return parts with { Refresh = Load(file, "leave", "handover_leave", maps) };
        }
        catch
        {
            parts.Close();
            throw;
        }
    }

    /// <summary>Reads what <see cref="ToString"/> has written.</summary>
    public static TranslationParts? Parse(string text)
    {
        int[] numbers = [.. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1)];
        return numbers is [var keys, var flows, var ends, var control, var translate, var refresh]
            && numbers.All(number => number >= FirstOfOurs) && numbers.Distinct().Count() == Count
            ? new TranslationParts(keys, flows, ends, control, translate, refresh) : null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Keys},{Flows},{Ends},{Control},{Translate},{Refresh}");

    /// <summary>Has the program that this process becomes inherit them, or not.</summary>
    public void Inherit(bool inherited)
    {
        foreach (int descriptor in All)
        {
            _ = LibC.Fcntl(descriptor, LibC.FcntlSetDescriptorFlags, inherited ? 0 : LibC.CloseOnExecution);
        }
    }

    /// <summary>Closes them.</summary>
    public void Close()
    {
        foreach (int descriptor in All)
        {
            if (descriptor >= 0)
            {
                LibC.Close(descriptor);
            }
        }
    }

    private static int Load(byte[] file, string section, string name, Dictionary<string, int> maps)
    {
        var compiled = new BpfObject(file, section);
        return Bpf.LoadProgram(name, compiled.Link(maps), compiled.License);
    }

    private static byte[] Embedded()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("translate.bpf.o")!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
