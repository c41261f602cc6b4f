// What is left when the helper dies without a word: the translation is gone with it, and the ends of its sessions know nothing. A second process
// of the helper's waits for that; it has the table of flows, and so the numbers that the ends await.

using RedisHaProxy.Linux;

namespace RedisHaProxy.Forwarding.HandOver;

/// <summary>Resets at both ends whatever a table of flows still has.</summary>
internal static unsafe class HandOverGuard
{
    // A RST may be lost, or overtaken by what was under way.
    private const int Times = 4;
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for the end of <paramref name="helper"/>, then resets.</summary>
    /// <param name="helper">Ends when the helper does.</param>
    /// <param name="flows">Descriptor of the map.</param>
    /// <param name="sessions">Sessions that it has room for.</param>
    /// <returns>Sessions that were left.</returns>
    /// <exception cref="BpfException">The map cannot be read, or no packet be sent.</exception>
    public static int Run(Stream helper, int flows, int sessions)
    {
        using var segments = new RawSegments();
        nint bytes = 2 * sessions * sizeof(Flow);
        var table = (Flow*)SharedMemory.Map(flows, bytes, 0, readOnly: true);
        try
        {
            while (helper.ReadByte() >= 0)
            {
                // Nothing is said; only the end counts.
            }

            int left = 0;
            for (int time = 0; time < Times && (time == 0 || left > 0); time++)
            {
                if (time > 0)
                {
                    Thread.Sleep(Between);
                }

                left = ResetAll(table, sessions, segments);
            }

            return left;
        }
        finally
        {
            LibC.MemoryUnmap((byte*)table, bytes);
        }
    }

    private static int ResetAll(Flow* table, int sessions, RawSegments segments)
    {
        int left = 0;
        for (int flow = 0; flow < 2 * sessions; flow++)
        {
            if (table[flow].State != FlowState.Free)
            {
                left++;
                segments.Reset(table[flow ^ 1].Leaves, table[flow], table[flow ^ 1]);
            }
        }

        return left / 2;
    }
}
