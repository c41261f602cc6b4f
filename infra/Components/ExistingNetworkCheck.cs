// Whether a network that exists fits the stack: asked before anything is registered, since OCI would refuse a machine only half-way.

using System.Collections.Immutable;
using Pulumi.Oci.Core.Outputs;
using RedisHaInfra.Settings;
using Core = Pulumi.Oci.Core;

namespace RedisHaInfra.Components;

/// <summary>Compares OCI's answers with the settings. Only reads.</summary>
internal static class ExistingNetworkCheck
{
    private const string Anywhere = "0.0.0.0/0";

    /// <summary>Asks; what does not fit is a problem of the questions.</summary>
    /// <param name="questions">Takes the questions.</param>
    /// <param name="network">The settings.</param>
    /// <param name="existing">The network's OCIDs.</param>
    /// <param name="built">What the stack was built with: its own machines' addresses are taken.</param>
    public static async Task AskAsync(RegionQuestions questions, NetworkSettings network, ExistingNetwork existing, IReadOnlyDictionary<string, string> built)
    {
        var asked = new List<Task>
        {
            questions.AskAsync(Setting.VcnId.Key, () => Core.GetVcn.InvokeAsync(new Core.GetVcnArgs { VcnId = existing.VcnId }),
                vcn => JudgeVcn(vcn, network), Setting.VcnId),
            SubnetAsync(questions, existing.VcnId, existing.PrivateSubnetId, Setting.PrivateSubnetId, Setting.PrivateSubnetCidr,
                network.PrivateSubnetCidr, isPrivate: true),
            questions.AskAsync($"addresses in {Setting.PrivateSubnetId.Key}",
                () => Core.GetPrivateIps.InvokeAsync(new Core.GetPrivateIpsArgs { SubnetId = existing.PrivateSubnetId }),
                answer => JudgeAddresses(answer.PrivateIps, [.. network.Redis, .. network.Proxies], built), Setting.PrivateSubnetId),
        };
        if (existing.PublicSubnetId is { } subnet)
        {
            asked.Add(SubnetAsync(questions, existing.VcnId, subnet, Setting.PublicSubnetId, Setting.PublicSubnetCidr,
                network.PublicSubnetCidr!, isPrivate: false));
            asked.Add(questions.AskAsync($"addresses in {Setting.PublicSubnetId.Key}",
                () => Core.GetPrivateIps.InvokeAsync(new Core.GetPrivateIpsArgs { SubnetId = subnet }),
                answer => JudgeAddresses(answer.PrivateIps, [network.Bastion!], built), Setting.PublicSubnetId));
        }
        await Task.WhenAll(asked).ConfigureAwait(false);
    }

    private static async Task SubnetAsync(RegionQuestions questions, string vcn, string id, Setting setting, Setting cidrSetting, string cidr, bool isPrivate)
    {
        Core.GetSubnetResult? subnet = await questions.AskAsync(setting.Key, () => Core.GetSubnet.InvokeAsync(new Core.GetSubnetArgs { SubnetId = id }),
            answer => JudgeSubnet(answer, vcn, setting, cidrSetting, cidr, isPrivate), setting).ConfigureAwait(false);
        if (subnet is not null)
        {
            await questions.AskAsync($"routes of {setting.Key}",
                () => Core.GetRouteTables.InvokeAsync(new Core.GetRouteTablesArgs { CompartmentId = subnet.CompartmentId, VcnId = vcn }),
                answer => JudgeRoutes(answer.RouteTables.FirstOrDefault(table => table.Id == subnet.RouteTableId), setting, isPrivate), setting)
                .ConfigureAwait(false);
        }
    }

    private static bool JudgeVcn(Core.GetVcnResult vcn, NetworkSettings network) => vcn.CidrBlocks.Contains(network.VcnCidr)
        ? true
        : throw Unfit($"the VCN's networks are {string.Join(", ", vcn.CidrBlocks)}, not {network.VcnCidr}", Setting.VcnCidr, vcn.CidrBlocks.FirstOrDefault());

