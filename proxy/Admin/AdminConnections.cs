// The connections of the admin server over TCP. Whoever can connect may open many, and say nothing on them; the load balancer's health
// check must be answered all the same, without a list of who is the balancer. So nobody new is ever refused: beyond a number, for each
// source and for all, the connection that has been quiet for longest is closed in its place. A health check lives for a millisecond; to be
// the one that has been quiet for longest it would have to wait for hundreds of others.

using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using RedisHaProxy.Configuration;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Admin;

/// <summary>Bounds the connections, by closing old ones.</summary>
internal sealed partial class AdminConnections(TimeProvider time, ILogger<AdminConnections> log)
{
    /// <summary>Connections in all. The callers are a balancer, a scraper and a few people.</summary>
    internal const int Most = 256;

    /// <summary>Connections from one address: behind the bastion, all people have one.</summary>
    internal const int MostOfSource = 64;

    private readonly Lock _lock = new();
    private readonly LinkedList<AdminConnection> _quiet = new(); // in the order of their last use
    private readonly Dictionary<IPAddress, int> _sources = [];
    private readonly SampledLog _sample = new(lines: 1, TimeSpan.FromSeconds(10), time);

    /// <summary>Has a connection served.</summary>
    public async Task RunAsync(ConnectionContext context, ConnectionDelegate next)
    {
        var connection = new AdminConnection(this, context, (context.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None);
        context.Features.Set(connection);
        if (Enter(connection) is { } closed)
        {
            if (_sample.Lets(out long left))
            {
                LogClosed(log, closed.Source, MostOfSource, Most, left);
            }

            closed.Context.Abort();
        }

        try
        {
            await next(context);
        }
        finally
        {
            lock (_lock)
            {
                Remove(connection);
            }
        }
    }

    /// <summary>A request of the connection begins or ends.</summary>
    internal void Use(AdminConnection connection, bool begins)
    {
        lock (_lock)
        {
            connection.Requests += begins ? 1 : -1;
            if (connection.Node.List is not null)
            {
                _quiet.Remove(connection.Node);
                _quiet.AddLast(connection.Node);
            }
        }
    }

    /// <summary>Takes it in, and out the one that has to leave for it.</summary>
    private AdminConnection? Enter(AdminConnection connection)
    {
        lock (_lock)
        {
            int ofSource = _sources.GetValueOrDefault(connection.Source);
            AdminConnection? leaves = ofSource >= MostOfSource ? Quietest(connection.Source) : _quiet.Count >= Most ? Quietest(source: null) : null;
            if (leaves is not null)
            {
                Remove(leaves);
            }

            _sources[connection.Source] = _sources.GetValueOrDefault(connection.Source) + 1;
            _quiet.AddLast(connection.Node);
            return leaves;
        }
    }

    // One that is being answered only where all are: open pages are.
    private AdminConnection Quietest(IPAddress? source)
    {
        AdminConnection? first = null;
        foreach (AdminConnection connection in _quiet)
        {
            if (source is null || connection.Source.Equals(source))
            {
                if (connection.Requests == 0)
                {
                    return connection;
                }

                first ??= connection;
            }
        }

        return first!;
    }

    private void Remove(AdminConnection connection)
    {
        if (connection.Node.List is null)
        {
            return; // it had to leave before
        }

        _quiet.Remove(connection.Node);
        int left = --_sources[connection.Source];
        if (left == 0)
        {
            _sources.Remove(connection.Source);
        }
    }

    [LoggerMessage(LogEvents.AdminConnectionClosed, LogLevel.Warning,
        "Administration: an idle connection of {Source} was closed for a new one; {MostOfSource} from one address and {Most} in total stay open ({Left} more "
            + "since the last such line)", EventName = nameof(LogEvents.AdminConnectionClosed))]
    private static partial void LogClosed(ILogger log, IPAddress source, int mostOfSource, int most, long left);
}

/// <summary>One of them, as its requests see it.</summary>
internal sealed class AdminConnection
{
    private readonly AdminConnections _all;

    public AdminConnection(AdminConnections all, ConnectionContext context, IPAddress source)
    {
        _all = all;
        Context = context;
        Source = source;
        Node = new LinkedListNode<AdminConnection>(this);
    }

    public ConnectionContext Context { get; }

    public IPAddress Source { get; }

    /// <summary>Its place among the others.</summary>
    public LinkedListNode<AdminConnection> Node { get; }

    /// <summary>Requests being answered.</summary>
    public int Requests { get; set; }

    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(Func<Task> answer)
    {
        _all.Use(this, begins: true);
        try
        {
            await answer();
        }
        finally
        {
            _all.Use(this, begins: false);
        }
    }
}
