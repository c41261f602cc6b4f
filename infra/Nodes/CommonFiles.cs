// What every node runs or is configured by, whichever its role.

namespace RedisHaInfra.Nodes;

/// <summary>The files of Nodes/Files/common that all payloads carry, and those of SSH.</summary>
internal static class CommonFiles
{
    public static IEnumerable<PayloadFile> Render(LoginAccess login) =>
    [
        PayloadFile.Embedded("common/library.sh"),
        PayloadFile.Embedded("common/distribution.sh"),
        PayloadFile.Embedded("common/accounts.sh"),
        PayloadFile.Embedded("common/wait-ready.sh"),
        PayloadFile.Embedded("common/firewall.sh"),
        PayloadFile.Embedded("common/redis-ha-firewall.service"),
        PayloadFile.Embedded("common/redis-ha-firewall.timer"),
        .. SshFiles.Render(login),
    ];
}
