// Network, firewall and load balancer as the cloud is asked for them.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using RedisHaInfra.Nodes;
using RedisHaInfra.Tests.Configuration;
using RedisHaInfra.Tests.Nodes;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class NetworkTests(DefaultDeployment deployment)
{
    private RecordedCloud Cloud => deployment.Run.Cloud;

    [Fact]
    public void Only_the_bastions_subnet_has_a_way_in_from_the_Internet()
    {
        RecordedResource outside = Cloud.One(Types.Subnet, "public-subnet");
        RecordedResource inside = Cloud.One(Types.Subnet, "private-subnet");

        Assert.Equal(("172.31.235.0/25", "public-routes-id"), (outside.Text("cidrBlock"), outside.Text("routeTableId")));
        Assert.Equal(("172.31.235.128/25", "private-routes-id"), (inside.Text("cidrBlock"), inside.Text("routeTableId")));
        Assert.Equal((true, false), (inside["prohibitPublicIpOnVnic"], outside["prohibitPublicIpOnVnic"]));
        // Of the two prohibitions one, as OCI's documentation wants it.
        Assert.All(Cloud.All(Types.Subnet), subnet => Assert.Null(subnet["prohibitInternetIngress"]));
        // Regional: nothing ties a subnet to one availability domain.
        Assert.All(Cloud.All(Types.Subnet), subnet => Assert.Null(subnet["availabilityDomain"]));
    }

    [Fact]
    public void Routes_go_to_the_right_gateways()
    {
        RecordedResource outside = Cloud.One(Types.RouteTable, "public-routes");
        RecordedResource inside = Cloud.One(Types.RouteTable, "private-routes");

        Assert.Equal(["0.0.0.0/0 CIDR_BLOCK internet-gateway-id"], Routes(outside));
        Assert.Equal(
            ["0.0.0.0/0 CIDR_BLOCK nat-gateway-id", "all-fra-services-in-oracle-services-network SERVICE_CIDR_BLOCK service-gateway-id"], Routes(inside));
        Assert.Equal("service-all", Cloud.One(Types.ServiceGateway, "service-gateway").Text("services.0.serviceId"));
    }

    [Fact]
    public void The_subnets_have_our_own_list_which_opens_path_MTU_discovery_only()
    {
        RecordedResource list = Cloud.One(Types.SecurityList, "security-list");

        Assert.All(Cloud.All(Types.Subnet), subnet => Assert.Equal(["security-list-id"], ((ImmutableArray<object>)subnet["securityListIds"]!).Cast<string>()));
        Assert.Single((ImmutableArray<object>)list["ingressSecurityRules"]!);
        Assert.Equal(("1", 3.0, 4.0),
            (list.Text("ingressSecurityRules.0.protocol"), list["ingressSecurityRules.0.icmpOptions.type"], list["ingressSecurityRules.0.icmpOptions.code"]));
        Assert.Null(list["egressSecurityRules"]);
    }

    [Fact]
    public async Task The_security_groups_rules_are_the_table_each_with_a_description()
    {
        StackRun run = await StackRun.Of(SecurityRulesTests.Lists.ToDictionary(pair => pair.Key, pair => pair.Value));
        var groups = new Dictionary<string, string>
        {
            ["bastion-group-id"] = "bastion",
            ["load-balancer-group-id"] = "loadbalancer",
            ["proxy-group-id"] = "proxy",
            ["redis-group-id"] = "redis"
        };

        IEnumerable<string> rules = run.Cloud.All(Types.Rule).Select(rule =>
        {
            bool inwards = rule.Text("direction") == "INGRESS";
            Assert.Equal("6", rule.Text("protocol"));
            Assert.Equal(false, rule["stateless"]);
            Assert.False(string.IsNullOrWhiteSpace(rule.Text("description")));
            Assert.Equal(rule["tcpOptions.destinationPortRange.min"], rule["tcpOptions.destinationPortRange.max"]);
            Assert.Null(rule["tcpOptions.sourcePortRange"]);
            Assert.Null(rule[inwards ? "destination" : "source"]);
            string other = rule.Text(inwards ? "source" : "destination");
            other = rule.Text(inwards ? "sourceType" : "destinationType") switch
            {
                "NETWORK_SECURITY_GROUP" => groups[other],
                "SERVICE_CIDR_BLOCK" => other == "all-fra-services-in-oracle-services-network" ? "services" : other,
                _ => other,
            };
            return $"{groups[rule.Text("networkSecurityGroupId")]} {(inwards ? "in" : "out")} {rule["tcpOptions.destinationPortRange.min"]} {other}";
        });

        IEnumerable<string> table = SecurityRulesTests.Table.Split('\n')
            .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Equal(table.Order(StringComparer.Ordinal), rules.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_load_balancer_is_private_and_keeps_its_address()
    {
        RecordedResource balancer = Cloud.One(Types.LoadBalancer, "load-balancer");

        Assert.Equal(true, balancer["isPrivate"]);
        Assert.Equal("172.31.235.188", balancer.Text("assignedPrivateIpv4"));
        Assert.Equal("private-subnet-id", balancer.Text("subnetId"));
        Assert.Equal("load-balancer-group-id", balancer.Text("networkSecurityGroupIds.0"));
        Assert.Equal(false, balancer["isPreserveSourceDestination"]);
    }

    [Fact]
    public void It_spreads_sessions_over_the_proxies_that_say_they_can_serve()
    {
        RecordedResource set = Cloud.One(Types.BackendSet, "proxies");
        RecordedResource listener = Cloud.One(Types.Listener, "redis");

        Assert.Equal(("FIVE_TUPLE", true, false), (set.Text("policy"), set["isFailOpen"], set["isPreserveSource"]));
        Assert.Equal(("HTTP", 1936.0, "/healthz", 200.0),
            (set.Text("healthChecker.protocol"), set["healthChecker.port"], set.Text("healthChecker.urlPath"), set["healthChecker.returnCode"]));
        Assert.Equal(["172.31.235.141", "172.31.235.142"], new[] { set.Text("backends.0.ipAddress"), set.Text("backends.1.ipAddress") });
        Assert.Equal(6379.0, set["backends.0.port"]);
        Assert.Equal(("TCP", 6379.0, 1200.0, "proxies"),
            (listener.Text("protocol"), listener["port"], listener["tcpIdleTimeout"], listener.Text("defaultBackendSetName")));
    }

    [Fact]
    public async Task A_drained_proxy_keeps_its_sessions_and_gets_no_new_ones()
    {
        StackRun run = await StackRun.Of(new Dictionary<string, string?> { ["drainedProxies"] = """["proxy2"]""" });

        Assert.Equal((false, true), Drained(run.Cloud));
        Assert.Equal((false, false), Drained(Cloud));

        static (object?, object?) Drained(RecordedCloud cloud) =>
            (cloud.One(Types.BackendSet, "proxies")["backends.0.isDrain"], cloud.One(Types.BackendSet, "proxies")["backends.1.isDrain"]);
    }

    [Fact]
    public void A_proxy_that_ends_takes_sessions_until_the_load_balancer_has_seen_it()
    {
        RecordedResource set = Cloud.One(Types.BackendSet, "proxies");
        string payload = NodePayload.Of(PayloadInputs.Proxy()).ApplyScript;
        int delay = Seconds(""" "drainDelay": "([0-9]+)s" """);

        // The last good check may lie one interval back, and the last bad one may take its whole time-out.
        double seen = (((double)set["healthChecker.retries"]! + 1) * (double)set["healthChecker.intervalInMillis"]!)
            + (double)set["healthChecker.timeoutInMillis"]!;
        Assert.InRange(seen / 1000, 1, delay - 1);
        Assert.InRange(delay + Seconds(""" "drain": "([0-9]+)s" """), delay, Seconds("TimeoutStopSec=([0-9]+)") - 15);

        int Seconds(string form) => int.Parse(Regex.Match(payload, form.Trim()).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private static string[] Routes(RecordedResource table) =>
        ((ImmutableArray<object>)table["routeRules"]!).Cast<ImmutableDictionary<string, object>>()
            .Select(rule => $"{rule["destination"]} {rule["destinationType"]} {rule["networkEntityId"]}").ToArray();
}
