// Addresses of the lab that no resource of the program decides: the world outside of the network. They come from the
// ranges that RFC 5737 reserves for documentation and that no network routes.

using System.Net;

namespace RedisHaLab.Network;

/// <summary>The lab's world outside of the program's network.</summary>
internal static class Addresses
{
    /// <summary>Metadata and name service, as on OCI.</summary>
    public const string LinkLocalService = "169.254.169.254";

    /// <summary>The router's address on links that have none in the network.</summary>
    public const string LinkLocalRouter = "169.254.0.1";

    /// <summary>The operator's workstation on the internet.</summary>
    public const string Operator = "203.0.113.10";

    /// <summary>The operators' own network, which a VPN connects with the private addresses.</summary>
    public const string OfficeCidr = "192.0.2.0/24";

    /// <summary>The operator's workstation in it.</summary>
    public const string Office = "192.0.2.10";

    /// <summary>The distribution's package mirror on the internet.</summary>
    public const string PackageMirror = "203.0.113.80";

    /// <summary>The public address of the NAT gateway.</summary>
    public const string NatGateway = "203.0.113.254";

    /// <summary>The provider's services, which a service gateway leads to.</summary>
    public const string ServicesCidr = "198.51.100.0/24";

    /// <summary>The name of <see cref="ServicesCidr"/> in rules and routes.</summary>
    public const string ServicesCidrBlock = "all-lab-services-in-oracle-services-network";

    /// <summary>Object Storage, one of the provider's services.</summary>
    public const string ObjectStorage = "198.51.100.80";

    /// <summary>Name of <see cref="PackageMirror"/>.</summary>
    public const string PackageMirrorName = "packages.redis-ha-lab.internal";

    /// <summary>Name of <see cref="ObjectStorage"/>.</summary>
    public const string ObjectStorageName = "objectstorage.redis-ha-lab.internal";

    /// <summary>Name of Monitoring, and of what gives instances their tokens; at <see cref="ObjectStorage"/> as well.</summary>
    public const string MonitoringName = "telemetry-ingestion.redis-ha-lab.internal";

    /// <summary>The public address that the internet gateway gives to the n-th interface, n from 0.</summary>
    public static string Public(int n) => $"203.0.113.{101 + n}";

    /// <summary>The gateway of a subnet: its first host address, as on OCI.</summary>
    public static string Gateway(string cidr) => Offset(cidr, 1);

    /// <summary>The last address of a subnet that a machine may have: the one before the broadcast address.</summary>
    public static string LastUsable(string cidr)
    {
        var network = IPNetwork.Parse(cidr);
        return Offset(cidr, (1u << (32 - network.PrefixLength)) - 2);
    }

    /// <summary>The length of a range's prefix.</summary>
    public static int PrefixLength(string cidr) => IPNetwork.Parse(cidr).PrefixLength;

    /// <summary>The name of an interface inside the network's namespace: short, and fixed by the address.</summary>
    public static string LinkName(string address) => "v-" + Convert.ToHexStringLower(IPAddress.Parse(address).GetAddressBytes());

    private static string Offset(string cidr, uint offset)
    {
        var bytes = IPNetwork.Parse(cidr).BaseAddress.GetAddressBytes();
        var value = (uint)((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) + offset;
        return $"{value >> 24}.{(value >> 16) & 255}.{(value >> 8) & 255}.{value & 255}";
    }
}
