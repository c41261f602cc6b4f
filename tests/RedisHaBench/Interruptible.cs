// The end of a verb: an interrupt and a failure are one line each, and the processes and files are gone by then.

namespace RedisHaBench;

/// <summary>Runs a verb's action.</summary>
internal static class Interruptible
{
    /// <summary>Runs it; 130 after an interrupt, as shells say it, and 1 after an error of the stage.</summary>
    public static async Task<int> RunAsync(string name, Func<Task<int>> action)
    {
        try
        {
            return await action();
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine($"{name}: interrupted");
            return 130;
        }
        catch (Exception e) when (e is InvalidOperationException or TimeoutException or IOException)
        {
            Console.Error.WriteLine($"{name}: {e.Message}");
            return 1;
        }
    }
}
