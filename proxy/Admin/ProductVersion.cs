// The version that status and the command line show.

using System.Reflection;

namespace RedisHaProxy.Admin;

/// <summary>Of this program.</summary>
internal static class ProductVersion
{
    /// <summary>The product's version, without the build's commit.</summary>
    public static string Text { get; } =
        (typeof(ProductVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown").Split('+')[0];
}
