// A proxy that was published beforehand must be for the processor that the proxies have: the wrong one would stop at the first machine, after all was
// made.

namespace RedisHaInfra.Settings;

/// <summary>Judges a published proxy by its head.</summary>
internal static class BundleArchitecture
{
    // ELF-64 (elf(5)): the magic, and the machine at byte 18, least byte first.
    private static readonly byte[] Magic = [0x7F, (byte)'E', (byte)'L', (byte)'F'];
    private const int MachineAt = 18;

    /// <summary>Notes a problem when the file is a program for another processor; what is no program at all is for the proxy's own check.</summary>
    public static void Check(SettingsReader reader, string? path, MachineSize proxy)
    {
        if (path is null || reader.Failed(Setting.ProxyBundlePath, Setting.ProxyShape) || Of(path) is not { } found)
        {
            return;
        }
        reader.Require(found == proxy.RuntimeIdentifier, Setting.ProxyBundlePath,
            $"a proxy for {proxy.RuntimeIdentifier}, which {Setting.ProxyShape.Key} {proxy.Shape} runs; this one is for {found}: "
            + $"dotnet publish proxy --configuration Release --runtime {proxy.RuntimeIdentifier}", Setting.ProxyShape);
    }

    /// <summary>.NET's name of the platform that a program is for; null when it is none that is known.</summary>
    internal static string? Of(string path)
    {
        byte[] head = new byte[MachineAt + 2];
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length || !head.AsSpan().StartsWith(Magic))
            {
                return null;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        return (head[MachineAt] | (head[MachineAt + 1] << 8)) switch
        {
            0x3E => "linux-x64",
            0xB7 => "linux-arm64",
            _ => null,
        };
    }
}
