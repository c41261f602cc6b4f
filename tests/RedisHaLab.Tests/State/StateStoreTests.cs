// The state survives its way to the disk and back, readable by its owner only.

using System.Text.Json;
using System.Text.Json.Nodes;
using RedisHaLab.Host;
using RedisHaLab.State;
using Xunit;

namespace RedisHaLab.Tests.State;

public sealed class StateStoreTests
{
    [SkippableFact]
    [Trait("Needs", "root")]
    public void State_comes_back_as_it_was()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && Environment.IsPrivilegedProcess, "needs root: the state lies below /var/lib");
        var paths = new LabPaths("t-state");
        try
        {
            var rule = new SecurityRule
            {
                OwnerId = "group",
                Direction = Direction.Egress,
                Protocol = "6",
                PeerKind = PeerKind.Cidr,
                Peer = "0.0.0.0/0",
                Ports = new PortRange(1, 2)
            };
            StateStore.Open(paths).Update(state => state with
            {
                Resources = new Dictionary<string,
                    ResourceRecord>
                { ["a::b"] = new() { Id = "1", InputsHash = "2", ReplaceHash = "3", Outputs = new JsonObject { ["result"] = "x" } } },
                Network = new NetworkModel { Rules = [rule], Vnics = [new Vnic { Name = "v", Address = "10.0.0.1", SubnetId = "s", IsCut = true }] },
            });
            var read = StateStore.Read(paths);
            Assert.Equal("x", read.Resources["a::b"].Outputs["result"]!.GetValue<string>());
            Assert.Equal(rule, Assert.Single(read.Network.Rules));
            Assert.True(read.Vnic("v")!.IsCut);
            Assert.Equal(FileModes.SecretFile, File.GetUnixFileMode(paths.StateFile));
            File.WriteAllText(paths.StateFile, "{ half");
            var refusal = Assert.Throws<LabException>(() => StateStore.Open(paths));
            Assert.IsType<JsonException>(refusal.InnerException, exactMatch: false);
            Assert.Contains(paths.StateFile, refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(paths.StateDirectory, recursive: true);
        }
    }

    [Fact]
    public void An_item_takes_the_place_of_the_one_with_its_key()
    {
        IReadOnlyList<(int Key, string Value)> list = [(1, "a"), (2, "b")];
        Assert.Equal([(1, "c"), (2, "b")], list.With((Key: 1, Value: "c"), item => item.Key));
        Assert.Equal([(1, "a"), (2, "b"), (3, "d")], list.With((Key: 3, Value: "d"), item => item.Key));
    }
}
