// `lab down`: takes the lab away and says what went.

using System.CommandLine;
using System.Globalization;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.Commands;

/// <summary>down.</summary>
internal static class DownCommand
{
    /// <summary>down [--cache] [--keep-buckets].</summary>
    public static Command Create()
    {
        var cache = new Option<bool>("--cache") { Description = $"Remove the cached base root as well ({LabPaths.CacheDirectory})" };
        var buckets = new Option<bool>("--keep-buckets")
        {
            Description = "Keep what backups have written, as Object Storage does when a stack is destroyed, for the next lab of this name (backupBucket)",
        };
        var command = new Command("down", Verbs.All["down"]) { cache, buckets };
        command.SetAction((parsed, _) => CommandLineProgram.GuardAsync(parsed, async paths =>
        {
            var progress = new Progress(Console.Error);
            using (InstanceLock.Take(paths))
            {
                var removed = await Teardown.RunAsync(paths, parsed.GetValue(buckets));
                foreach (var line in removed)
                {
                    Console.WriteLine("removed " + line);
                }

                Console.WriteLine(removed.Count == 0
                    ? $"there was no lab \"{paths.Name}\""
                    : string.Create(CultureInfo.InvariantCulture, $"the lab \"{paths.Name}\" is gone, {progress.Elapsed.TotalSeconds:0.0} s"));
            }

            if (parsed.GetValue(cache) && Directory.Exists(LabPaths.CacheDirectory))
            {
                if (LabPaths.AllInstances() is { Count: > 0 } others)
                {
                    throw new LabException($"The cached base root is in use by {string.Join(", ", others)}; take them down first.");
                }

                Directory.Delete(LabPaths.CacheDirectory, recursive: true);
                Console.WriteLine("removed " + LabPaths.CacheDirectory);
            }

            return 0;
        }));
        return command;
    }
}
