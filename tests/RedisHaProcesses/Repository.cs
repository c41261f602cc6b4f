// Files of the repository that tests look into.

namespace RedisHaProcesses;

/// <summary>Finds the repository's root from the program's own folder.</summary>
public static class Repository
{
    /// <summary>The folder of RedisHaInfra.sln.</summary>
    /// <exception cref="DirectoryNotFoundException">It is in no folder above the program.</exception>
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

        throw new DirectoryNotFoundException("RedisHaInfra.sln is in no folder above the program");
    }
}
