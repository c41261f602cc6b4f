// Everything a run waits for.

namespace Pulumi;

/// <summary>Counts the run's tasks: it is over when none runs any more, or with the first that fails.</summary>
internal sealed class RunningTasks
{
    private readonly Lock _lock = new();
    private readonly HashSet<Exception> _failures = [];
    private readonly TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private bool _awaited;

    public void Add(Task task)
    {
        lock (_lock)
        {
            _running++;
        }

        task.ContinueWith(Completed, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Waits for the end; the failures that ended it.</summary>
    public async Task<IReadOnlyCollection<Exception>> EndAsync()
    {
        lock (_lock)
        {
            _awaited = true;
            SignalIfOver();
        }

        await _changed.Task;
        lock (_lock)
        {
            return [.. _failures];
        }
    }

    private void Completed(Task task)
    {
        lock (_lock)
        {
            _running--;

            // Only what failed before the run ended counts: the rest are its consequences.
            if (!_changed.Task.IsCompleted && task.Exception is { } failure)
            {
                _failures.UnionWith(failure.InnerExceptions);
            }

            _ = task.Exception; // observed
            SignalIfOver();
        }
    }

    private void SignalIfOver()
    {
        if (_awaited && (_failures.Count > 0 || _running == 0))
        {
            _changed.TrySetResult();
        }
    }
}
