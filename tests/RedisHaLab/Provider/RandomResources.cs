// Random values: drawn once, then kept in the state like Pulumi keeps them.

using System.Security.Cryptography;
using RedisHaLab.Host;

namespace RedisHaLab.Provider;

/// <summary>Makes random passwords.</summary>
internal static class RandomResources
{
    private const string Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    /// <summary>Adds the family's types.</summary>
    public static void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers) =>
        makers["random:index/randomPassword:RandomPassword"] = registration => Task.FromResult(Password(registration));

    private static Made Password(Registration registration)
    {
        if (registration.Inputs.Flag("special", otherwise: true))
        {
            throw new LabException("the lab draws passwords of letters and digits; set special to false.");
        }

        var length = registration.Inputs.Number("length") ?? throw new LabException("a password needs a length.");
        var isSame = registration.Known?.InputsHash == registration.InputsHash;
        var result = isSame && registration.Known!.Outputs["result"]?.GetValue<string>() is { } kept ? kept : RandomNumberGenerator.GetString(Letters, length);
        return new Made("none", new Dictionary<string, object> { ["result"] = result });
    }
}
