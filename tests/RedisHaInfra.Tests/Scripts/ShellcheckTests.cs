// The scripts that the program sends are clean for shellcheck.

using System.Diagnostics;

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
        Skip.IfNot(ScriptRun.Has("shellcheck"), "needs shellcheck on the path");
        var start = new ProcessStartInfo("shellcheck") { RedirectStandardInput = true, RedirectStandardOutput = true, ArgumentList = { "--shell=bash", "-" } };
        using Process process = Process.Start(start)!;
        await process.StandardInput.WriteAsync(Components.Scripts.Read(script));
        process.StandardInput.Close();
        string report = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(string.Empty, report);
    }
}
