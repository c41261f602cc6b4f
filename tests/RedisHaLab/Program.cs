// Entry point of the lab.

// Clients of the lab block a thread of the pool while they wait for an answer; the pool adds threads slowly beyond its minimum.
ThreadPool.SetMinThreads(64, 64);

return await RedisHaLab.Commands.CommandLineProgram.RunAsync(args);
