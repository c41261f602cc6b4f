// A published proxy for another processor than the proxies' is refused before anything is made.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class BundleArchitectureTests
{
    [Theory]
    [InlineData(0x3E, "VM.Standard.E5.Flex", true)]
    [InlineData(0x3E, "VM.Standard.A1.Flex", false)]
    [InlineData(0xB7, "VM.Standard.A1.Flex", true)]
    [InlineData(0xB7, "VM.Standard.E5.Flex", false)]
    [InlineData(0x08, "VM.Standard.E5.Flex", true)]
    public void A_program_is_for_the_processor_of_the_proxies(int machine, string shape, bool holds)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, .. new byte[9], 2, 0, (byte)machine, 0, .. new byte[44]]);
            (string, string?)[] settings = [("proxyBundlePath", path), ("proxyShape", shape)];
            if (holds)
            {
                Assert.Equal(Path.GetFullPath(path), GoodSettings.Read(settings).Proxy.BundlePath);
                return;
            }
            SettingProblem problem = Assert.Single(GoodSettings.Problems(settings));
            Assert.Equal("proxyBundlePath", problem.Key);
            string platform = shape.Contains("A1", StringComparison.Ordinal) ? "linux-arm64" : "linux-x64";
            Assert.Contains($"dotnet publish proxy --configuration Release --runtime {platform}", problem.Rule, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void This_program_is_for_this_processor() => Assert.Equal(
        System.Runtime.InteropServices.RuntimeInformation.OSArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "linux-arm64" : "linux-x64",
        BundleArchitecture.Of("/bin/sh"));
}
