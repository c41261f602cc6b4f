// Runs the infra program against the lab: the same stack that `pulumi up` runs, with the lab's settings and the lab as
// its cloud.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using Pulumi.Testing;
using Pulumi.Utilities;
using Pulumi;
using RedisHaInfra.Components;
using RedisHaInfra.Settings;
using RedisHaInfra;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>One run of the program.</summary>
internal static class ProgramRun
{
    private const string ConfigVariable = "PULUMI_CONFIG";

    /// <summary>The settings of the lab's stack: what a stack must say, what keeps three Redis small on one machine, and the published proxy.</summary>
    /// <param name="paths">The lab.</param>
    /// <param name="more">KEY=VALUE from the command line.</param>
    /// <param name="add">Adds what the lab itself gives the stack, such as certificates.</param>
    /// <param name="progress">Says what is done.</param>
    public static async Task<Dictionary<string, string>> SettingsAsync(
        LabPaths paths, IReadOnlyList<string> more, Action<Dictionary<string, string>> add, Progress progress)
    {
        EnterProgramFolder();
        var isArm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;
        var settings = new Dictionary<string, string>
        {
            ["compartmentId"] = "ocid1.compartment.oc1..lab",
            ["sshPublicKey"] = await OperatorKey.EnsureAsync(paths),
            ["sshPrivateKeyPath"] = OperatorKey.PrivateKey(paths),
            ["redisMaxMemory"] = "512mb",
        };
        foreach (var assignment in more)
        {
            var pair = assignment.Split('=', 2);
            if (pair.Length != 2 || !Setting.All.Any(setting => setting.Key == pair[0]))
            {
                throw new LabException($"--set {assignment}: expected KEY=VALUE with one of the stack's settings (see Pulumi.yaml).", LabException.Unusable);
            }

            settings[pair[0]] = pair[1];
        }

        // Without a bastion operators come over the VPN.
        var isFromInternet = settings.GetValueOrDefault("bastion", "vm") == "vm";
        settings.TryAdd("adminCidrs", JsonSerializer.Serialize(new[] { isFromInternet ? Addresses.Operator + "/32" : Addresses.OfficeCidr }));
        if (isArm)
        {
            // Machines of the lab have the host's architecture, so the program must publish for it.
            foreach (var key in new[] { "redisShape", "proxyShape", "bastionShape" })
            {
                settings.TryAdd(key, "VM.Standard.A1.Flex");
            }
        }

        // Now, and not after minutes of building: the program itself reads them again.
        try
        {
            add(settings);
            StackSettings.Read(new SettingsSource(settings));
        }
        catch (SettingsException e)
        {
            throw new LabException(e.Message, LabException.Unusable, e);
        }

        if (!settings.ContainsKey("proxyBundlePath"))
        {
            settings["proxyBundlePath"] = await PublishAsync(isArm ? "linux-arm64" : "linux-x64", progress);
        }

        return settings;
    }

    /// <summary>Runs the program to its end.</summary>
    /// <exception cref="LabException">It failed; the message says where and why.</exception>
    public static async Task<StackResults> RunAsync(Lab lab, IReadOnlyDictionary<string, string> settings)
    {
        // The SDK reads its configuration from the environment, once for each process.
        Environment.SetEnvironmentVariable(ConfigVariable,
            JsonSerializer.Serialize(settings.ToDictionary(pair => $"{SettingsSource.Namespace}:{pair.Key}", pair => pair.Value)));
        var cloud = new LabCloud(lab);
        ImmutableArray<Resource> resources;
        try
        {
            resources = await Deployment.TestAsync<ObservedStack>(cloud,
                new TestOptions { ProjectName = SettingsSource.Namespace, StackName = lab.Paths.Name, IsPreview = false });
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw cloud.Failure ?? Explain(e);
        }

        if (cloud.Failure is { } failure)
        {
            throw failure;
        }

        await cloud.PruneAsync();
        FileModes.WriteSecret(lab.Paths.SettingsFile, JsonSerializer.Serialize(settings));
        var stack = resources.OfType<RedisHaStack>().Single();
        FileModes.WriteSecret(lab.Paths.PasswordFile, await OutputUtilities.GetValueAsync(stack.Password) + "\n");
        FileModes.WriteSecret(lab.Paths.AdminPasswordFile, await OutputUtilities.GetValueAsync(stack.AdminPassword) + "\n");
        await KeepAsync(lab.Paths.MetricsPasswordFile, stack.MetricsPassword);
        await KeepAsync(lab.Paths.RedisAuthorityFile, stack.RedisAuthority);
        await KeepAsync(lab.Paths.AbsentNodesFile, stack.Absent);
        FileModes.WriteSecret(lab.Paths.BackupAddressFile, await OutputUtilities.GetValueAsync(stack.BackupAddress) + "\n");
        var nodes = await OutputUtilities.GetValueAsync(stack.Nodes);
        return new StackResults(
            await OutputUtilities.GetValueAsync(stack.Endpoint),
            await OutputUtilities.GetValueAsync(stack.BastionAddress),
            await OutputUtilities.GetValueAsync(stack.KnownHosts),
            await OutputUtilities.GetValueAsync(stack.SshUser),
            await OutputUtilities.GetValueAsync(stack.SshConfig),
            await OutputUtilities.GetValueAsync(stack.StatsTunnel),
            await OutputUtilities.GetValueAsync(stack.StatsPage),
            nodes.Select(node => new NodeRow(node["name"], node["role"], node["address"], node["availabilityDomain"], node["faultDomain"])).ToList(),
            await OutputUtilities.GetValueAsync(stack.BuiltWith),
            await OutputUtilities.GetValueAsync(stack.EndpointName),
            await OutputUtilities.GetValueAsync(stack.TlsEndpoint),
            await OutputUtilities.GetValueAsync(stack.CertificateAuthority),
            await OutputUtilities.GetValueAsync(stack.AdminAuthority));
    }

    // A file while the output has something to say.
    private static async Task KeepAsync(string file, Output<string> output)
    {
        if (await OutputUtilities.GetValueAsync(output) is { Length: > 0 } text)
        {
            FileModes.WriteSecret(file, text.TrimEnd('\n') + "\n");
        }
        else
        {
            File.Delete(file);
        }
    }

    // `pulumi up` runs the program in infra/; paths are relative to it.
    private static void EnterProgramFolder()
    {
        for (DirectoryInfo? folder = new(Environment.CurrentDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "infra", "RedisHaInfra.csproj")))
            {
                Environment.CurrentDirectory = Path.Combine(folder.FullName, "infra");
                return;
            }
        }
    }

    private static async Task<string> PublishAsync(string runtime, Progress progress)
    {
        try
        {
            var publish = Task.Run(() => ProxyPublisher.FromCheckout().Publish(runtime, progress.Say));
            await progress.WhileAsync("publishing the proxy", publish);
            return await publish;
        }
        catch (RunException e)
        {
            throw new LabException(e.Message, LabException.Failed, e);
        }
    }

    private static LabException Explain(Exception e)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is SettingsException or LabException)
            {
                return new LabException(inner.Message, LabException.Unusable, e);
            }
        }

        return new LabException($"the infra program failed: {e.Message}", LabException.Failed, e);
    }
}
