// Who is given up, and who is not: an end that a bad wire makes slow is none that has vanished.

using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed class LivenessTests
{
    private static readonly HandOverTimes Times = new();

    // Its peer sends again after 51, 102 and 120 seconds where everything was lost eight times: nothing is acknowledged meanwhile, and the end is there.
    [Theory]
    [InlineData(61)]
    [InlineData(120)]
    [InlineData(299)]
    public void An_end_that_answers_is_not_given_up_while_what_it_is_sent_is_lost(int seconds)
    {
        var heard = TimeSpan.FromSeconds(5);
        Assert.Equal(Liveness.There, new EndSigns(heard, TimeSpan.FromSeconds(seconds), 0, heard).Judge(Times));
    }

    [Fact]
    public void One_that_answers_for_minutes_and_acknowledges_nothing_is()
        => Assert.Equal(Liveness.Standing, new EndSigns(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(301), 0, default).Judge(Times));

    // As the proxy's own sockets do: 30 s of silence, then questions.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_that_answers_nothing_is_given_up_after_a_minute_whether_or_not_something_is_under_way(bool standing)
    {
        int probes = 0;
        int probed = 0;
        int second = 0;
        for (Liveness found = Liveness.There; found != Liveness.Silent; second++)
        {
            var heard = TimeSpan.FromSeconds(second);
            found = new EndSigns(heard, standing ? heard : null, probes, TimeSpan.FromSeconds(second - probed)).Judge(Times);
            Assert.NotEqual(Liveness.Standing, found);
            if (found == Liveness.ToBeAsked)
            {
                probes++;
                probed = second;
            }

            Assert.True(second <= 60, "it is still there after a minute");
        }

        Assert.Equal((6, 61), (probes, second));
    }

    // It acknowledges everything, and answers each question that it has no room.
    [Theory]
    [InlineData(60, 5, Liveness.There)]
    [InlineData(61, 4, Liveness.There)] // nobody waits: the other end asks now and then whether it is there
    [InlineData(61, 5, Liveness.Full)]
    internal void One_that_has_no_room_for_a_minute_is_given_up_when_the_other_end_waits(int seconds, uint questions, Liveness expected)
        => Assert.Equal(expected, new EndSigns(TimeSpan.FromSeconds(1), null, 0, default, TimeSpan.FromSeconds(seconds), questions).Judge(Times));

    [Fact]
    public void An_answer_to_the_last_question_is_enough()
        => Assert.Equal(Liveness.ToBeAsked, new EndSigns(TimeSpan.FromSeconds(30), null, 0, TimeSpan.FromSeconds(31)).Judge(Times));
}
