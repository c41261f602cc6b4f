// What other threads ask of a loop: they leave a command and ring (eventfd); the loop carries commands out in their order.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding;

/// <summary>Commands for the one thread that owns <typeparamref name="T"/>.</summary>
internal sealed unsafe class Inbox<T>
{
    private readonly Queue<Action<T>> _commands = new();
    private readonly Lock _lock = new();
    private bool _closed;

    /// <exception cref="InvalidOperationException">No descriptor is left.</exception>
    public Inbox()
    {
        Descriptor = LibC.EventDescriptor(0, LibC.OpenNonBlocking | LibC.OpenCloseOnExec);
        if (Descriptor < 0)
        {
            throw new InvalidOperationException("cannot create the event descriptor of an event loop: the limit of open files is too low");
        }
    }

    /// <summary>Readable when a command waits; <see cref="Run"/> is to follow.</summary>
    public int Descriptor { get; }

    /// <summary>Leaves a command; false, and nothing left, when the inbox is closed.</summary>
    public bool Post(Action<T> command)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return false;
            }

            _commands.Enqueue(command);
            long one = 1;
            LibC.Write(Descriptor, &one, sizeof(long));
            return true;
        }
    }

    /// <summary>Carries out what was left.</summary>
    public void Run(T owner)
    {
        long rings;
        LibC.Read(Descriptor, &rings, sizeof(long));
        RunCommands(owner);
    }

    /// <summary>Takes no more commands, and carries out those that were left.</summary>
    public void Close(T owner)
    {
        lock (_lock)
        {
            _closed = true;
            LibC.Close(Descriptor);
        }

        RunCommands(owner);
    }

    private void RunCommands(T owner)
    {
        while (Next() is { } command)
        {
            command(owner);
        }
    }

    // Whoever posts holds the lock when it rings, and may lose its processor there. A wait for the lock would allocate, in a loop that allocates nothing.
    private Action<T>? Next()
    {
        while (!_lock.TryEnter())
        {
            Thread.Yield();
        }

        try
        {
            return _commands.TryDequeue(out Action<T>? command) ? command : null;
        }
        finally
        {
            _lock.Exit();
        }
    }
}
