// Runs take their configuration from the process' environment: one at a time.

[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]
