// What the stand-in offers must be in the real packages, in the same shape.

using System.Reflection;
using System.Runtime.Loader;
using Pulumi;
using Xunit;

namespace PulumiStandIn.Tests.Surface;

public class SurfaceTests
{
    private static readonly Assembly[] RealPackages =
    [
        typeof(Resource).Assembly,
        typeof(global::Pulumi.Oci.Core.Vcn).Assembly,
        typeof(global::Pulumi.Command.Remote.Command).Assembly,
        typeof(global::Pulumi.Random.RandomPassword).Assembly,
    ];

    [SkippableFact]
    public void All_that_the_stand_in_offers_is_in_the_real_packages()
    {
        Assembly standIn = LoadStandIn();
        string[] more =
        [
            .. from type in standIn.GetExportedTypes()
               let real = RealPackages.Select(a => a.GetType(type.FullName!)).FirstOrDefault(t => t is not null)
               let known = real is null ? [] : PublicSurface.Describe(real).ToHashSet()
               from line in PublicSurface.Describe(type)
               where !known.Contains(line)
               select line,
        ];
        Assert.True(more.Length == 0, string.Join("\n", more));
    }

    [SkippableFact]
    public void All_inputs_that_the_real_types_require_are_required_by_the_stand_in()
    {
        Assembly standIn = LoadStandIn();
        string[] required =
        [
            .. from type in standIn.GetExportedTypes()
               let real = RealPackages.Select(a => a.GetType(type.FullName!)).FirstOrDefault(t => t is not null)
               where real is not null
               from line in PublicSurface.Describe(real)
               where line.EndsWith(", required", StringComparison.Ordinal)
               where !PublicSurface.Describe(type).Contains(line)
               select line,
        ];
        Assert.True(required.Length == 0, string.Join("\n", required));
    }

    private static Assembly LoadStandIn()
    {
        string file = Path.Combine(AppContext.BaseDirectory, "stand-in", "PulumiStandIn.dll");
        Skip.IfNot(
            typeof(Resource).Assembly.GetName().Name == "Pulumi",
            "compares the stand-in with the real packages, which this build does not use (PulumiPackages=stand-in)");
        return new AssemblyLoadContext("stand-in").LoadFromAssemblyPath(file);
    }
}
