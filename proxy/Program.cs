// Entry point of redis-ha-proxy: one verb a command, see Commands/.

using RedisHaProxy.Commands;

return await ProxyCommandLine.InvokeAsync(args, Console.Out, Console.Error);
