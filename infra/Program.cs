// Entry point of `pulumi up`: runs the stack. With the word "cost" it estimates a configuration's cost instead (scripts/cost).

using Pulumi;
using RedisHaInfra;
using RedisHaInfra.Settings;

if (args is ["cost"])
{
    try
    {
        Console.Out.Write(CostEstimate.OfConfiguration(await Console.In.ReadToEndAsync()));
        return 0;
    }
    catch (SettingsException error)
    {
        await Console.Error.WriteLineAsync(error.Message);
        return 1;
    }
}
return await Deployment.RunAsync<RedisHaStack>();
