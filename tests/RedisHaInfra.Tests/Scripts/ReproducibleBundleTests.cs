// The proxy's file is the same from every checkout: another file is another object, and updates all proxies.

using System.Security.Cryptography;
using System.Text.RegularExpressions;
using RedisHaInfra.Components;

namespace RedisHaInfra.Tests.Scripts;

public sealed partial class ReproducibleBundleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("redis-ha-bundle-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Compiled only: what publishing does after that (trimming, packing) takes three times as long, and gave the same bytes of the same
    // assembly whenever it was compared.
    [SkippableFact]
    public void Two_checkouts_compile_to_the_same_bytes()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "compiles for Linux, on Linux");
        string first = Compile("one");
        string second = Compile("another/checkout of the same sources");

        Assert.Equal(first, second);
    }

    // The generator of log methods goes through the parts of a class in another order in each run (it keeps syntax nodes in a hash
    // set: LoggerMessageGenerator.cs of dotnet/runtime), and the order of the members that it writes is part of the file's bytes.
    [Fact]
    public void All_log_methods_of_a_class_are_in_one_file()
    {
        IEnumerable<string> split = Directory.EnumerateFiles(Path.Combine(Repository.Root, "proxy"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !BuildOutput().IsMatch(file))
            .SelectMany(file => ClassesWithLogMethods(File.ReadAllText(file)).Select(name => (Class: name, File: Path.GetRelativePath(Repository.Root, file))))
            .GroupBy(found => found.Class, found => found.File)
            .Where(files => files.Count() > 1)
            .Select(files => $"{files.Key}: {string.Join(", ", files)}");

        Assert.Empty(split);
    }

    [Fact]
    public void The_search_for_log_methods_finds_them() => Assert.Equal(
        ["Space.First", "Space.Second"],
        ClassesWithLogMethods("namespace Space;\nclass None { }\npartial class First\n{\n [LoggerMessage(1)]\n partial void A();\n [LoggerMessage(2)]\n "
            + "partial void B();\n}\ninternal static partial class Second\n{\n [LoggerMessage(3)]\n partial void C();\n}\n"));

    private static IEnumerable<string> ClassesWithLogMethods(string source)
    {
        string space = Namespace().Match(source).Groups[1].Value;
        MatchCollection classes = Class().Matches(source);
        return LogMethod().Matches(source)
            .Select(method => $"{space}.{classes.Last(name => name.Index < method.Index).Groups[1].Value}")
            .Distinct();
    }

    // SHA-256 of the assembly.
    private string Compile(string name)
    {
        string root = Path.Combine(_folder, name);
        foreach (string file in ProxyPublisher.Inputs(Repository.Root))
        {
            string copy = Path.Combine(root, file);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(Repository.Root, file), copy);
        }
        new ProxyPublisher(root).Build("build", "linux-x64");
        string assembly = Path.Combine(root, "artifacts/publish/obj/RedisHaProxy/release_linux-x64/redis-ha-proxy.dll");
        return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(assembly)));
    }

    [GeneratedRegex("/proxy/(bin|obj)/")]
    private static partial Regex BuildOutput();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"^\s*(?:[a-z]+ )*(?:class|struct|record) (\w+)", RegexOptions.Multiline)]
    private static partial Regex Class();

    [GeneratedRegex(@"\[LoggerMessage\(")]
    private static partial Regex LogMethod();
}
