// The rule of the read-only listener over all it can see, and the age of data that it is told.

using CsCheck;
using RedisHaProxy.Routing;

namespace RedisHaProxy.Tests.Routing;

public sealed class ReadRuleTests
{
    private static IEnumerable<ReplicaView> AllViews =>
        from role in Enum.GetValues<NodeRole>()
        from master in (int[])[-1, 0, 1]
        from linkUp in (bool[])[false, true]
        from silent in (bool[])[false, true]
        from follows in (bool[])[false, true]
        from lag in Enum.GetValues<ReplicaLag>()
        from wasFit in (bool[])[false, true]
        from maintenance in (bool[])[false, true]
        select new ReplicaView(new NodeState(role, master, linkUp, silent), follows, lag, wasFit, maintenance);

    [Fact]
    public void Every_combination_is_decided_as_the_table_says()
    {
        var counts = new Dictionary<ReadFitness, int>();
        foreach (ReplicaView view in AllViews)
        {
            ReadFitness fitness = ReadRule.Decide(view);
            counts[fitness] = counts.GetValueOrDefault(fitness) + 1;

            bool replica = view.State.Role == NodeRole.Follows;
            bool serves = replica && view.State.LinkUp && view.FollowsRouted && !view.InMaintenance;
            bool takes = serves && view.Lag == ReplicaLag.Low;
            bool never = view.State.Role is NodeRole.Claims or NodeRole.Promoted || view.InMaintenance || view.Lag == ReplicaLag.Beyond;
            bool keeps = !takes && !never && ((serves && view.Lag == ReplicaLag.High) || view.WasFit);
            Assert.True(fitness == (takes ? ReadFitness.Take : keeps ? ReadFitness.Keep : ReadFitness.None), $"{view}: {fitness}");

            // What an operator reads says the same.
            Assert.Equal(fitness == ReadFitness.Take, ReadRule.Describe(view) == "fit");
            Assert.NotEmpty(ReadRule.Describe(view));
        }

        Assert.Equal(4 * 3 * 2 * 2 * 2 * 4 * 2 * 2, counts.Values.Sum());
        Assert.All(Enum.GetValues<ReadFitness>(), fitness => Assert.True(counts[fitness] > 0));
    }

    [Fact]
    public void Neither_a_claimant_nor_old_data_ever_has_sessions() =>
        Assert.All(
            AllViews.Where(view => view.State.IsClaimant || view.Lag == ReplicaLag.Beyond || view.InMaintenance),
            view => Assert.Equal(ReadFitness.None, ReadRule.Decide(view)));

    [Fact]
    public void An_age_is_never_below_the_true_one_and_not_far_above()
    {
        // Per step: how much time passes, and how much the master writes in it; a replica stays at the offset of some moment.
        var span = TimeSpan.FromSeconds(10);
        Gen.Select(Gen.Select(Gen.Int[10, 400], Gen.Frequency((1, Gen.Const(0)), (2, Gen.Int[1, 1000]))).Array[1, 200], Gen.Int[0, 200])
            .Sample((steps, stopped) =>
        {
            var history = new OffsetHistory(span);
            var truth = new List<(TimeSpan At, long Offset)>();
            TimeSpan now = TimeSpan.Zero;
            long offset = 1000;
            long replica = 0;
            for (int i = 0; i < steps.Length; i++)
            {
                now += TimeSpan.FromMilliseconds(steps[i].Item1);
                offset += steps[i].Item2;
                history.Add(now, offset, "a");
                truth.Add((now, offset));
                if (i <= stopped)
                {
                    replica = offset;
                }

                // What the replica lacks was written after the last moment at which the master was seen at its offset.
                TimeSpan exact = replica >= offset ? TimeSpan.Zero : now - truth.Last(sample => sample.Offset <= replica).At;
                TimeSpan? age = history.AgeAt(replica, "a", now);
                Assert.True(age is not null, "the replica was never behind the beginning of the history");
                Assert.True(age >= exact, $"{age} is younger than {exact}");
                Assert.True(age <= exact + TimeSpan.FromMilliseconds(400 + (10_000 / 32))
                    || exact + TimeSpan.FromMilliseconds(400 + (10_000 / 32)) > span, $"{age} is far above {exact}");
            }
        });
    }

    [Fact]
    public void Without_a_common_history_no_age_is_known()
    {
        var history = new OffsetHistory(TimeSpan.FromSeconds(10));
        Assert.Null(history.AgeAt(5, "a", TimeSpan.Zero));
        history.Add(TimeSpan.FromSeconds(1), 100, "a");
        Assert.Equal(TimeSpan.Zero, history.AgeAt(100, "a", TimeSpan.FromSeconds(2)));
        Assert.Null(history.AgeAt(100, "b", TimeSpan.FromSeconds(2)));
        Assert.Null(history.AgeAt(100, null, TimeSpan.FromSeconds(2)));

        // Behind the beginning of what is known: not to be said at first, and beyond the bound once the beginning is that old.
        Assert.Null(history.AgeAt(99, "a", TimeSpan.FromSeconds(2)));
        Assert.Equal(TimeSpan.MaxValue, history.AgeAt(99, "a", TimeSpan.FromSeconds(12)));

        // Another master, or one that has lost its offset: everything is forgotten.
        history.Add(TimeSpan.FromSeconds(12), 200, "b");
        Assert.Null(history.AgeAt(100, "a", TimeSpan.FromSeconds(12)));
        history.Add(TimeSpan.FromSeconds(13), 50, "b");
        Assert.Null(history.AgeAt(20, "b", TimeSpan.FromSeconds(13)));
    }
}
