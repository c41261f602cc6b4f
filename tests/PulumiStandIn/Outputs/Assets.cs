// Files and texts as inputs.

namespace Pulumi;

/// <remarks>The internal members carry the names that they have in the real package: those who read an asset in a mock
/// can do so by reflection only, since neither makes its content public.</remarks>
public abstract class AssetOrArchive
{
    private protected AssetOrArchive(string propName, object value)
    {
        PropName = propName;
        Value = value ?? throw new ArgumentNullException(nameof(value));
    }

    internal string PropName { get; }

    internal object Value { get; }
}

public abstract class Asset : AssetOrArchive
{
    private protected Asset(string propName, object value) : base(propName, value)
    {
    }
}

public sealed class FileAsset(string path) : Asset("path", path);

public sealed class StringAsset(string text) : Asset("text", text);

public sealed class RemoteAsset(string uri) : Asset("uri", uri);

public abstract class Archive : AssetOrArchive
{
    private protected Archive(string propName, object value) : base(propName, value)
    {
    }
}

public sealed class FileArchive(string path) : Archive("path", path);
