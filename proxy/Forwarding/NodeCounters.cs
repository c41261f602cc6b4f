// Counters of one loop for one node. Only the loop's thread writes them; readers see each number whole.

namespace RedisHaProxy.Forwarding;

internal struct NodeCounters
{
    public long SessionsTotal;
    public long ConnectFailures;
    public long BytesIn;
    public long BytesOut;
}
