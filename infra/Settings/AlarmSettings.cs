// Alarms of OCI's Monitoring, and where they go.

using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>Where alarms go; both null for none.</summary>
/// <param name="Email">An e-mail address, which a topic of the stack's own sends to.</param>
/// <param name="TopicId">OCID of a topic that exists.</param>
/// <param name="HasCustomMetrics">Whether the Redis nodes post metrics of their own, which more alarms look at.</param>
public sealed partial record AlarmSettings(string? Email, string? TopicId, bool HasCustomMetrics)
{
    /// <summary>Whether there are alarms.</summary>
    public bool IsOn => Email is not null || TopicId is not null;

    internal static AlarmSettings Read(SettingsReader reader)
    {
        string? email = reader.OptionalText(Setting.AlarmEmail, EmailForm(),
            "one e-mail address such as oncall@example.com; for several people the address of a mailing list");
        string? topic = reader.OptionalText(Setting.AlarmTopicId, TopicForm(), "the OCID of a topic (Notifications), or nothing");
        reader.RequireOr(string.Empty, email is null || topic is null, Setting.AlarmTopicId,
            $"not together with {Setting.AlarmEmail.Key}: a topic that exists has its own subscriptions", Setting.AlarmEmail);
        return new AlarmSettings(email, topic, reader.Choice(Setting.CustomMetrics) == "yes");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\z")]
    private static partial Regex EmailForm();

    [GeneratedRegex(@"\Aocid1\.onstopic\.[A-Za-z0-9._-]+\z")]
    private static partial Regex TopicForm();
}
