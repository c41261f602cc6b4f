// The keys that name Unix sockets.

using System.Text;

namespace RedisHaProxy.Configuration;

internal static partial class ConfigurationReader
{
    // sun_path of struct sockaddr_un has 108 bytes, the last one zero (unix(7)).
    private const int MaxSocketPath = 107;

    private static HandOverConfiguration? ReadHandOver(SectionReader section, string folder, ProblemList problems) =>
        section.Present && ReadSocket(section, Setting.HandOverSocket, required: true, folder, problems) is { } socket
            ? new HandOverConfiguration(socket)
            : null;

    private static string? ReadSocket(SectionReader section, PlainSetting setting, bool required, string folder, ProblemList problems)
    {
        if (section.FilePath(setting, required) is not var (written, position))
        {
            return null;
        }

        string path = Path.GetFullPath(written, folder);
        if (Encoding.UTF8.GetByteCount(path) > MaxSocketPath)
        {
            problems.Error(position, setting.Path, $"{path} is longer than {MaxSocketPath} bytes, the limit of a Unix socket's path");
            return null;
        }

        return path;
    }
}
