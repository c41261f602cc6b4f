// A real haproxy with a given configuration.

namespace RedisHaProcesses;

/// <summary>Starts haproxy.</summary>
public static class HaProxyProcess
{
    /// <summary>Starts it in the foreground.</summary>
    /// <param name="configuration">Text of haproxy.cfg.</param>
    /// <param name="work">Takes the configuration and the log.</param>
    /// <param name="network">Namespace; null is ours.</param>
    /// <param name="name">Name for messages and files: another one for each HAProxy of a directory.</param>
    /// <param name="program">Its path, or a name to look up.</param>
    public static ChildProcess Start(
        string configuration, WorkDirectory work, NetworkNamespace? network = null, string name = "haproxy", string program = "haproxy")
    {
        var file = work.Write($"{name}/haproxy.cfg", configuration);
        return ChildProcess.Start(name, program, ["-db", "-f", file], Path.Combine(work.Path, $"{name}.log"), network);
    }
}
