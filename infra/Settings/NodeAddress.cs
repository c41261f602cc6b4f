// Which machine, and where it is.

namespace RedisHaInfra.Settings;

/// <summary>A machine by name and private address.</summary>
/// <param name="Name">Host name, such as redis1.</param>
/// <param name="Address">Private IPv4 address.</param>
public sealed record NodeAddress(string Name, string Address);
