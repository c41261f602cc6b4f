// Files of the repository that tests look into.

namespace RedisHaInfra.Tests;

/// <summary>Finds the repository's root from the test's own folder.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RedisHaInfra.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("RedisHaInfra.sln is in no folder above the tests");
    }
}
