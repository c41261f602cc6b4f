// What a long command says while it works.

using System.Text.RegularExpressions;
using RedisHaLab.Host;
using RedisHaProcesses;
using Xunit;

namespace RedisHaLab.Tests.Host;

public sealed class ProgressTests
{
    [Fact]
    public async Task A_step_that_takes_long_is_never_silent_and_one_that_is_quick_says_nothing_more()
    {
        var said = new Lines();
        var progress = new Progress(said);
        await progress.WhileAsync("quick", Task.CompletedTask, TimeSpan.FromMilliseconds(1));
        Assert.Empty(said.All);

        var end = new TaskCompletionSource();
        var waiting = progress.WhileAsync("publishing", end.Task, TimeSpan.FromMilliseconds(5));
        await Eventually.HoldsAsync(
            () => said.All.Count(line => Regex.IsMatch(line, "publishing: still running, [0-9]+ s so far$")) >= 2,
            () => $"it says twice that it goes on; it said: {string.Join('\n', said.All)}");
        Assert.False(waiting.IsCompleted);
        end.SetException(new LabException("it failed"));
        Assert.Equal("it failed", (await Assert.ThrowsAsync<LabException>(() => waiting)).Message);
    }

    [Fact]
    public async Task A_command_that_says_nothing_for_long_says_again_what_it_does()
    {
        var said = new Lines();
        var progress = new Progress(said);
        var end = new TaskCompletionSource();
        progress.Say("machines boot ...");
        var waiting = progress.NeverSilentAsync(end.Task, TimeSpan.FromMilliseconds(20));
        await Eventually.HoldsAsync(() => said.All.Count(line => Regex.IsMatch(line, "machines boot: still at it, [0-9]+ s so far$")) >= 2,
            () => string.Join('\n', said.All));
        progress.Say("a client writes");
        await Eventually.HoldsAsync(
            () => said.All.Any(line => line.Contains("a client writes: still at it", StringComparison.Ordinal)), () => string.Join('\n', said.All));
        end.SetException(new LabException("it failed"));

        Assert.Equal("it failed", (await Assert.ThrowsAsync<LabException>(() => waiting)).Message);
    }

    private sealed class Lines : TextWriter
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> All { get; } = [];

        public override System.Text.Encoding Encoding => System.Text.Encoding.UTF8;

        public override void WriteLine(string? value) => All.Enqueue(value ?? "");
    }
}
