// The part of an ELF object that a program of one section needs: its instructions, and where the maps' descriptors go in them
// (Linux, Documentation/bpf/llvm_reloc.rst and instruction-set.rst).

using System.Buffers.Binary;
using System.Text;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>A compiled BPF program, as clang leaves it.</summary>
internal sealed class BpfObject
{
    private const int SymbolTable = 2;
    private const int Relocations = 9;
    private const int SixtyFourBit = 1; // R_BPF_64_64: the operand of a load of 64 bits
    private const byte LoadSixtyFour = 0x18;
    private const byte OperandIsMap = 1; // BPF_PSEUDO_MAP_FD

    private readonly byte[] _instructions;
    private readonly List<(int Offset, string Map)> _maps = [];

    /// <summary>Reads an object.</summary>
    /// <param name="file">A 64-bit little-endian ELF file for BPF.</param>
    /// <param name="program">The section that holds the program.</param>
    /// <exception cref="InvalidDataException">It is none, or has what is not understood here.</exception>
    public BpfObject(ReadOnlySpan<byte> file, string program)
    {
        const int ForBpf = 247;
        if (file.Length < 64 || !file[..6].SequenceEqual("\x7f"u8.ToArray().Concat("ELF\x02\x01"u8.ToArray()).ToArray()) || Short(file, 18) != ForBpf)
        {
            throw new InvalidDataException("not a 64-bit little-endian ELF object for BPF");
        }

        List<Section> sections = Sections(file);
        int index = sections.FindIndex(section => section.Name == program);
        if (index < 0)
        {
            throw new InvalidDataException($"no section {program}");
        }

        _instructions = sections[index].Of(file).ToArray();
        License = sections.Find(section => section.Name == "license") is { } license ? Text(license.Of(file), 0) : "";
        foreach (Section relocations in sections.Where(section => section.Type == Relocations && section.Info == index))
        {
            Section symbols = sections[relocations.Link];
            if (symbols.Type != SymbolTable)
            {
                throw new InvalidDataException($"{relocations.Name} has no symbols");
            }

            ReadRelocations(relocations.Of(file), symbols.Of(file), sections[symbols.Link].Of(file));
        }
    }

    /// <summary>The terms that the program says it is under; the kernel lets some functions only be called under the GPL.</summary>
    public string License { get; }

    /// <summary>The instructions, with the maps' descriptors in their places.</summary>
    /// <exception cref="InvalidDataException">The program uses a map that is not among them.</exception>
    public byte[] Link(IReadOnlyDictionary<string, int> maps)
    {
        byte[] linked = [.. _instructions];
        foreach ((int offset, string map) in _maps)
        {
            if (!maps.TryGetValue(map, out int descriptor))
            {
                throw new InvalidDataException($"no map {map}");
            }

            linked[offset + 1] = (byte)((linked[offset + 1] & 0x0f) | (OperandIsMap << 4));
            BinaryPrimitives.WriteInt32LittleEndian(linked.AsSpan(offset + 4), descriptor);
        }

        return linked;
    }

    private void ReadRelocations(ReadOnlySpan<byte> entries, ReadOnlySpan<byte> symbols, ReadOnlySpan<byte> names)
    {
        const int EntrySize = 16;
        const int SymbolSize = 24;
        for (; entries.Length >= EntrySize; entries = entries[EntrySize..])
        {
            int offset = (int)Long(entries, 0);
            int type = (int)Int(entries, 8);
            string name = Text(names, (int)Int(symbols, (int)Int(entries, 12) * SymbolSize));
            if (type != SixtyFourBit || name.Length == 0 || _instructions[offset] != LoadSixtyFour)
            {
                throw new InvalidDataException($"relocation of type {type} for '{name}' at {offset}");
            }

            _maps.Add((offset, name));
        }
    }

    private static List<Section> Sections(ReadOnlySpan<byte> file)
    {
        int table = (int)Long(file, 40);
        int size = Short(file, 58);
        int count = Short(file, 60);
        var sections = new List<Section>();
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = file[(table + (i * size))..];
            sections.Add(new Section(
                (int)Int(header, 0), (int)Int(header, 4), (int)Long(header, 24), (int)Long(header, 32), (int)Int(header, 40), (int)Int(header, 44)));
        }

        ReadOnlySpan<byte> names = sections[Short(file, 62)].Of(file);
        foreach (Section section in sections)
        {
            section.Name = Text(names, section.NameAt);
        }

        return sections;
    }

    private static string Text(ReadOnlySpan<byte> bytes, int at) => Encoding.ASCII.GetString(bytes[at..][..bytes[at..].IndexOf((byte)0)]);

    private static int Short(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Int(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong Long(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private sealed record Section(int NameAt, int Type, int Offset, int Size, int Link, int Info)
    {
        public string Name { get; set; } = "";

        public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> file) => file.Slice(Offset, Size);
    }
}
