// Entry point of the lab.

return await RedisHaLab.Commands.CommandLineProgram.RunAsync(args);
