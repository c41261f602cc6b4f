// The tags that a tenancy asks for: its cost centres, owners, and whatever its tag defaults require.

using System.Collections.Immutable;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Settings;

/// <summary>Tags on everything that takes tags.</summary>
/// <param name="Defined">Defined tags, NAMESPACE.KEY to value; empty for none, and then those that the tenancy adds stay.</param>
/// <param name="Freeform">Free-form tags besides the program's own.</param>
public sealed partial record TagSettings(ImmutableSortedDictionary<string, string> Defined, ImmutableSortedDictionary<string, string> Freeform)
{
    /// <summary>Free-form tags that the program itself sets.</summary>
    public static ImmutableArray<string> Own { get; } = ["application", "deployment"];

    internal static TagSettings Read(SettingsReader reader)
    {
        // OCI: keys of at most 100 characters without spaces and periods, values of at most 256 (Tagging Overview, "Limits on Tags").
        ImmutableSortedDictionary<string, string> defined = Tags(reader, Setting.DefinedTags, DefinedForm(), "NAMESPACE.KEY=VALUE");
        ImmutableSortedDictionary<string, string> freeform = Tags(reader, Setting.FreeformTags, FreeformForm(), "KEY=VALUE");
        string? own = Own.FirstOrDefault(freeform.ContainsKey);
        reader.Require(own is null, Setting.FreeformTags, $"no tags that the program sets itself ({string.Join(", ", Own)}); '{own}' is one");
        // OCI: 10 free-form and 64 defined tags on a resource.
        reader.Require(freeform.Count + Own.Length <= 10, Setting.FreeformTags,
            $"at most {10 - Own.Length} tags: OCI takes 10 on a resource, {Own.Length} are the program's own");
        reader.Require(defined.Count <= 64, Setting.DefinedTags, "at most 64 tags: OCI takes no more on a resource");
        return new TagSettings(defined, freeform);
    }

    private static ImmutableSortedDictionary<string, string> Tags(SettingsReader reader, Setting setting, Regex form, string words)
    {
        ImmutableSortedDictionary<string, string>.Builder tags = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (string item in reader.List(setting))
        {
            Match match = form.Match(item);
            string key = match.Groups[1].Value;
            bool isNew = match.Success && tags.TryAdd(key, match.Groups[2].Value);
            reader.Require(isNew, setting, match.Success
                ? $"each tag once; {key} is there twice"
                : $"tags as {words}, keys of at most 100 characters without spaces and periods, values of at most 256; '{item}' is not");
        }
        return tags.ToImmutable();
    }

    [GeneratedRegex(@"\A([!-\-/-<>-~]{1,100}\.[!-\-/-<>-~]{1,100})=([^\p{Cc}]{0,256})\z")]
    private static partial Regex DefinedForm();

    [GeneratedRegex(@"\A([!-\-/-<>-~]{1,100})=([^\p{Cc}]{0,256})\z")]
    private static partial Regex FreeformForm();
}
