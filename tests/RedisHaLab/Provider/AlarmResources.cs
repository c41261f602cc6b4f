// Alarms and where they go, and the log group: OCI's own services and agent look and send; nothing in the lab stands for them.

namespace RedisHaLab.Provider;

/// <summary>Takes alarms and logs as they are.</summary>
internal static class AlarmResources
{
    /// <summary>Adds the family's types.</summary>
    public static void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers)
    {
        makers["oci:Ons/notificationTopic:NotificationTopic"] = registration => Task.FromResult(new Made(registration.Id("onstopic")));
        makers["oci:Ons/subscription:Subscription"] = registration => Task.FromResult(new Made(registration.Id("onssubscription")));
        makers["oci:Monitoring/alarm:Alarm"] = registration => Task.FromResult(new Made(registration.Id("alarm")));
        makers["oci:Logging/logGroup:LogGroup"] = registration => Task.FromResult(new Made(registration.Id("loggroup")));
        makers["oci:Logging/log:Log"] = registration => Task.FromResult(new Made(registration.Id("log")));
        makers["oci:Logging/unifiedAgentConfiguration:UnifiedAgentConfiguration"] = registration =>
            Task.FromResult(new Made(registration.Id("unifiedagentconfiguration")));
    }
}
