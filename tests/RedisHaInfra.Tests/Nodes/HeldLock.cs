// Another run at work on a machine: it holds a lock (flock) until it is released.

using System.Diagnostics;

namespace RedisHaInfra.Tests.Nodes;

internal sealed class HeldLock : IAsyncDisposable
{
    private readonly Process _holder;
    private bool _released;

    private HeldLock(Process holder) => _holder = holder;

    /// <summary>Takes the lock of a file, which is made with its directory where it does not exist.</summary>
    public static async Task<HeldLock> TakeAsync(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var held = new HeldLock(Shell.Start("bash", ["-c", $"exec 9>'{file}'; flock 9; exec cat"])); // until its standard input ends
        await Eventually.HoldsAsync(async () => (await Shell.RunAsync("flock", ["--nonblock", file, "true"])).ExitCode != 0, () => "the lock is taken");
        return held;
    }

    public async Task ReleaseAsync()
    {
        if (!_released)
        {
            _released = true;
            _holder.StandardInput.Close();
            await _holder.WaitForExitAsync();
            _holder.Dispose();
        }
    }

    public async ValueTask DisposeAsync() => await ReleaseAsync();
}
