// Object Storage: buckets are names, objects are files, a pre-authenticated request is a token in an address.

using System.Globalization;
using System.Security.Cryptography;
using RedisHaLab.Host;
using RedisHaLab.Instance;
using RedisHaLab.Network;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Makes buckets, objects and pre-authenticated requests.</summary>
internal sealed class ObjectStorageResources
{
    private readonly Lab _lab;

    public ObjectStorageResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers)
    {
        makers["oci:ObjectStorage/bucket:Bucket"] = registration =>
            Task.FromResult(new Made(registration.Known?.Id ?? $"n/{Lookups.ObjectNamespace}/b/{registration.Inputs.Text("name")}"));
        makers["oci:ObjectStorage/storageObject:StorageObject"] = ObjectAsync;
        // Nothing in a lab lives for days.
        makers["oci:ObjectStorage/objectLifecyclePolicy:ObjectLifecyclePolicy"] = registration =>
            Task.FromResult(new Made(registration.Known?.Id ?? $"n/{Lookups.ObjectNamespace}/b/{registration.Inputs.Text("bucket")}/l"));
        makers["oci:ObjectStorage/preauthrequest:Preauthrequest"] = PermitAsync;
    }

    private async Task<Made> ObjectAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        var (bucket, name, source) = (inputs.Text("bucket"), inputs.Text("object"), inputs.Text("source"));
        var id = $"n/{Lookups.ObjectNamespace}/b/{bucket}/o/{name}";
        var known = _lab.State.Objects.FirstOrDefault(item => item.Bucket == bucket && item.Name == name);
        // The program ignores changes of the source, as it does on OCI: another content has another name.
        if (known is null || !File.Exists(Path.Combine(_lab.Paths.ObjectsDirectory, known.FileName)))
        {
            Directory.CreateDirectory(_lab.Paths.ObjectsDirectory, FileModes.SecretDirectory);
            var file = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
            await using (var from = File.OpenRead(source))
            await using (var to = File.Create(Path.Combine(_lab.Paths.ObjectsDirectory, file)))
            {
                await from.CopyToAsync(to);
            }

            var stored = new StoredObject(bucket, name, file, inputs.OptionalText("contentType"));
            _lab.Store.Update(state => state with
            {
                Objects = state.Objects.Without(item => item.Bucket == bucket
                && item.Name == name).Append(stored).ToList()
            });
        }

        return new Made(id);
    }

    private Task<Made> PermitAsync(Registration registration)
    {
        var inputs = registration.Inputs;
        var (bucket, name, access) = (inputs.Text("bucket"), inputs.OptionalText("objectName") ?? string.Empty, inputs.Text("accessType"));
        var isSame = registration.Known?.InputsHash == registration.InputsHash;
        var known = isSame ? _lab.State.Permits.FirstOrDefault(IsSame) : null;
        var permit = known ?? new ObjectPermit(
            Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)), bucket, name,
            DateTimeOffset.Parse(inputs.Text("timeExpires"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal), access);
        _lab.Store.Update(state => state with
        {
            Permits = state.Permits.Without(IsSame).Append(permit).ToList()
        });
        var path = $"/p/{permit.Token}/n/{Lookups.ObjectNamespace}/b/{bucket}/o/{name}";
        return Task.FromResult(new Made(
            isSame ? registration.Known!.Id : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            new Dictionary<string, object> { ["accessUri"] = path, ["fullPath"] = $"http://{Addresses.ObjectStorageName}{path}" }));

        bool IsSame(ObjectPermit other) => (other.Bucket, other.ObjectName, other.Access) == (bucket, name, access);
    }
}
