// Entry point of the benchmarks: one verb each.

using System.CommandLine;
using RedisHaBench.Failover;
using RedisHaBench.Traffic;

var root = new RootCommand("Benchmarks of redis-ha-proxy against HAProxy, on real processes on this machine.")
{
    FailoverCommand.Create(),
    FollowersCommand.Create(),
    TrafficCommand.Create(),
};
var parse = root.Parse(args);
if (parse.Action is System.CommandLine.Invocation.ParseErrorAction error)
{
    // The messages say what is wrong; help or guesses around them would hide it.
    error.ShowHelp = false;
    error.ShowTypoCorrections = false;
}

var exitCode = await parse.InvokeAsync();
return parse.Errors.Count > 0 ? 2 : exitCode;
