// What an import gives: the configuration, the passwords that belong into files, and what was not taken over.

using System.Text.Json.Nodes;
using RedisHaProxy.Configuration;

namespace RedisHaProxy.Importing;

/// <summary>Something that the operator should know.</summary>
/// <param name="Lines">Of these lines, counted from 1; of the file as a whole when empty.</param>
/// <param name="Text">What, and what takes its place.</param>
internal sealed record ImportNote(IReadOnlyList<int> Lines, string Text)
{
    /// <summary>What, and what takes its place; words of the file in it are visible and on one line.</summary>
    public string Text { get; } = HaproxyLine.Visible(Text);
}

/// <summary>An imported configuration.</summary>
/// <param name="Values">Values by their keys.</param>
/// <param name="Secrets">Passwords by the keys of their files.</param>
/// <param name="Notes">Every line that has no equivalent, in the order of the file.</param>
internal sealed record ImportResult(
    IReadOnlyDictionary<Setting, JsonNode> Values, IReadOnlyDictionary<Setting, string> Secrets, IReadOnlyList<ImportNote> Notes)
{
    /// <summary>proxy.json, in the order of the documentation, without any password.</summary>
    /// <param name="secretFile">Where the password of a key lies.</param>
    public string Write(Func<Setting, string> secretFile)
    {
        var root = new JsonObject();
        foreach (var setting in Setting.All)
        {
            JsonNode? value = Secrets.ContainsKey(setting) ? secretFile(setting) : Values.TryGetValue(setting, out var given) ? given.DeepClone() : null;
            if (value is not null)
            {
                var section = root;
                foreach (string name in setting.Parent.Split('.', StringSplitOptions.RemoveEmptyEntries))
                {
                    section[name] ??= new JsonObject();
                    section = section[name]!.AsObject();
                }

                section[setting.Name] = value;
            }
        }

        return IndentedJson.Write(root);
    }
}
