// Entry point of `pulumi up`: runs the stack.

using Pulumi;
using RedisHaInfra;

return await Deployment.RunAsync<RedisHaStack>();
