// Which packets of which interfaces a hand-over can be of.

using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

[Trait("Needs", "root")]
public sealed class InterfacesTests : IDisposable
{
    private const uint LargeReceive = 1 << 15; // ETH_FLAG_LRO

    private readonly WorkDirectory _directory = new();

    [SkippableFact]
    public async Task An_interface_that_joins_what_it_receives_has_no_part_in_a_hand_over()
    {
        Skip.If(ThreeMachines.Missing is not null, ThreeMachines.Missing);
        using ThreeMachines machines = await ThreeMachines.CreateAsync(_directory);
        var key = new FlowKey
        {
            Source = BitConverter.ToUInt32(ThreeMachines.ClientAddress.GetAddressBytes()),
            Destination = BitConverter.ToUInt32(ThreeMachines.ProxyAddress.GetAddressBytes()),
        };
        using (machines.Proxy.Enter())
        {
            Assert.NotNull(new Interfaces().Find(key));
            Assert.NotNull(new Interfaces(_ => ~LargeReceive).Find(key));
            Assert.Null(new Interfaces(name => name == "eth0" ? LargeReceive : 0).Find(key));
        }
    }

    // The untagged packets of the VLAN's own interface are those of the session.
    [SkippableFact]
    public void A_packet_with_a_VLAN_tag_is_of_no_session()
    {
        Skip.If(HandOverRights.Missing is not null, HandOverRights.Missing);
        using var translation = new Translation(1);
        translation.Watch(Translation.Now + 60_000);
        var packet = new TcpPacket { Source = 1, Destination = 2, SourcePort = 3, DestinationPort = 4, Flags = TcpPacket.Ack, TimeToLive = 64 };
        byte[] bytes = packet.ToBytes();
        translation[0] = translation[1] = new Flow { State = FlowState.Open };
        var key = new FlowKey
        {
            Source = TranslationModel.Swap(1u),
            Destination = TranslationModel.Swap(2u),
            SourcePort = TranslationModel.Swap((ushort)3),
            DestinationPort = TranslationModel.Swap((ushort)4),
        };
        Assert.True(translation.TryAdd(key, 0));
        byte[] changed = new byte[256];
        byte[] tagged = [.. bytes[..12], 0x81, 0, 0, 5, .. bytes[12..]];
        Assert.Equal(TranslationModel.Up, translation.Run(tagged, changed, out int length));
        Assert.Equal(tagged, changed[..length]);
        Assert.Equal(0, translation[0].Last);
        translation.Run(bytes, changed, out _);
        Assert.NotEqual(0, translation[0].Last);
    }

    public void Dispose() => _directory.Dispose();
}
