// The clients' name for the load balancer, in the private DNS of the VCN. The zone has that name itself, so it hides no other name.

using Pulumi;
using Core = Pulumi.Oci.Core;
using Dns = Pulumi.Oci.Dns;
using DnsInputs = Pulumi.Oci.Dns.Inputs;

namespace RedisHaInfra.Components;

/// <summary>A private zone with one record, in the view that the VCN's own resolver answers from.</summary>
public sealed class EndpointName : ComponentResource
{
    // The address never changes; a stack that is built again at another one is found soon.
    private const int TtlSeconds = 60;

    /// <summary>Builds it.</summary>
    /// <param name="deployed">Where and with which tags.</param>
    /// <param name="name">The name.</param>
    /// <param name="network">The network.</param>
    /// <param name="loadBalancer">What it names. A new VCN has its resolver some time after itself; the balancer takes longer.</param>
    public EndpointName(Deployed deployed, string name, Network network, LoadBalancer loadBalancer)
        : base("redis-ha:infra:EndpointName", "endpoint-name")
    {
        Output<string> vcn = Output.Tuple(network.VcnId, loadBalancer.Id).Apply(known => known.Item1);
        Output<string> resolver = Core.GetCnvDnsResolverAssociation.Invoke(new Core.GetCnvDnsResolverAssociationInvokeArgs { VcnId = vcn })
            .Apply(answer => answer.DnsResolverId);
        Output<string> view = Dns.GetResolver.Invoke(new Dns.GetResolverInvokeArgs { ResolverId = resolver, Scope = "PRIVATE" })
            .Apply(answer => answer.DefaultViewId);
        var zone = new Dns.Zone("endpoint-zone", new Dns.ZoneArgs
        {
            CompartmentId = deployed.CompartmentId,
            Name = name,
            ZoneType = "PRIMARY",
            Scope = "PRIVATE",
            ViewId = view,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, new CustomResourceOptions { Parent = this });
        _ = new Dns.Rrset("endpoint-record", new Dns.RrsetArgs
        {
            ZoneNameOrId = zone.Id,
            Domain = name,
            Rtype = "A",
            Items =
            {
                new DnsInputs.RrsetItemArgs { Domain = name, Rtype = "A", Rdata = loadBalancer.Address, Ttl = TtlSeconds },
            },
        }, new CustomResourceOptions { Parent = this });
        RegisterOutputs();
    }
}
