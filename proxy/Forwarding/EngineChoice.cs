// Which engine the loops have: the configured one, or the better one that the kernel allows.

using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

/// <summary>The engine that the configuration asks for is not available; the message names key, value and reason.</summary>
public sealed class EngineUnavailableException(string message, Exception cause) : Exception(message, cause);

/// <summary>Makes event loops.</summary>
internal static partial class EngineChoice
{
    /// <summary>Makes the loops of the engine asked for. Where the choice is left to the proxy and the kernel refuses io_uring, it is epoll.</summary>
    /// <param name="engine">As configured.</param>
    /// <param name="count">How many loops.</param>
    /// <param name="findUring">Finds out what io_uring can do here.</param>
    /// <param name="newLoop">Makes the loop with a number; of epoll, when it is given nothing to do io_uring with.</param>
    /// <param name="logger">Takes the line of <paramref name="say"/>.</param>
    /// <param name="say">Says in the log which engine it is, and why.</param>
    /// <exception cref="EngineUnavailableException">The configuration asks for io_uring, and the kernel refuses it.</exception>
    public static SessionLoop[] NewLoops(
        ForwardingEngine engine, int count, Func<UringSupport> findUring, Func<UringSupport?, int, SessionLoop> newLoop, ILogger logger, out Action say)
    {
        var loops = new List<SessionLoop>(count);
        if (engine != ForwardingEngine.Epoll)
        {
            try
            {
                UringSupport support = findUring();
                while (loops.Count < count)
                {
                    loops.Add(newLoop(support, loops.Count));
                }

                say = () => LogUring(logger);
                return [.. loops];
            }
            catch (IoUringUnavailableException e)
            {
                loops.ForEach(loop => loop.CleanUp());
                loops.Clear();
                if (engine == ForwardingEngine.IoUring)
                {
                    throw new EngineUnavailableException($"\"engine\" is \"io_uring\", which this kernel does not allow: {e.Message}", e);
                }

                say = () => LogEpollInstead(logger, e.Message);
            }
        }
        else
        {
            say = () => LogEpoll(logger);
        }

        while (loops.Count < count)
        {
            loops.Add(newLoop(null, loops.Count));
        }

        return [.. loops];
    }

    [LoggerMessage(LogEvents.EngineUring, LogLevel.Information, "Engine: io_uring", EventName = nameof(LogEvents.EngineUring))]
    private static partial void LogUring(ILogger logger);

    [LoggerMessage(LogEvents.EngineEpollInstead, LogLevel.Information,
        "Engine: epoll, because io_uring is not available: {Reason}",
        EventName = nameof(LogEvents.EngineEpollInstead))]
    private static partial void LogEpollInstead(ILogger logger, string reason);

    [LoggerMessage(LogEvents.EngineEpoll, LogLevel.Information, "Engine: epoll, as configured", EventName = nameof(LogEvents.EngineEpoll))]
    private static partial void LogEpoll(ILogger logger);
}
