// Which passwords are valid. A change that nobody is locked out by takes two runs: the new ones beside the old ones, then the new ones alone.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>The passwords' versions, and the passwords of clients and of scrapers when the stack sets them.</summary>
public sealed partial record PasswordSettings
{
    /// <summary>Versions of the generated passwords, one or two, rising: all are valid, the last is the one in use.</summary>
    public required ImmutableArray<int> Versions { get; init; }

    /// <summary>The clients' password when the stack sets one; null to generate it.</summary>
    public required SecretText? Client { get; init; }

    /// <summary>A clients' password that is valid as well, until all clients have the other; null for none.</summary>
    public required SecretText? FormerClient { get; init; }

    /// <summary>Whether there is an account that sees metrics and nothing else.</summary>
    public required bool HasMetrics { get; init; }

    /// <summary>That account's password when the stack sets one; null to generate it.</summary>
    public required SecretText? Metrics { get; init; }

    /// <summary>A password of that account that is valid as well, until all scrapers have the other; null for none.</summary>
    public required SecretText? FormerMetrics { get; init; }

    /// <summary>The version in use.</summary>
    public int Version => Versions[^1];

    /// <summary>The version that is valid as well; null for none.</summary>
    public int? FormerVersion => Versions.Length > 1 ? Versions[0] : null;

    /// <summary>The versions as text, for the next run to compare: "1", or "1,2".</summary>
    public string Text => string.Join(',', Versions.Select(version => version.ToString(CultureInfo.InvariantCulture)));

    internal static PasswordSettings Read(SettingsReader reader)
    {
        ImmutableArray<int> versions = reader.Integers(Setting.PasswordVersions);
        bool good = versions.Length switch
        {
            0 or 1 => true,
            2 => versions[0] < versions[1],
            _ => false,
        } && versions.All(version => version > 0);
        reader.Require(good, Setting.PasswordVersions, "one or two whole numbers from 1, rising: all are valid, the last one is in use");
        (SecretText? client, SecretText? former) = Passwords(reader, Setting.ClientPassword, Setting.FormerClientPassword);
        (SecretText? metrics, SecretText? formerMetrics) = Passwords(reader, Setting.MetricsPassword, Setting.FormerMetricsPassword);
        bool hasMetrics = !reader.List(Setting.MonitoringNetworks).IsEmpty;
        reader.RequireOr(string.Empty, hasMetrics || metrics is null, Setting.MetricsPassword,
            "used together with monitoringNetworks only: without them there is no account for metrics", Setting.MonitoringNetworks);
        return new PasswordSettings
        {
            Versions = good && !versions.IsEmpty ? versions : [1],
            Client = client,
            FormerClient = former,
            HasMetrics = hasMetrics,
            Metrics = metrics,
            FormerMetrics = formerMetrics,
        };
    }

    /// <summary>What to say when the change would lock machines or clients out; null when it would not.</summary>
    /// <param name="built">The versions that the last complete run ended with, as <see cref="Text"/>; null when that is not known.</param>
    public string? Refusal(string? built)
    {
        if (built is null)
        {
            return null;
        }
        int used = int.Parse(built.Split(',')[^1], CultureInfo.InvariantCulture);
        if (Versions.Contains(used))
        {
            return null;
        }
        int next = Math.Max(used + 1, Version);
        string key = $"{SettingsSource.Namespace}:{Setting.PasswordVersions.Key}";
        return $"""
            {key} = [{Text}] would lock out everybody who uses the passwords of version {used}; nothing was changed. Two runs change them:

              {Setting.PasswordVersions.ExampleCommand(Lines(used, next))}
              pulumi up     # versions {used} and {next} are valid, the machines use {next}; now give the clients their new password
              pulumi config rm {key} && {Setting.PasswordVersions.ExampleCommand(Lines(next))}
              pulumi up     # version {used} is not valid any more
            """;
    }

    private static string Lines(params int[] versions) => string.Join('\n', versions.Select(version => version.ToString(CultureInfo.InvariantCulture)));

    private static (SecretText? InUse, SecretText? Former) Passwords(SettingsReader reader, Setting setting, Setting formerSetting)
    {
        SecretText? inUse = Password(reader, setting, "; nothing to have one generated");
        SecretText? former = Password(reader, formerSetting, "; nothing when no other is valid");
        reader.RequireOr(string.Empty, former is null || inUse is not null, formerSetting,
            $"used together with {setting.Key} only: of generated passwords, passwordVersions keeps the former ones valid", setting);
        return (inUse, former);
    }

    private static SecretText? Password(SettingsReader reader, Setting setting, string otherwise)
    {
        string? password = reader.Secret(setting);
        // Clients carry it in URLs, command lines of their own and configuration files: characters that no quoting can spoil.
        reader.Require(password is null || PasswordForm().IsMatch(password), setting, $"12 to 128 letters, digits and . _ ~ + = - characters{otherwise}");
        return password is null ? null : new SecretText(password);
    }

    [GeneratedRegex("^[A-Za-z0-9._~+=-]{12,128}$")]
    private static partial Regex PasswordForm();
}
