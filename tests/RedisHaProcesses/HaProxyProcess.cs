// A real haproxy with a given configuration.

namespace RedisHaProcesses;

/// <summary>An haproxy process.</summary>
public sealed class HaProxyProcess : IDisposable
{
    private HaProxyProcess(ChildProcess process) => Process = process;

    /// <summary>The process.</summary>
    public ChildProcess Process { get; }

    /// <summary>Starts it in the foreground.</summary>
    /// <param name="configuration">Text of haproxy.cfg.</param>
    /// <param name="directory">Takes the configuration and the log.</param>
    /// <param name="network">Namespace; null is ours.</param>
    public static HaProxyProcess Start(string configuration, WorkDirectory directory, NetworkNamespace? network = null)
    {
        var file = directory.Write("haproxy/haproxy.cfg", configuration);
        return new(ChildProcess.Start("haproxy", "haproxy", ["-db", "-f", file], Path.Combine(directory.Path, "haproxy.log"), network));
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => Process.Dispose();
}
