// Whether standard error is the journal: systemd sets JOURNAL_STREAM to the device and inode of the stream (systemd.exec(5)).

using System.Globalization;

namespace RedisHaProxy.Hosting;

/// <summary>Recognises the journal.</summary>
internal static class JournalStream
{
    /// <summary>Whether standard error of this process is connected to the journal.</summary>
    public static bool IsStandardError()
    {
        string? stream = Environment.GetEnvironmentVariable("JOURNAL_STREAM");
        return stream is not null && LinkOfStandardError() is { } link && IsSame(stream, link);
    }

    /// <summary>Compares "device:inode" with a link of /proc/self/fd, "socket:[inode]"; sockets share one device.</summary>
    internal static bool IsSame(string journalStream, string link)
    {
        string[] parts = journalStream.Split(':');
        return parts.Length == 2
            && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)
            && link == string.Create(CultureInfo.InvariantCulture, $"socket:[{inode}]");
    }

    private static string? LinkOfStandardError()
    {
        try
        {
            return new FileInfo("/proc/self/fd/2").LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
