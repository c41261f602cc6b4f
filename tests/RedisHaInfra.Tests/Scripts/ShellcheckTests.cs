// The scripts that the program sends are clean for shellcheck.

namespace RedisHaInfra.Tests.Scripts;

public sealed class ShellcheckTests
{
    [SkippableTheory]
    [InlineData("bastion-ready.sh")]
    [InlineData("wait-for-ssh.sh")]
    [InlineData("node-rollout.sh")]
    [InlineData("membership.sh")]
    [InlineData("balancer-check.sh")]
    [InlineData("proxies-serve.sh")]
    [InlineData("let-go.sh")]
    public async Task A_script_is_clean(string script)
    {
        Skip.IfNot(Installed.Has("shellcheck"), "needs shellcheck on the path");
        ShellResult report = await Shell.RunAsync("shellcheck", ["--shell=bash", "-"], Components.Scripts.Read(script));

        Assert.Equal(string.Empty, report.Output);
    }
}