    private static Core.GetSubnetResult JudgeSubnet(Core.GetSubnetResult subnet, string vcn, Setting setting, Setting cidrSetting, string cidr, bool isPrivate)
    {
        if (subnet.VcnId != vcn)
        {
            throw new UnsuitableAnswerException($"this subnet lies in the VCN {subnet.VcnId}",
                $"name a subnet of {Key(Setting.VcnId)}, {vcn}, by {Key(setting)}");
        }
        if (subnet.CidrBlock != cidr)
        {
            throw Unfit($"the subnet's network is {subnet.CidrBlock}, not {cidr}", cidrSetting, subnet.CidrBlock);
        }
        if (!string.IsNullOrEmpty(subnet.AvailabilityDomain))
        {
            throw Other($"the subnet is of the availability domain {subnet.AvailabilityDomain} alone", setting,
                "a regional subnet: machines stand in several domains");
        }
        if (subnet.ProhibitPublicIpOnVnic != isPrivate)
        {
            throw Other(isPrivate ? "the subnet allows public addresses" : "the subnet prohibits public addresses", setting,
                isPrivate ? "a private subnet" : $"a public subnet for the bastion, or set {Key(Setting.Bastion)} to service or none");
        }
        if (string.IsNullOrEmpty(subnet.DnsLabel))
        {
            throw Other("the subnet has no DNS label, so machines can have no host names in it", setting, "a subnet with a DNS label");
        }
        return subnet;
    }

    // Packages come from the Internet or from mirrors behind whatever gateway there is, the proxy's file from Object Storage.
    private static bool JudgeRoutes(GetRouteTablesRouteTableResult? table, Setting setting, bool isPrivate)
    {
        ImmutableArray<GetRouteTablesRouteTableRouteRuleResult> rules = table?.RouteRules ?? [];
        string? toInternet = rules.FirstOrDefault(rule => rule.Destination == Anywhere)?.NetworkEntityId;
        bool isInternetGateway = toInternet?.Contains(".internetgateway.", StringComparison.Ordinal) ?? false;
        if (!isPrivate)
        {
            return isInternetGateway ? true : throw Other("the subnet has no route to an internet gateway", setting,
                "a public subnet with a route 0.0.0.0/0 to one");
        }
        if (isInternetGateway)
        {
            throw Other("the subnet's route 0.0.0.0/0 leads to an internet gateway, which serves public addresses alone", setting,
                "a subnet whose route leads to a NAT gateway");
        }
        bool toServices = rules.Any(rule => rule.DestinationType == "SERVICE_CIDR_BLOCK");
        if (toInternet is null && !toServices)
        {
            throw Other("the subnet has no route 0.0.0.0/0 and none to Oracle's services, so machines get neither packages nor the proxy", setting,
                "a subnet with a route to a NAT gateway and one to a service gateway");
        }
        return true;
    }

    // The host name of a machine of ours tells it from a stranger at the same address: a run that stopped half-way made it.
    private static bool JudgeAddresses(
        ImmutableArray<GetPrivateIpsPrivateIpResult> taken, ImmutableArray<NodeAddress> wanted, IReadOnlyDictionary<string, string> built)
    {
        string[] strangers = [.. wanted.Where(node => !built.ContainsKey(node.Name))
            .Where(node => taken.Any(address => address.IpAddress == node.Address && address.HostnameLabel != node.Name))
            .Select(node => $"{node.Name}'s {node.Address}")];
        return strangers.Length == 0 ? true : throw new UnsuitableAnswerException($"addresses are taken: {string.Join(", ", strangers)}",
            $"choose free ones by {Key(Setting.RedisAddresses)}, {Key(Setting.ProxyAddresses)} or {Key(Setting.BastionAddress)}");
    }

    private static UnsuitableAnswerException Unfit(string answer, Setting setting, string? value) => new(answer, setting.ExampleCommand(value));

    private static UnsuitableAnswerException Other(string answer, Setting setting, string wanted) => new(answer, $"name {wanted}, by {Key(setting)}");

    private static string Key(Setting setting) => $"{SettingsSource.Namespace}:{setting.Key}";
}
