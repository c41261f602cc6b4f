// The network load balancer: a namespace with the balancer's address, which translates connections to a healthy proxy.

using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Makes load balancers, their backend sets and listeners.</summary>
internal sealed class BalancerResources
{
    private const string Family = "oci:NetworkLoadBalancer/";
    private readonly Lab _lab;

    public BalancerResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers, Dictionary<string, Func<string, string, Task>> removers)
    {
        removers[Family + "networkLoadBalancer:NetworkLoadBalancer"] = (_, id) => RemoveAsync(id);
        removers[Family + "networkLoadBalancersBackendSetsUnified:NetworkLoadBalancersBackendSetsUnified"] = (_, id) =>
            ChangeAllAsync(balancer => balancer with { BackendSets = balancer.BackendSets.Without(set => id == $"{balancer.Id}/backendSets/{set.Name}") });
        removers[Family + "listener:Listener"] = (_, id) =>
            ChangeAllAsync(balancer => balancer with { Listeners = balancer.Listeners.Without(listener => id == $"{balancer.Id}/listeners/{listener.Name}") });
        makers[Family + "networkLoadBalancer:NetworkLoadBalancer"] = BalancerAsync;
        makers[Family + "networkLoadBalancersBackendSetsUnified:NetworkLoadBalancersBackendSetsUnified"] = BackendSetAsync;
        makers[Family + "listener:Listener"] = ListenerAsync;
    }

    private async Task<Made> BalancerAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        if (inputs.Flag("isPreserveSourceDestination"))
        {
            throw new LabException("the lab's balancer does not preserve source and destination.");
        }

        var id = registration.Id("networkloadbalancer");
        var known = _lab.State.Network.Balancers.FirstOrDefault(balancer => balancer.Id == id);
        var name = known?.VnicName ?? (_lab.State.Network.Balancers.Count == 0 ? "balancer" : $"balancer{_lab.State.Network.Balancers.Count + 1}");
        var address = inputs.Text("assignedPrivateIpv4");
        await _lab.AddVnicAsync(
            new Vnic { Name = name, Address = address, SubnetId = inputs.Text("subnetId"), GroupIds = inputs.Texts("networkSecurityGroupIds") },
                configure: true);
        await _lab.Network.EnableForwardingAsync(name);
        await _lab.ChangeNetworkAsync(network => network with
        {
            Balancers = network.Balancers.With((known ?? new Balancer { Id = id, VnicName = name, Address = address }) with { Address = address },
                balancer => balancer.Id),
        });
        return new Made(id, new Dictionary<string, object>
        {
            ["state"] = "ACTIVE",
            ["ipAddresses"] = new object[] { new Dictionary<string, object> { ["ipAddress"] = address, ["isPublic"] = false, ["ipVersion"] = "IPV4" } },
        });
    }

    private async Task<Made> BackendSetAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        if (inputs.Flag("isPreserveSource"))
        {
            throw new LabException("the lab's balancer does not preserve sources.");
        }

        var check = inputs.Object("healthChecker") ?? throw new LabException("a backend set of the lab needs a healthChecker.");
        var set = new BackendSet
        {
            Name = inputs.Text("name"),
            FailOpen = inputs.Flag("isFailOpen"),
            InstantFailover = inputs.Flag("isInstantFailoverEnabled"),
            InstantFailoverReset = inputs.Flag("isInstantFailoverTcpResetEnabled"),
            HealthCheck = new HealthCheck(
                check.Text("protocol"),
                check.Number("port") ?? 0,
                check.OptionalText("urlPath") ?? "/",
                check.Number("returnCode") ?? 200,
                TimeSpan.FromMilliseconds(check.Number("intervalInMillis") ?? 10_000),
                TimeSpan.FromMilliseconds(check.Number("timeoutInMillis") ?? 3_000),
                check.Number("retries") ?? 3),
            Backends = inputs.Objects("backends")
                .Where(backend => !backend.Flag("isOffline"))
                .Select(backend => new Backend(
                    backend.OptionalText("name") ?? $"{backend.Text("ipAddress")}:{backend.Number("port")}",
                    backend.Text("ipAddress"), backend.Number("port") ?? 0, backend.Flag("isDrain"), backend.Flag("isBackup")))
                .ToList(),
        };
        if (set.HealthCheck.Protocol is not ("HTTP" or "TCP"))
        {
            throw new LabException($"the lab's balancer checks by HTTP or TCP, not by {set.HealthCheck.Protocol}.");
        }

        await ChangeAsync(inputs.Text("networkLoadBalancerId"),
            balancer => balancer with { BackendSets = balancer.BackendSets.With(set, other => other.Name) });
        return new Made(registration.Known?.Id ?? $"{inputs.Text("networkLoadBalancerId")}/backendSets/{set.Name}");
    }

    private async Task<Made> ListenerAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        var listener = new Listener(inputs.Text("name"), inputs.Number("port") ?? 0, inputs.Text("defaultBackendSetName"), inputs.Flag("isPpv2enabled"));
        await ChangeAsync(inputs.Text("networkLoadBalancerId"),
            balancer => balancer with { Listeners = balancer.Listeners.With(listener, other => other.Name) });
        return new Made(registration.Known?.Id ?? $"{inputs.Text("networkLoadBalancerId")}/listeners/{listener.Name}");
    }

    private async Task RemoveAsync(string id)
    {
        if (_lab.State.Network.Balancers.FirstOrDefault(balancer => balancer.Id == id) is not { } balancer)
        {
            return;
        }

        if (_lab.State.Vnic(balancer.VnicName) is { } vnic)
        {
            await _lab.Network.RemoveVnicAsync(vnic);
        }

        await _lab.ChangeNetworkAsync(network => network with
        {
            Balancers = network.Balancers.Without(other => other.Id == id),
            Vnics = network.Vnics.Without(other => other.Name == balancer.VnicName),
        });
    }

    private Task ChangeAsync(string id, Func<Balancer, Balancer> change) => ChangeAllAsync(balancer => balancer.Id == id ? change(balancer) : balancer);

    private Task ChangeAllAsync(Func<Balancer, Balancer> change) =>
        _lab.ChangeNetworkAsync(network => network with { Balancers = network.Balancers.Select(change).ToList() });
}
