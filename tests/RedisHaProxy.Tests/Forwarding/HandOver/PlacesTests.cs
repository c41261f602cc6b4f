// The places of handed-over sessions, against a dictionary.

using System.Runtime.CompilerServices;
using RedisHaProxy.Forwarding.HandOver;

namespace RedisHaProxy.Tests.Forwarding.HandOver;

public sealed class PlacesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300)]
    public void Sessions_are_found_at_their_places_as_long_as_they_are_not_over(int capacity)
    {
        var random = new Random(capacity);
        var places = new Places(capacity);
        var model = new Dictionary<long, int>();
        var over = new List<int>();
        long next = 0;
        for (int i = 0; i < 100_000; i++)
        {
            switch (random.Next(3))
            {
                case 0 when !places.IsFull:
                    long id = random.Next(10) == 0 ? random.NextInt64() - random.NextInt64() : next += random.Next(1, 4);
                    Assert.Equal(-1, places.Find(id));
                    int place = places.Take(id);
                    Assert.InRange(place, 0, places.Used - 1);
                    Assert.DoesNotContain(place, model.Values);
                    Assert.DoesNotContain(place, over);
                    model.Add(id, place);
                    break;
                case 1 when model.Count > 0:
                    (long ending, int ended) = model.ElementAt(random.Next(model.Count));
                    places.Forget(ended);
                    Assert.Equal(ending, places.IdOf(ended));
                    Assert.Equal(-1, places.Find(ending));
                    model.Remove(ending);
                    over.Add(ended);
                    break;
                case 2 when over.Count > 0:
                    places.Free(over[0]);
                    over.RemoveAt(0);
                    break;
            }

            Assert.Equal(model.Count, places.Count);
            Assert.Equal(model.Count + over.Count == capacity, places.IsFull);
            if (model.Count > 0)
            {
                (long known, int at) = model.ElementAt(random.Next(model.Count));
                Assert.Equal(at, places.Find(known));
                Assert.Equal(known, places.IdOf(at));
            }
        }
    }

    // What the kernel keeps of it comes to more.
    [Fact]
    public void A_session_takes_less_than_100_bytes_of_the_helpers_tables()
    {
        const int OfItsPlace = sizeof(long) + (2 * sizeof(int));
        Assert.InRange(Unsafe.SizeOf<HandedOver>() + (2 * Unsafe.SizeOf<HandOverSide>()) + OfItsPlace, 1, 99);
    }

    // The tables of a helper that has few sessions at a time stay small, however many it has had.
    [Fact]
    public void Places_are_used_again_but_not_at_once()
    {
        var places = new Places(1000);
        int last = -1;
        for (int id = 0; id < 100_000; id++)
        {
            int place = places.Take(id);
            Assert.NotEqual(last, place);
            places.Forget(place);
            places.Free(place);
            last = place;
        }

        Assert.InRange(places.Used, 2, 100);
    }
}
