// A secret in plain C#: it can be used, but not printed by accident.

using Pulumi;

namespace RedisHaInfra.Settings;

/// <summary>Text that must not be shown. <see cref="ToString"/> hides it, and so does any record that holds it.</summary>
public sealed class SecretText
{
    private readonly string _value;

    /// <summary>Wraps a secret.</summary>
    public SecretText(string value) => _value = value;

    /// <summary>The secret itself, for the one place that needs it.</summary>
    public string Reveal() => _value;

    /// <summary>The secret as a Pulumi secret.</summary>
    public Output<string> ToOutput() => Output.CreateSecret(_value);

    /// <summary>Hides the secret.</summary>
    public override string ToString() => "[secret]";
}
