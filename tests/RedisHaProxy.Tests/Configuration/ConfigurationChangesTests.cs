// What a reload applies, and what it leaves.

using System.Net;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Tests.Configuration;

public sealed class ConfigurationChangesTests
{
    private static readonly ProxyConfiguration Old = new()
    {
        Listen = [IPEndPoint.Parse("127.0.0.1:1")],
        Redis = new RedisConfiguration { Nodes = [new RedisNode("a", IPEndPoint.Parse("127.0.0.1:2"))] },
        Admin = new AdminConfiguration { User = "admin", Password = "old", Socket = "/s" },
    };

    [Fact]
    public void Nothing_changed_is_nothing_to_do()
    {
        var changes = ConfigurationChanges.Between(Old, Old with { Redis = new RedisConfiguration { Nodes = [.. Old.Redis.Nodes] } });

        Assert.Empty(changes.Applied);
        Assert.Empty(changes.NeedRestart);
        Assert.Equal(Old, changes.InForce);
    }

    [Fact]
    public void Live_keys_apply_and_the_others_keep_their_old_value()
    {
        var changes = ConfigurationChanges.Between(Old, Old with
        {
            Listen = [IPEndPoint.Parse("127.0.0.1:9")],
            Admin = Old.Admin! with { Password = "new", Socket = "/t" },
            Timeouts = new TimeoutConfiguration { Connect = TimeSpan.FromSeconds(1), Drain = TimeSpan.FromSeconds(2), DrainDelay = TimeSpan.Zero },
            Redis = Old.Redis with { Nodes = [new RedisNode("b", IPEndPoint.Parse("127.0.0.1:3"))], Credentials = new RedisCredentials(null, "new") },
            Limits = new LimitConfiguration { Connections = 5 },
            Log = new LogConfiguration { Level = LogLevel.Debug, Format = LogFormat.Json, Sessions = false },
        });

        Assert.Equal(["redis.nodes", "redis.passwordFile", "admin.passwordFile", "timeouts.connect", "timeouts.drainDelay", "timeouts.drain",
            "limits.connections", "log.level", "log.sessions"], changes.Applied);
        Assert.Equal(["listen", "admin.socket", "log.format"], changes.NeedRestart);
        Assert.Equal(Old.Listen, changes.InForce.Listen);
        Assert.Equal(("new", "/s"), (changes.InForce.Admin!.Password, changes.InForce.Admin.Socket));
        Assert.Equal(new TimeoutConfiguration { Connect = TimeSpan.FromSeconds(1), Drain = TimeSpan.FromSeconds(2), DrainDelay = TimeSpan.Zero },
            changes.InForce.Timeouts);
        Assert.Equal(new LimitConfiguration { Connections = 5 }, changes.InForce.Limits);
        Assert.Equal("b", changes.InForce.Redis.Nodes[0].Name);
        Assert.Equal(new LogConfiguration { Level = LogLevel.Debug, Sessions = false }, changes.InForce.Log);
    }

    [Fact]
    public void A_section_that_comes_or_goes_needs_a_restart()
    {
        Assert.Equal(["admin.user", "admin.passwordFile", "admin.socket"], ConfigurationChanges.Between(Old, Old with { Admin = null }).NeedRestart);
        Assert.Equal(["admin.user", "admin.passwordFile", "admin.socket"], ConfigurationChanges.Between(Old with { Admin = null }, Old).NeedRestart);
        Assert.Empty(ConfigurationChanges.Between(Old, Old with { Admin = null }).Applied);
    }

    [Fact]
    public void More_connections_than_the_tables_hold_need_a_restart_and_the_other_limits_do_not()
    {
        var changes = ConfigurationChanges.Between(
            Old, Old with { Limits = new LimitConfiguration { Connections = 101, PerSource = 3 } }, mostConnections: 100);

        Assert.Equal(["limits.perSource"], changes.Applied);
        Assert.Equal(["limits.connections"], changes.NeedRestart);
        Assert.Equal(Old.Limits with { PerSource = 3 }, changes.InForce.Limits);
    }
}
