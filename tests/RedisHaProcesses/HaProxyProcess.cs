// A real haproxy with a given configuration.

namespace RedisHaProcesses;

/// <summary>Starts haproxy.</summary>
public static class HaProxyProcess
{
    /// <summary>Starts it in the foreground.</summary>
    /// <param name="configuration">Text of haproxy.cfg.</param>
    /// <param name="work">Takes the configuration and the log.</param>
    /// <param name="network">Namespace; null is ours.</param>
    public static ChildProcess Start(string configuration, WorkDirectory work, NetworkNamespace? network = null)
    {
        var file = work.Write("haproxy/haproxy.cfg", configuration);
        return ChildProcess.Start("haproxy", "haproxy", ["-db", "-f", file], Path.Combine(work.Path, "haproxy.log"), network);
    }
}
