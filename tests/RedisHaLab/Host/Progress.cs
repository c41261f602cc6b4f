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
    private TimeSpan _said;
    private string _doing = "";

    public Progress(TextWriter writer) => _out = writer;

    /// <summary>Time since the command began.</summary>
    public TimeSpan Elapsed => _clock.Elapsed;

    /// <summary>Says something, with the time.</summary>
    public void Say(string text)
    {
        lock (_lock)
        {
            _doing = text;
            Write(text);
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

    /// <summary>Waits for what has begun; whenever nothing was said for so long, 10 s by default, the last thing is said again, with its age.</summary>
    public async Task NeverSilentAsync(Task task, TimeSpan? silence = null)
    {
        var most = silence ?? TimeSpan.FromSeconds(10);
        var begun = _clock.Elapsed;
        var doing = "";
        for (var next = most; await Task.WhenAny(task, Task.Delay(next)) != task;)
        {
            lock (_lock)
            {
                if (_doing != doing)
                {
                    (doing, begun) = (_doing, _said);
                }

                if (_clock.Elapsed - _said >= most)
                {
                    Write(string.Create(CultureInfo.InvariantCulture,
                        $"{_doing.TrimEnd(' ', '.')}: still at it, {(_clock.Elapsed - begun).TotalSeconds:0} s so far"));
                }

                var rest = most - (_clock.Elapsed - _said);
                next = rest > TimeSpan.FromMilliseconds(1) ? rest : TimeSpan.FromMilliseconds(1);
            }
        }

        await task;
    }

    /// <summary>Waits for what has begun and says that it goes on, every 15 s unless <paramref name="every"/> says otherwise.</summary>
    public async Task WhileAsync(string what, Task task, TimeSpan? every = null)
    {
        var begun = _clock.Elapsed;
        while (await Task.WhenAny(task, Task.Delay(every ?? TimeSpan.FromSeconds(15))) != task)
        {
            lock (_lock)
            {
                Write(string.Create(CultureInfo.InvariantCulture, $"{what}: still running, {(_clock.Elapsed - begun).TotalSeconds:0} s so far"));
            }
        }

        await task;
    }

    private void Write(string text)
    {
        _said = _clock.Elapsed;
        _out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_said.TotalSeconds,6:0.0} s  {text}"));
    }
}
