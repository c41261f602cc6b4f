// The published proxy under a name that is its content's hash. Pulumi keeps the path of what it uploaded and looks for the file at every
// later run, on whatever machine that is: so the path is relative to infra/ and the same wherever the content is the same.

using System.Security.Cryptography;
using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>A published proxy, named by its content.</summary>
/// <param name="Path">Its path, relative to the current folder, which is infra/.</param>
/// <param name="Sha256">SHA-256, 64 lower-case hexadecimal digits.</param>
public sealed record BundleFile(string Path, string Sha256)
{
    /// <summary>Where these files are, seen from infra/.</summary>
    public const string Folder = "../artifacts/bundles";

    /// <summary>Copies a published proxy to its place, unless it is there.</summary>
    /// <exception cref="RunException">It cannot be read, or the folder cannot be written.</exception>
    public static BundleFile Store(string published)
    {
        try
        {
            string sha256 = Hash(published);
            string path = $"{Folder}/redis-ha-proxy-{sha256}";
            if (!File.Exists(path) || Hash(path) != sha256)
            {
                Directory.CreateDirectory(Folder);
                // In one step: a run that is interrupted, or another one beside it, never shows half a file.
                string partial = $"{path}.{Guid.NewGuid():N}";
                File.Copy(published, partial);
                File.Move(partial, path, overwrite: true);
            }
            return new BundleFile(path, sha256);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new RunException($"The published proxy {published} cannot be copied to {System.IO.Path.GetFullPath(Folder)}: {error.Message} "
                + $"Make that folder writable, and {SettingsSource.Namespace}:{Setting.ProxyBundlePath.Key} readable.", error);
        }
    }

    private static string Hash(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
