// What a long command is doing, how far it is and how long it takes: one line each, with the time since the start.

using System.Diagnostics;
using System.Globalization;

namespace RedisHaLab.Host;

/// <summary>Progress lines on standard error, so that standard output carries results only.</summary>
internal sealed class Progress
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly TextWriter _out;
    private readonly Lock _lock = new();

    public Progress(TextWriter writer) => _out = writer;

    /// <summary>Time since the command began.</summary>
    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>Says something, with the time.</summary>
    public void Say(string text)
    {
        lock (_lock)
        {
            _out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed.TotalSeconds,6:0.0} s  {text}"));
        }
    }

    /// <summary>Does a step and says how long it took; says that it has begun, and that it goes on every 15 s.</summary>
    public async Task StepAsync(string what, Func<Task> step)
    {
        var begun = _clock.Elapsed;
        Say(what + " ...");
        await WhileAsync(what, step());
        Say(string.Create(CultureInfo.InvariantCulture, $"{what}: done in {(_clock.Elapsed - begun).TotalSeconds:0.0} s"));
    }

    /// <summary>Waits for what has begun and says that it goes on, every 15 s unless <paramref name="every"/> says otherwise.</summary>
    public async Task WhileAsync(string what, Task task, TimeSpan? every = null)
    {
        var begun = _clock.Elapsed;
        while (await Task.WhenAny(task, Task.Delay(every ?? TimeSpan.FromSeconds(15))) != task)
        {
            Say(string.Create(CultureInfo.InvariantCulture, $"{what}: still running, {(_clock.Elapsed - begun).TotalSeconds:0} s so far"));
        }

        await task;
    }
}
