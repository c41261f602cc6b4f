// Publishing the proxy, with a command that stands for dotnet: once for each change of the sources, and a clear word when it fails.

using System.Text.RegularExpressions;
using System.Xml.Linq;
using Pulumi;
using RedisHaInfra.Components;

namespace RedisHaInfra.Tests.Scripts;

public sealed class ProxyPublisherTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("redis-ha-publish-").FullName;
    private readonly List<string> _said = [];
    private string _sdk = "10.0.100";

    public ProxyPublisherTests()
    {
        Write("proxy/RedisHaProxy.csproj", "<Project/>");
        Write("proxy/Program.cs", "return 0;");
        Write("Directory.Build.props", "<Project/>");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [SkippableFact]
    public void The_same_sources_are_published_once()
    {
        string first = Publish("linux-x64");
        Write("proxy/bin/Debug/anything.dll", "build output is no source");
        Write("proxy/obj/anything.json", "nor is this");

        Assert.Equal(first, Publish("linux-x64"));
        Assert.Single(Runs);
        Assert.Equal("program for linux-x64", File.ReadAllText(first).Trim());
        Assert.Equal(2, _said.Count);
    }

    [SkippableFact]
    public void Other_sources_and_other_platforms_are_published_anew()
    {
        string x64 = Publish("linux-x64");
        string arm64 = Publish("linux-arm64");
        Write("proxy/Routing/Rule.cs", "// new");
        string changed = Publish("linux-x64");
        Write("Directory.Build.props", "<Project><!-- new --></Project>");
        string rebuilt = Publish("linux-x64");
        _sdk = "10.0.101";
        string compiled = Publish("linux-x64");

        Assert.Equal(5, new[] { x64, arm64, changed, rebuilt, compiled }.Distinct().Count());
        Assert.Equal(5, Runs.Length);
    }

    [SkippableFact]
    public void It_asks_for_one_self_contained_file_without_traces_of_this_machine()
    {
        Publish("linux-arm64");

        foreach (string argument in new[] { "--runtime linux-arm64", "--self-contained true", "-p:PublishSingleFile=true",
            "-p:ContinuousIntegrationBuild=true", $"-p:PathMap={_root}=/_", "--configuration Release" })
        {
            Assert.Contains(argument, Runs[0], StringComparison.Ordinal);
        }
    }

    [SkippableFact]
    public void The_compiler_gets_the_sources_in_the_order_of_their_names()
    {
        // As another checkout's file system may list them.
        Write("proxy/Zone/Last.cs", "// z");
        Write("proxy/Admin/First.cs", "// a");
        Write("proxy/obj/Generated.cs", "// build output");
        Publish("linux-x64");

        string file = Regex.Match(Runs[0], "-p:CustomAfterDirectoryBuildTargets=([^ ]+)").Groups[1].Value;
        Assert.Equal(["@(Compile)", "Admin/First.cs", "Program.cs", "Zone/Last.cs"],
            XDocument.Load(file).Descendants("Compile").Select(item => item.FirstAttribute!.Value));
    }

    [SkippableFact]
    public void A_failed_publish_shows_the_compilers_errors_and_leaves_nothing()
    {
        RunException error = Assert.Throws<RunException>(() => Publish("linux-x64", "echo 'Program.cs(1,1): error CS1002: ; expected'; exit 1"));

        Assert.Contains("ended with exit code 1", error.Message, StringComparison.Ordinal);
        Assert.Contains("error CS1002", error.Message, StringComparison.Ordinal);
        Assert.Equal("program for linux-x64", File.ReadAllText(Publish("linux-x64")).Trim());
    }

    [SkippableFact]
    public void Without_an_SDK_the_way_out_is_named()
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        RunException error = Assert.Throws<RunException>(
            () => new ProxyPublisher(_root, Path.Combine(_root, "no-such-dotnet")).Publish("linux-x64", _said.Add));

        Assert.Contains("redis-ha:proxyBundlePath", error.Message, StringComparison.Ordinal);
    }

    private string[] Runs => File.ReadAllLines(Path.Combine(_root, "runs"));

    private string Publish(string runtime, string before = "")
    {
        Skip.IfNot(ScriptRun.HasBash, "needs bash on Linux");
        string dotnet = Path.Combine(_root, "dotnet");
        File.WriteAllText(dotnet, $$"""
            #!/bin/bash
            if [ "$1" = --version ]; then echo '{{_sdk}}'; exit; fi
            echo "$*" >>"{{_root}}/runs"
            {{before}}
            while [ $# -gt 0 ]; do
              case $1 in --output) output=$2 ;; --runtime) runtime=$2 ;; esac
              shift
            done
            mkdir -p "$output"
            echo "program for $runtime" >"$output/redis-ha-proxy"

            """);
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        }
        return new ProxyPublisher(_root, dotnet).Publish(runtime, _said.Add);
    }

    private void Write(string path, string text)
    {
        string full = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllText(full, text);
    }
}
