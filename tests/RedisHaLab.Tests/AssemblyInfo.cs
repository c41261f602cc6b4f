// One lab at a time: each takes the whole machine for a while.

using Xunit;

[assembly: CollectionBehavior(DisableTestParallelization = true)]
