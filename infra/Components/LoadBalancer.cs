// The network load balancer: the one address that clients know. It spreads sessions over the proxies; the proxies find the master.

using Pulumi;
using RedisHaInfra.Settings;
using NI = Pulumi.Oci.NetworkLoadBalancer.Inputs;
using Nlb = Pulumi.Oci.NetworkLoadBalancer;

namespace RedisHaInfra.Components;

/// <summary>The load balancer.</summary>
public sealed class LoadBalancer : ComponentResource
{
    // Quiet connections are dropped after 360 s by default (Network Load Balancing, "Changing a Listener's Idle Timeout"). Proxies
    // and Redis send keep-alives every 60 s; this is for clients between which and us something swallows them.
    private const int IdleTimeoutSeconds = 1200;

    /// <summary>The private address.</summary>
    public Output<string> Address { get; }

    /// <summary>OCID of the load balancer.</summary>
    public Output<string> Id { get; }

    /// <summary>Builds the load balancer.</summary>
    /// <param name="deployed">Where and under which names.</param>
    /// <param name="settings">Addresses.</param>
    /// <param name="network">The network.</param>
    /// <param name="groups">Its groups.</param>
    /// <param name="serving">What the proxies wait for until they serve: a new one gets sessions only then, since a backend counts as healthy until its
    /// checks have failed. The balancer itself, which takes longest, waits for nothing.</param>
    public LoadBalancer(Deployed deployed, NetworkSettings settings, Network network, SecurityGroups groups, IEnumerable<Resource> serving)
        : base("redis-ha:infra:LoadBalancer", "load-balancer")
    {
        var child = new CustomResourceOptions { Parent = this };
        var balancer = new Nlb.NetworkLoadBalancer("load-balancer", new Nlb.NetworkLoadBalancerArgs
        {
            CompartmentId = deployed.CompartmentId,
            DisplayName = deployed.DisplayName("endpoint"),
            SubnetId = network.PrivateSubnetId,
            IsPrivate = true,
            AssignedPrivateIpv4 = settings.LoadBalancerAddress,
            NetworkSecurityGroupIds = { groups[SecurityGroup.LoadBalancer] },
            IsPreserveSourceDestination = false,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions { Parent = this, DependsOn = { groups } });

        var whenTheyServe = new CustomResourceOptions { Parent = this };
        foreach (Resource resource in serving)
        {
            whenTheyServe.DependsOn.Add(resource);
        }
        foreach (ClientPort port in settings.ClientPorts)
        {
            Output<string> backendSet = BackendSet(balancer, settings, port, whenTheyServe).Name;
            _ = new Nlb.Listener(port.Listener, new Nlb.ListenerArgs
            {
                NetworkLoadBalancerId = balancer.Id,
                Name = port.Listener,
                DefaultBackendSetName = backendSet,
                Port = port.Port,
                Protocol = "TCP",
                TcpIdleTimeout = IdleTimeoutSeconds,
                IsPpv2enabled = settings.HasProxyProtocol,
            }, child);
        }

        Id = balancer.Id;
        Address = balancer.IpAddresses.Apply(addresses =>
            (addresses.IsDefault ? null : addresses.FirstOrDefault(address => address.IsPublic != true)?.IpAddress) ?? settings.LoadBalancerAddress);
        RegisterOutputs();
    }

    private static Nlb.NetworkLoadBalancersBackendSetsUnified BackendSet(Nlb.NetworkLoadBalancer balancer, NetworkSettings settings, ClientPort port,
        CustomResourceOptions options) =>
        new Nlb.NetworkLoadBalancersBackendSetsUnified(port.BackendSet, new Nlb.NetworkLoadBalancersBackendSetsUnifiedArgs
        {
            NetworkLoadBalancerId = balancer.Id,
            Name = port.BackendSet,
            Policy = "FIVE_TUPLE",
            // Sessions come to the proxies from the balancer's address: a proxy can then be its own client, and a replaced proxy,
            // known by address only, never touches the balancer.
            IsPreserveSource = false,
            // With no proxy green, try them all: a wrong check must not cut off a right proxy.
            IsFailOpen = true,
            // Sessions of a proxy that fails its checks are reset at once: a dead machine leaves no client hanging. A proxy that is
            // told to end fails them too, so planned work that must not cut long sessions begins with drainedProxies.
            IsInstantFailoverEnabled = true,
            IsInstantFailoverTcpResetEnabled = true,
            HealthChecker = new NI.NetworkLoadBalancersBackendSetsUnifiedHealthCheckerArgs
            {
                // "This proxy can serve", never "a master exists": a failover must not turn all proxies red at once.
                Protocol = "HTTP",
                Port = Ports.Admin,
                UrlPath = "/healthz",
                ReturnCode = 200,
                IntervalInMillis = BalancerCheck.IntervalMilliseconds,
                TimeoutInMillis = BalancerCheck.TimeoutMilliseconds,
                Retries = BalancerCheck.Retries,
            },
            Backends = settings.Proxies.Select(proxy => new NI.NetworkLoadBalancersBackendSetsUnifiedBackendArgs
            {
                Name = proxy.Name,
                IpAddress = proxy.Address,
                Port = port.Port,
                Weight = 1,
                IsBackup = false,
                IsDrain = settings.DrainedProxies.Contains(proxy.Name),
                IsOffline = false,
            }).ToList(),
        }, options);
}
