// Private names: the A records of a private zone become names of the lab's name service.

using RedisHaLab.Instance;
using RedisHaLab.State;

namespace RedisHaLab.Provider;

/// <summary>Makes private zones and their records.</summary>
internal sealed class NameResources
{
    private readonly Lab _lab;

    public NameResources(Lab lab) => _lab = lab;

    /// <summary>Adds the family's types.</summary>
    public void AddTo(Dictionary<string, Func<Registration, Task<Made>>> makers)
    {
        makers["oci:Dns/zone:Zone"] = registration => Task.FromResult(new Made(registration.Id("dns-zone")));
        makers["oci:Dns/rrset:Rrset"] = RecordsAsync;
    }

    private async Task<Made> RecordsAsync(Registration registration)
    {
        var domain = registration.Inputs.Text("domain");
        var records = registration.Inputs.Objects("items").Where(item => item.Text("rtype") == "A").Select(item => new HostRecord(domain,
            item.Text("rdata"))).ToList();
        await _lab.ChangeNetworkAsync(
            network => network with { HostRecords = network.HostRecords.Without(record => record.Name == domain).Concat(records).ToList() });
        _lab.Services.PublishNames(_lab.State);
        return new Made(registration.Known?.Id ?? $"zoneNameOrId/{domain}");
    }
}
