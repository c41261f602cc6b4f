// Alarms from metrics that OCI has of its own accord: of the load balancer's checks, of Compute's own probe of each machine, and of the agent on
// it. No machine gets a right for that. What only Redis knows (a replica is lost, a failover happened, a disk fills, writes are refused) is in metrics
// that the Redis nodes post where the stack wants it, since they need a right in the tenancy for it (docs/monitoring.md).

using System.Security.Cryptography;
using System.Text;
using Pulumi;
using RedisHaInfra.Settings;
using Monitoring = Pulumi.Oci.Monitoring;
using Ons = Pulumi.Oci.Ons;

namespace RedisHaInfra.Components;

/// <summary>The alarms of the stack.</summary>
public sealed class Alarms : ComponentResource
{
    /// <summary>Makes the alarms, and a topic with its subscription where only an address is given.</summary>
    /// <param name="deployed">The deployment.</param>
    /// <param name="settings">Where alarms go; they are on.</param>
    /// <param name="loadBalancerId">OCID of the load balancer.</param>
    /// <param name="machines">All machines, in order.</param>
    public Alarms(Deployed deployed, AlarmSettings settings, Output<string> loadBalancerId, IEnumerable<NodeAddress> machines)
        : base("redis-ha:infra:Alarms", "alarms")
    {
        var child = new CustomResourceOptions { Parent = this };
        Output<string> topic = settings.TopicId is { } id ? Output.Create(id) : Topic(deployed, settings.Email!, child);
        // By display name: a machine's successor has the same. "|" is "or" (Monitoring Query Language, "fuzzy matching").
        string all = string.Join('|', machines.Select(machine => deployed.DisplayName(machine.Name)));

        Alarm("alarm-no-proxy", "no proxy serves", "oci_nlb", "CRITICAL", "PT1M", Query("HealthyBackends", "max() < 1"),
            "No proxy answers the load balancer's health check: clients cannot reach Redis. Run ./scripts/status, then ./scripts/doctor.");
        Alarm("alarm-proxy-unhealthy", "a proxy does not serve", "oci_nlb", "WARNING", "PT5M", Query("UnhealthyBackends", "max() > 0"),
            "A proxy has failed the load balancer's health check for 5 minutes; the others serve. Run ./scripts/status, then ./scripts/doctor.");
        Alarm("alarm-machine-down", "a machine does not answer", "oci_compute_instance_health", "CRITICAL", "PT3M",
            Output.Create($"instance_accessibility_status[1m]{{resourceDisplayName =~ \"{all}\"}}.groupBy(resourceDisplayName).max() > 0"),
            "Compute's own probe gets no answer from a machine. Redis serves with one machine less. Run ./scripts/status, then ./scripts/doctor.");
        Alarm("alarm-infrastructure", "OCI reports a machine as down", "oci_compute_infrastructure_health", "CRITICAL", "PT3M",
            Output.Create($"instance_status[1m]{{resourceDisplayName =~ \"{all}\"}}.groupBy(resourceDisplayName).max() > 0"),
            "The infrastructure below a machine is down. Redis serves with one machine less. Run ./scripts/status.");
        Alarm("alarm-memory", "a machine's memory is nearly used up", "oci_computeagent", "WARNING", "PT10M",
            Output.Create($"MemoryUtilization[5m]{{resourceDisplayName =~ \"{all}\"}}.groupBy(resourceDisplayName).mean() > 95"),
            "More than 95 % of a machine's memory has been in use for 10 minutes. See docs/sizing.md, \"How much memory\".");
        if (settings.HasCustomMetrics)
        {
            Custom("alarm-disk", "a disk is nearly full", "WARNING", "PT5M", CustomMetrics.DiskUsed, "node", $"max() > {CustomMetrics.DiskNearlyFull}",
                "When it is full Redis refuses every write. See docs/nodes.md, \"A full disk\".");
            Custom("alarm-replica-lost", "a replica is lost", "WARNING", "PT5M", CustomMetrics.ReplicasLost, "deployment", "max() > 0",
                "A node has not followed the master for 5 minutes: the next fault may stop all writes. Run ./scripts/status, then ./scripts/doctor.");
            Custom("alarm-failover", "a failover happened", "INFO", "PT1M", CustomMetrics.Failovers, "deployment", "max() > 0",
                "The Sentinels named a master, after a fault or by a planned switchover. Run ./scripts/status.");
            Custom("alarm-writes-refused", "all writes are refused", "CRITICAL", "PT2M", CustomMetrics.WritesTaken, "deployment", "max() < 1",
                "No node takes writes. Run ./scripts/doctor, then see docs/troubleshooting.md.");
            // Otherwise alarms that look at nothing would look like a cluster without faults.
            Custom("alarm-no-metrics", "no custom metrics arrive", "WARNING", "PT10M", CustomMetrics.WritesTaken, "deployment", "absent()",
                "No Redis node posts its metrics, so the alarms on them tell nothing. On a node: journalctl -u redis-ha-metrics. See docs/monitoring.md.");
        }
        RegisterOutputs();

        void Custom(string name, string title, string severity, string pending, string metric, string group, string condition, string body) =>
            Alarm(name, title, CustomMetrics.Namespace, severity, pending,
                Output.Create($"{metric}[1m]{{deployment = \"{deployed.Name}\"}}.groupBy({group}).{condition}"), body);

        Output<string> Query(string metric, string condition) =>
            loadBalancerId.Apply(balancer => $"{metric}[1m]{{resourceId = \"{balancer}\"}}.{condition}");

        void Alarm(string name, string title, string space, string severity, string pending, Output<string> query, string body) =>
            _ = new Monitoring.Alarm(name, new Monitoring.AlarmArgs
            {
                CompartmentId = deployed.CompartmentId,
                MetricCompartmentId = deployed.CompartmentId,
                DisplayName = deployed.DisplayName(name),
                NotificationTitle = $"{deployed.Name}: {title}",
                Namespace = space,
                Query = query,
                Severity = severity,
                PendingDuration = pending,
                Destinations = { topic },
                IsEnabled = true,
                // Each machine's alarm comes and goes by itself.
                IsNotificationsPerMetricDimensionEnabled = true,
                MessageFormat = "ONS_OPTIMIZED",
                RepeatNotificationDuration = "PT4H",
                Body = body,
                FreeformTags = deployed.Tags,
                DefinedTags = deployed.DefinedTags,
            }, child);
    }

    private static Output<string> Topic(Deployed deployed, string email, CustomResourceOptions child)
    {
        var topic = new Ons.NotificationTopic("alarms", new Ons.NotificationTopicArgs
        {
            CompartmentId = deployed.CompartmentId,
            // One name space for a whole tenancy: the same stack name may exist in another compartment.
            Name = $"{deployed.Name}-alarms-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(deployed.CompartmentId)))[..8]}",
            Description = $"Alarms of {deployed.Name}",
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        // OCI sends a message to the address first; nothing else comes before its link was followed.
        _ = new Ons.Subscription("alarms", new Ons.SubscriptionArgs
        {
            CompartmentId = deployed.CompartmentId,
            TopicId = topic.Id,
            Protocol = "EMAIL",
            Endpoint = email,
            FreeformTags = deployed.Tags,
            DefinedTags = deployed.DefinedTags,
        }, child);
        return topic.Id;
    }
}
