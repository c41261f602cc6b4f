// Publishes proxy/ for the nodes' platform: one self-contained file, from whatever system this program runs on.

using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Pulumi;
using RedisHaInfra.Settings;

namespace RedisHaInfra.Components;

/// <summary>Runs <c>dotnet publish</c>, unless the same sources were published before.</summary>
public sealed class ProxyPublisher
{
    private const string Project = "proxy/RedisHaProxy.csproj";
    private const string Program = "redis-ha-proxy";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(10);

    // Build settings that reach the proxy; the sources are all of proxy/.
    private static readonly string[] SharedFiles = ["Directory.Build.props", "Directory.Packages.props", "global.json"];

    private static readonly string[] PublishOptions = ["--self-contained", "true", "-p:PublishSingleFile=true"];

    private readonly string _root;
    private readonly string _dotnet;

    /// <summary>Publishes from a checkout.</summary>
    /// <param name="root">The checkout's top folder.</param>
    /// <param name="dotnet">The .NET SDK's command.</param>
    public ProxyPublisher(string root, string dotnet = "dotnet")
    {
        _root = root;
        _dotnet = dotnet;
    }

    /// <summary>The checkout that the running program belongs to: the first folder upwards that has the proxy's project.</summary>
    /// <exception cref="RunException">There is none.</exception>
    public static ProxyPublisher FromCheckout()
    {
        for (DirectoryInfo? folder = new(Environment.CurrentDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, Project)))
            {
                return new ProxyPublisher(folder.FullName);
            }
        }
        throw new RunException($"No folder above {Environment.CurrentDirectory} has {Project}. Run from a checkout, or set "
            + $"{SettingsSource.Namespace}:{Setting.ProxyBundlePath.Key} to a published proxy.");
    }

    private string OrderFile => Path.Combine(_root, "artifacts", "publish", "order.targets");

    /// <summary>Publishes for a platform.</summary>
    /// <param name="runtime">linux-x64 or linux-arm64.</param>
    /// <param name="say">Told what is going on, when there is something to do.</param>
    /// <returns>Path of the published file.</returns>
    /// <exception cref="RunException">The publish failed; the message has the compiler's errors.</exception>
    public string Publish(string runtime, Action<string> say)
    {
        // Named by what goes in: the same sources, options and SDK, whose compiler and runtime are in the file, give the same file, and with
        // it the same nodes, without building again.
        string sdk = Dotnet(["--version"]).Trim();
        string folder = Path.Combine(_root, "artifacts", "bundles", $"{runtime}-{HashOfInputs(runtime, sdk)[..16]}");
        string file = Path.Combine(folder, Program);
        // One at a time: another run in this checkout builds in the same folder.
        using FileStream turn = TakeTurn(say);
        if (File.Exists(file))
        {
            return file;
        }
        say($"Publishing the proxy for {runtime} with the .NET SDK {sdk} (once for each change of proxy/; half a minute or so).");
        var watch = Stopwatch.StartNew();
        string output = folder + ".new";
        if (Directory.Exists(output))
        {
            Directory.Delete(output, recursive: true);
        }
        Build("publish", runtime, [.. PublishOptions, "--output", output]);
        if (!File.Exists(Path.Combine(output, Program)))
        {
            throw new RunException($"dotnet publish of {Project} left no {Program} in {output}: "
                + $"{string.Join(", ", Directory.EnumerateFiles(output).Select(Path.GetFileName))}.");
        }
        Directory.Move(output, folder);
        say($"Published the proxy for {runtime} in {watch.Elapsed.TotalSeconds:0} s: {new FileInfo(file).Length / (1024 * 1024)} MB.");
        return file;
    }

    // The system lets go of the file when this process ends, in whatever way.
    private FileStream TakeTurn(Action<string> say)
    {
        string file = Path.Combine(_root, "artifacts", "bundles", "turn");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var watch = Stopwatch.StartNew();
        bool told = false;
        while (true)
        {
            try
            {
                return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (watch.Elapsed < Limit)
            {
                if (!told)
                {
                    told = true;
                    say("Another run publishes the proxy in this checkout; waiting for its end.");
                }
                Thread.Sleep(200);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new RunException($"The proxy cannot be published: {file} cannot be opened ({error.Message}). "
                    + "Make that folder writable; if another run publishes there, wait for its end.", error);
            }
        }
    }

    /// <summary>Compiles the proxy, and publishes it when it is told so.</summary>
    /// <param name="command">The SDK's command: build or publish.</param>
    /// <param name="runtime">linux-x64 or linux-arm64.</param>
    /// <param name="options">Further options.</param>
    /// <exception cref="RunException">It failed; the message has the compiler's errors.</exception>
    internal void Build(string command, string runtime, params string[] options)
    {
        WriteOrder();
        Dotnet([command, .. BuildOptions(runtime), .. options]);
    }

    private string[] BuildOptions(string runtime) =>
    [
        Project, "--configuration", "Release", "--runtime", runtime, "--artifacts-path", Path.Combine(_root, "artifacts", "publish"),
        "--nologo", "--verbosity", "quiet",
        // No process that stays behind for a next build, and no second look at sources that continuous integration has checked.
        "--disable-build-servers", "-p:RunAnalyzers=false",
        "-p:DebugType=none",
        // No trace of this machine, or of a commit that changed something else, in the file.
        "-p:ContinuousIntegrationBuild=true", "-p:IncludeSourceRevisionInInformationalVersion=false", $"-p:PathMap={_root}=/_",
        $"-p:CustomAfterDirectoryBuildTargets={OrderFile}",
    ];

    // The compiler's output follows the order of its sources, and a wildcard lists them as the file system does, which is not the same
    // in two checkouts: here they come in the order of their names.
    private void WriteOrder()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(OrderFile)!);
        IEnumerable<string> sources = Sources(_root).Where(source => source.EndsWith(".cs", StringComparison.Ordinal))
            .Select(source => source["proxy/".Length..]);
        new XDocument(new XElement("Project", new XElement("ItemGroup",
            new XElement("Compile", new XAttribute("Remove", "@(Compile)")),
            sources.Select(source => new XElement("Compile", new XAttribute("Include", source)))))).Save(OrderFile);
    }

    // Runs the SDK in the checkout, by whose global.json it is chosen; its output.
    private string Dotnet(string[] arguments)
    {
        var start = new ProcessStartInfo(_dotnet, arguments)
        {
            WorkingDirectory = _root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // `dotnet run`, by which Pulumi starts this program, leaves its own MSBuild's settings in the environment.
        foreach (string variable in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(variable);
        }
        start.Environment["DOTNET_NOLOGO"] = "1";
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";

        var text = new StringBuilder();
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new RunException($"The proxy cannot be published: '{_dotnet}' cannot be started ({error.Message}). Put the .NET SDK on the PATH, or set "
                + $"{SettingsSource.Namespace}:{Setting.ProxyBundlePath.Key}.", error);
        }
        using (process)
        {
            void Collect(object sender, DataReceivedEventArgs line)
            {
                lock (text)
                {
                    text.AppendLine(line.Data);
                }
            }
            process.OutputDataReceived += Collect;
            process.ErrorDataReceived += Collect;
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            if (!process.WaitForExit(Limit))
            {
                process.Kill(entireProcessTree: true);
                throw new RunException($"dotnet {arguments[0]} of {Project} did not end within {Limit.TotalMinutes:0} minutes and was stopped.");
            }
            // Without a limit: waits for the last lines of output.
            process.WaitForExit();
            if (process.ExitCode != 0)
            {
                throw new RunException($"dotnet {string.Join(' ', arguments.Take(2))} ended with exit code {process.ExitCode}:\n{text.ToString().Trim()}");
            }
        }
        return text.ToString();
    }

    private string HashOfInputs(string runtime, string sdk)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(
            $"{sdk} {string.Join(' ', [.. BuildOptions(runtime), .. PublishOptions]).Replace(_root, string.Empty, StringComparison.Ordinal)}"));
        foreach (string file in Inputs(_root))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"\n{file}\n"));
            hash.AppendData(SHA256.HashData(File.ReadAllBytes(Path.Combine(_root, file))));
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The files of a checkout that a published proxy depends on, relative to its top folder.</summary>
    internal static IEnumerable<string> Inputs(string root) => SharedFiles.Where(file => File.Exists(Path.Combine(root, file))).Concat(Sources(root));

    // All files of proxy/ but what a build leaves there, in the order of their names.
    private static IEnumerable<string> Sources(string root) => Directory.EnumerateFiles(Path.Combine(root, "proxy"), "*", SearchOption.AllDirectories)
        .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
        .Where(file => !file.StartsWith("proxy/bin/", StringComparison.Ordinal) && !file.StartsWith("proxy/obj/", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal);
}
