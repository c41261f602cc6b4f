// What endpoints are owed, against a plain queue of bytes.

using CsCheck;
using RedisHaProxy.Forwarding;

namespace RedisHaProxy.Tests.Forwarding;

public sealed unsafe class BlockPoolTests
{
    [Fact]
    public void Bytes_come_out_as_they_went_in_and_every_block_comes_back()
    {
        // Per step: an endpoint, whether bytes are added (or taken), how many; now and then all is forgotten.
        Gen.Select(Gen.Int[0, 2], Gen.Frequency((4, Gen.Const('+')), (4, Gen.Const('-')), (1, Gen.Const('x'))), Gen.Int[1, 3 * BlockPool.BlockSize])
            .List[1, 40].Sample(
            steps =>
            {
                var pool = new BlockPool();
                var endpoints = new Endpoint[3];
                var models = new Queue<byte>[] { new(), new(), new() };
                byte next = 0;
                foreach ((int index, char what, int length) in steps)
                {
                    ref Endpoint endpoint = ref endpoints[index];
                    Queue<byte> model = models[index];
                    switch (what)
                    {
                        case '+':
                            var bytes = new byte[length];
                            for (int i = 0; i < length; i++)
                            {
                                model.Enqueue(bytes[i] = next++);
                            }

                            pool.OweCopy(ref endpoint, bytes);
                            break;
                        case '-':
                            int taken = Math.Min(length, endpoint.OwedLength);
                            var first = new ReadOnlySpan<byte>(endpoint.Owed + endpoint.OwedStart, taken);
                            for (int i = 0; i < taken; i++)
                            {
                                Assert.Equal(model.Dequeue(), first[i]);
                            }

                            if (taken > 0)
                            {
                                pool.Taken(ref endpoint, taken);
                            }

                            break;
                        default:
                            pool.Forget(ref endpoint);
                            model.Clear();
                            break;
                    }

                    Assert.Equal(model.Count, BlockPool.Owed(in endpoint));
                    Assert.Equal(model.Count == 0, endpoint.Owed is null);
                }

                for (int i = 0; i < endpoints.Length; i++)
                {
                    pool.Forget(ref endpoints[i]);
                }

                Assert.Equal(0, pool.Rented);
                pool.Free();
            },
            iter: 50);
    }

    [Fact]
    public void A_block_that_was_read_into_is_owed_from_where_it_was_left()
    {
        var pool = new BlockPool();
        var endpoint = default(Endpoint);
        byte* block = pool.Rent();
        new ReadOnlySpan<byte>([1, 2, 3, 4, 5]).CopyTo(new Span<byte>(block, 5));
        BlockPool.Owe(ref endpoint, block, 2, 3);
        pool.OweCopy(ref endpoint, [6]);
        Assert.Equal(4, BlockPool.Owed(in endpoint));
        Assert.Equal([3, 4, 5, 6], new ReadOnlySpan<byte>(endpoint.Owed + endpoint.OwedStart, 4).ToArray());
        pool.Taken(ref endpoint, 4);
        Assert.Equal(0, pool.Rented);
        Assert.True(pool.Rent() == block, "a block that came back is used again");
        pool.Return(block);
        pool.Free();
    }

    [Fact]
    public void No_more_blocks_are_kept_than_a_loop_needs_again()
    {
        var pool = new BlockPool();
        var blocks = new nint[BlockPool.MaxFree + 10];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = (nint)pool.Rent();
        }

        Assert.Equal(blocks.Length, blocks.Distinct().Count());
        Assert.Equal(blocks.Length, pool.Rented);
        foreach (nint block in blocks)
        {
            pool.Return((byte*)block);
        }

        Assert.Equal((0, BlockPool.MaxFree), (pool.Rented, pool.Kept));
        pool.Free();
        Assert.Equal(0, pool.Kept);
    }
}
