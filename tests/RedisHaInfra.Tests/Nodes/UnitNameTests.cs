// What hints print to be typed on a node is right on every image: Oracle Linux has another name for Redis' unit.

using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaProxy.Monitoring;
using RedisHaProxy.Routing;

namespace RedisHaInfra.Tests.Nodes;

public sealed class UnitNameTests
{
    [Theory]
    [InlineData("ubuntu", "redis", null)]
    [InlineData("debian", "redis", null)]
    [InlineData("debian", "valkey", null)]
    [InlineData("ol", "redis", "/usr/lib/systemd/system/redis.service")]
    [InlineData("ol", "valkey", "/etc/systemd/system/redis.service")]
    public async Task The_units_that_a_hint_names_are_units_of_every_image(string distribution, string engine, string? link)
    {
        using Machine machine = ValkeyTests.WithPrograms(distribution);
        RedisNodeInputs inputs = PayloadInputs.Redis();
        machine.Succeeds(await machine.ApplyAsync(NodePayload.Of(inputs with { Redis = inputs.Redis with { Engine = engine } }).ApplyScript));
        string? linked = new FileInfo(Path.Combine(machine.Root, "etc/systemd/system/redis-server.service")).LinkTarget;

        Assert.Equal(link, linked);
        Assert.All([WriteRefusal.Replicas.Remedy("redis1", ["redis2"]), FailoverChance.Remedy(["redis2"], 0)], hint =>
        {
            string unit = Regex.Match(hint, "systemctl start ([a-z-]+) on ").Groups[1].Value + ".service";
            Assert.True(machine.Exists($"active/{unit}") || (unit == "redis-server.service" && linked is not null), $"{hint}\n{machine.Calls}");
        });
    }
}
