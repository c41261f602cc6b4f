// When a thread counts as short of processor time. The numbers are given, and once those of a real thread.

using System.Text;
using RedisHaProxy.Linux;

namespace RedisHaProxy.Tests.Forwarding;

public sealed class ProcessorPressureTests
{
    private const long Millisecond = 1_000_000;

    [Theory]
    [InlineData("123 456 789\n", 456)]
    [InlineData("0 0 0\n", 0)]
    [InlineData("", -1)]
    [InlineData("123\n", 123)] // no such kernel; a number all the same
    [InlineData("1 x 2", -1)]
    [InlineData("1 -5 2", -1)]
    public void The_second_number_is_the_delay(string text, long delay) => Assert.Equal(delay, ProcessorPressure.DelayOf(Encoding.ASCII.GetBytes(text)));

    [Theory]
    [InlineData(0, false)]
    [InlineData(5, false)]
    [InlineData(15, true)]
    [InlineData(90, true)]
    public void A_tenth_of_the_time_is_short(int percent, bool isShort)
    {
        using ProcessorPressure pressure = ProcessorPressure.OfNoThread();
        for (int i = 0; i <= 50; i++)
        {
            pressure.Add(10 * i, i * percent * Millisecond / 10);
        }

        Assert.Equal(isShort, pressure.IsShort);
    }

    [Fact]
    public void One_long_wait_alone_is_forgotten_soon()
    {
        using ProcessorPressure pressure = ProcessorPressure.OfNoThread();
        pressure.Add(0, 0);
        pressure.Add(10, 10 * Millisecond);
        Assert.True(pressure.IsShort);
        int looks = 0;
        while (pressure.IsShort)
        {
            pressure.Add(10 + (10 * ++looks), 10 * Millisecond);
        }

        Assert.InRange(looks, 1, 10);
    }

    [Fact]
    public void A_number_that_is_missing_or_goes_back_changes_nothing()
    {
        using ProcessorPressure pressure = ProcessorPressure.OfNoThread();
        pressure.Add(0, 0);
        pressure.Add(10, -1);
        pressure.Add(20, 1000 * Millisecond);
        pressure.Add(30, 500 * Millisecond);
        Assert.False(pressure.IsShort);
    }

    [Fact]
    public async Task The_kernel_tells_a_thread_about_itself()
    {
        await Task.Run(() =>
        {
            using ProcessorPressure pressure = ProcessorPressure.OfThisThread();
            using var file = File.OpenHandle("/proc/thread-self/schedstat");
            var text = new byte[80];
            Assert.True(ProcessorPressure.DelayOf(text.AsSpan(0, RandomAccess.Read(file, text, 0))) >= 0);
            pressure.Look(1000);
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 100; i++)
            {
                pressure.Look(2000 + (10 * i));
            }

            Assert.Equal(allocated, GC.GetAllocatedBytesForCurrentThread());
        });
    }
}
