// Gives every machine its address: the configured one, or a fixed place in its subnet.

using System.Collections.Immutable;
using System.Net;

namespace RedisHaInfra.Settings;

/// <summary>Takes addresses one by one and refuses those outside their subnet, reserved by OCI, or taken already.</summary>
internal sealed class AddressPlan(SettingsReader reader)
{
    private readonly Dictionary<string, Setting> _taken = [];

    /// <summary>The address of one machine.</summary>
    /// <param name="setting">Where it may be configured.</param>
    /// <param name="subnet">The subnet it must lie in.</param>
    /// <param name="subnetSetting">The subnet's setting, for messages.</param>
    /// <param name="offset">Its place in the subnet when it is not configured.</param>
    public string Take(Setting setting, IPNetwork subnet, Setting subnetSetting, uint offset)
    {
        string example = Free(subnet, offset, 1);
        return Check(setting, reader.Text(setting) ?? Derive(setting, subnet, offset, example), subnet, subnetSetting, example);
    }

    /// <summary>The addresses of several machines; as many as configured, or the least number at consecutive places.</summary>
    public ImmutableArray<string> Take(Setting setting, IPNetwork subnet, Setting subnetSetting, uint offset, int minimum, int maximum)
    {
        string example = Free(subnet, offset, minimum);
        ImmutableArray<string> items = reader.List(setting);
        if (items.IsEmpty)
        {
            items = Enumerable.Range(0, minimum).Select(index => Derive(setting, subnet, offset + (uint)index, example)).ToImmutableArray();
        }
        reader.RequireOr(example, items.Length >= minimum && items.Length <= maximum, setting, $"{minimum} to {maximum} addresses, one for each machine");
        return items.Select(item => Check(setting, item, subnet, subnetSetting, example)).ToImmutableArray();
    }

    // Addresses that nothing has taken yet, one a line: those at the usual places where they are free.
    private string Free(IPNetwork subnet, uint offset, int count) =>
        string.Join('\n', Range(offset, subnet.Size() - 1).Concat(Range(2, Math.Min(offset, subnet.Size() - 1)))
        .Select(place => subnet.AddressAt(place).ToString())
        .Where(address => !_taken.ContainsKey(address))
        .Take(count));

    private static IEnumerable<uint> Range(uint from, uint end)
    {
        for (uint place = from; place < end; place++)
        {
            yield return place;
        }
    }

    private string Derive(Setting setting, IPNetwork subnet, uint offset, string example)
    {
        reader.RequireOr(example, offset < subnet.Size() - 1, setting, $"must be set, because {subnet} is too small for the default place ({offset})");
        return subnet.AddressAt(offset).ToString();
    }

    private string Check(Setting setting, string text, IPNetwork subnet, Setting subnetSetting, string example)
    {
        IPAddress? address = SettingsReader.ParseAddress(text);
        if (address is null)
        {
            reader.RequireOr(example, false, setting, $"an IPv4 address; '{text}' is not one");
            return text;
        }
        reader.RequireOr(
            example, subnet.Contains(address), setting, $"must lie in {subnetSetting.Key}, {subnet}; {text} does not", subnetSetting, Setting.VcnCidr);
        // OCI reserves the first two addresses and the last of each subnet (Networking, "Three IP Addresses in Each Subnet Reserved").
        reader.RequireOr(
            example, !address.Equals(subnet.AddressAt(0)) && !address.Equals(subnet.AddressAt(1)) && !address.Equals(subnet.AddressAt(subnet.Size() - 1)),
            setting, $"{text} is one of the three addresses of {subnet} that OCI keeps for itself (the first two and the last)", subnetSetting,
                Setting.VcnCidr);
        if (!_taken.TryAdd(text, setting))
        {
            reader.RequireOr(example, false, setting, $"every address once; {text} is also taken by {_taken[text].Key}", subnetSetting, Setting.VcnCidr);
        }
        return text;
    }
}

/// <summary>Arithmetic on IPv4 networks.</summary>
internal static class IPv4Arithmetic
{
    /// <summary>The number of addresses.</summary>
    public static uint Size(this IPNetwork network) => network.PrefixLength == 0 ? uint.MaxValue : 1u << (32 - network.PrefixLength);

    /// <summary>The address at a place; 0 is the network's own.</summary>
    public static IPAddress AddressAt(this IPNetwork network, uint offset)
    {
        byte[] bytes = network.BaseAddress.GetAddressBytes();
        uint value = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(bytes) + offset;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return new IPAddress(bytes);
    }

    /// <summary>The lower (0) or upper (1) half.</summary>
    public static IPNetwork Half(this IPNetwork network, uint half) =>
        new(network.AddressAt(half * (network.Size() / 2)), network.PrefixLength + 1);

    /// <summary>Whether another network lies within this one.</summary>
    public static bool Contains(this IPNetwork network, IPNetwork other) =>
        other.PrefixLength >= network.PrefixLength && network.Contains(other.BaseAddress);

    /// <summary>Whether two networks share addresses.</summary>
    public static bool Overlaps(this IPNetwork network, IPNetwork other) => network.Contains(other.BaseAddress) || other.Contains(network.BaseAddress);
}
