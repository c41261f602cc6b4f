// The lab as a Pulumi provider. What the program registers arrives here in dependency order with resolved inputs, and
// becomes real: namespaces, rules, machines, a balancer, objects, commands over SSH. Each family of resources has a
// class of its own; this one finds it, keeps what it made, and remembers it for the next `up`.

using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Pulumi.Testing;
using RedisHaCloud;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>The provider of one instance.</summary>
internal sealed class LabCloud : IMocks
{
    private readonly Lab _lab;
    private readonly Dictionary<string, Func<Registration, Task<Made>>> _makers = [];
    private readonly Dictionary<string, Func<string, string, Task>> _removers = [];
    private readonly HashSet<string> _registered = [];
    private readonly Lookups _lookups;
    private readonly Lock _lock = new();

    public LabCloud(Lab lab)
    {
        _lab = lab;
        _lookups = new Lookups(lab.State);
        new NetworkResources(lab).AddTo(_makers, _removers);
        new InstanceResources(lab).AddTo(_makers, _removers);
        new VolumeResources(lab).AddTo(_makers, _removers);
        new BalancerResources(lab).AddTo(_makers, _removers);
        new ObjectStorageResources(lab).AddTo(_makers);
        new NameResources(lab).AddTo(_makers);
        new RemoteCommands(lab).AddTo(_makers);
        AlarmResources.AddTo(_makers);
        RandomResources.AddTo(_makers);
        ForgetOrphans();
    }

    /// <summary>The first failure: what the user has to know, without the frames around it.</summary>
    public LabException? Failure { get; private set; }

    /// <inheritdoc/>
    public async Task<(string? id, object state)> NewResourceAsync(MockResourceArgs args)
    {
        var type = args.Type ?? "";
        if (type.StartsWith("redis-ha:", StringComparison.Ordinal))
        {
            return (null, args.Inputs);
        }

        try
        {
            return await MakeAsync(type, args.Name ?? "", args.Inputs);
        }
        catch (LabException e)
        {
            lock (_lock)
            {
                Failure ??= new LabException($"{args.Name}: {e.Message}", e.ExitCode, e);
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public Task<object> CallAsync(MockCallArgs args)
    {
        try
        {
            return Task.FromResult(_lookups.Answer(args.Token ?? "", args.Args));
        }
        catch (LabException e)
        {
            Failure ??= e;
            throw;
        }
    }

    /// <summary>Removes what an earlier run made and this one did not register.</summary>
    public async Task PruneAsync()
    {
        foreach (var (key, record) in _lab.State.Resources.Where(resource => !_registered.Contains(resource.Key)).ToList())
        {
            var (type, name) = (key[..key.IndexOf("::", StringComparison.Ordinal)], key[(key.IndexOf("::", StringComparison.Ordinal) + 2)..]);
            if (_removers.TryGetValue(type, out var remove))
            {
                await remove(name, record.Id);
                _lab.Progress.Say($"{name}: removed, the program no longer has it");
            }

            _lab.Store.Update(state => state with { Resources = state.Resources.Where(resource => resource.Key != key).ToDictionary() });
        }
    }

    // What a run made but could not record before it was interrupted: nothing refers to it, and its successor takes its place.
    private void ForgetOrphans()
    {
        var ids = _lab.State.Resources.Values.Select(record => record.Id).ToHashSet(StringComparer.Ordinal);
        _lab.Store.Update(state => state with { Network = state.Network.Only(id => ids.Contains(id) || ExistingNetwork.Owns(id)) });
    }

    /// <summary>The changed properties of a step, for people.</summary>
    public static string Paths(ResourceStep step) => string.Join(", ", step.Changes.Select(change => change.Path));

    private async Task<(string? Id, object State)> MakeAsync(string type, string name, ImmutableDictionary<string, object> inputs)
    {
        if (!_makers.TryGetValue(type, out var make))
        {
            throw new LabException($"the lab has no {type}; add it in tests/RedisHaLab/Provider, or leave the resource out of the lab's settings.");
        }

        var key = $"{type}::{name}";
        lock (_lock)
        {
            _registered.Add(key);
        }

        // As Pulumi's engine and OCI's provider do: what the program ignores stays as it was, and the table says what the rest does.
        var known = _lab.State.Resources.GetValueOrDefault(key);
        var old = (ImmutableDictionary<string, object>?)WireValues.FromJson(known?.Inputs);
        var step = ResourceStep.Plan(type, old, inputs, ObservedStack.IgnoredChanges(type, name));
        if (step.Error is { } error)
        {
            throw new LabException(error);
        }
        if (known is not null && step.Effect == Effect.Replace)
        {
            _lab.Progress.Say($"{name}: replaced, because of {Paths(step)}");
            if (_removers.TryGetValue(type, out var remove))
            {
                await remove(name, known.Id);
            }

            known = null;
        }

        inputs = step.Inputs;
        var registration = new Registration
        {
            Type = type,
            Name = name,
            Inputs = new Properties(inputs, name),
            InputsHash = WireValues.Hash(inputs),
            TriggersHash = WireValues.Hash(inputs.GetValueOrDefault("triggers")),
            Step = step,
            Known = known,
        };
        var made = await make(registration);
        var outputs = (JsonObject)WireValues.ToJson(made.Outputs)!;
        var record = new ResourceRecord
        {
            Id = made.Id,
            Inputs = type == RemoteCommands.Type ? null : (JsonObject)WireValues.ToJson(inputs)!,
            InputsHash = registration.InputsHash,
            ReplaceHash = registration.TriggersHash,
            Outputs = outputs,
        };
        _lab.Store.Update(state => state with { Resources = new Dictionary<string, ResourceRecord>(state.Resources) { [key] = record } });
        return (made.Id, inputs.SetItems((ImmutableDictionary<string, object>)WireValues.FromJson(outputs)!));
    }
}
